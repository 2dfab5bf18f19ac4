//! Key material: PEM blocks and ssh keys. That it differs is said; its bytes never are.

/// How ssh 1 wrote private keys.
const SSH1: &[u8] = b"SSH PRIVATE KEY FILE FORMAT 1.1\n";
/// How public keys of ssh begin, on a line of their own or behind a host's name.
const SSH_PUBLIC: [&[u8]; 4] = [
    b"ssh-rsa AAAA",
    b"ssh-dss AAAA",
    b"ssh-ed25519 AAAA",
    b"ecdsa-sha2-",
];
/// PEM labels are short; what is longer is no label.
const LONGEST_LABEL: usize = 60;

/// Names the key material in either file, without showing any of it.
pub(in super::super) fn explain_key(first: &[u8], second: &[u8]) -> Option<String> {
    let name = key_name(first).or_else(|| key_name(second))?;
    Some(format!("key material ({name}): it is not shown"))
}

fn key_name(bytes: &[u8]) -> Option<String> {
    if bytes.starts_with(SSH1) {
        return Some("ssh 1 private key".to_owned());
    }
    if let Some(label) = pem_label(bytes) {
        return Some(label);
    }
    if bytes.starts_with(b"openssh-key-v1\0") {
        return Some("OpenSSH private key".to_owned());
    }
    let is_public = |start: &&[u8]| bytes.windows(start.len()).any(|part| part == *start);
    SSH_PUBLIC
        .iter()
        .any(is_public)
        .then(|| "ssh public key".to_owned())
}

fn label(line: &[u8]) -> Option<&str> {
    let label = line.trim_ascii().strip_prefix(b"-----BEGIN ")?;
    let label = label.strip_suffix(b"-----")?;
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b' ';
    let is_label = label.len() <= LONGEST_LABEL && label.iter().all(is_word);
    str::from_utf8(label).ok().filter(|_| is_label)
}

/// Returns the label of a PEM block, a private key's before any other one.
fn pem_label(bytes: &[u8]) -> Option<String> {
    let labels: Vec<&str> = bytes
        .split(|&byte| byte == b'\n')
        .filter_map(label)
        .collect();
    let private = labels.iter().find(|label| label.contains("PRIVATE"));
    private.or(labels.first()).map(|&label| label.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_and_never_shown() {
        let pem = |label: &str, body: &str| {
            format!("# mine\n-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
        };
        let both = pem("CERTIFICATE", "AAAA") + &pem("RSA PRIVATE KEY", "hunter2");
        let ssh = "ssh-rsa AAAAB3NzaC1 root@old\n";
        let table = [
            (
                pem("CERTIFICATE", "AAAA"),
                "key material (CERTIFICATE): it is not shown",
            ),
            (both, "key material (RSA PRIVATE KEY): it is not shown"),
            (
                ssh.to_owned(),
                "key material (ssh public key): it is not shown",
            ),
        ];
        for (text, expected) in table {
            // A file that lost its key shows none of the other's either.
            for other in ["", "text"] {
                let explained = explain_key(text.as_bytes(), other.as_bytes());
                assert_eq!(explained.as_deref(), Some(expected));
            }
        }
        assert_eq!(
            explain_key(b"-----BEGIN\n", b"ssh-rsa is a kind of key"),
            None
        );
    }
}
