//! SHA-256 digests: parsed strictly before they become a file name, and computed while bytes pass by.
//!
//! The text form is OCI's: `sha256:` and 64 lowercase hexadecimal digits. Nothing else is a digest here, so that a
//! hostile manifest can't smuggle a path or a weaker algorithm in.

use std::{
    fmt,
    io::{self, Read},
    str::FromStr,
};

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sha256Digest([u8; 32]);

/// A text that is no SHA-256 digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not sha256: and 64 lowercase hexadecimal digits", text.escape_debug())]
pub struct DigestError {
    /// The text, cut to a length that fits a message.
    pub text: String,
}

impl Sha256Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hasher(Sha256::new_with_prefix(bytes))
    }

    /// Returns what a hasher has seen.
    pub fn from_hasher(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the 64 hexadecimal digits alone: the name of a blob.
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = String::with_capacity(64);
        for byte in self.0 {
            for digit in [byte >> 4, byte & 15] {
                hex.push(char::from(DIGITS[usize::from(digit)]));
            }
        }
        hex
    }
}

impl FromStr for Sha256Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let invalid = || DigestError {
            text: text.chars().take(80).collect(),
        };
        let digits = text.strip_prefix("sha256:").ok_or_else(invalid)?.as_bytes();
        if digits.len() != 64 {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = hex_value(pair[0]).ok_or_else(invalid)?;
            let low = hex_value(pair[1]).ok_or_else(invalid)?;
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Passes bytes through, hashes and counts them.
pub struct HashingReader<R> {
    inner: R,
    hasher: Sha256,
    count: u64,
}

impl<R> HashingReader<R> {
    /// Starts with nothing seen.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            count: 0,
        }
    }

    /// Returns how many bytes have passed.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the reader that the bytes came from.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// Returns the digest of the bytes that have passed.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::from_hasher(self.hasher.clone())
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        self.count += length as u64;
        Ok(length)
    }
}

impl<R> fmt::Debug for HashingReader<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HashingReader")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn only_a_full_lowercase_sha256_is_a_digest() {
        assert_eq!(EMPTY.parse(), Ok(Sha256Digest::of(b"")));
        assert_eq!(Sha256Digest::of(b"").to_string(), EMPTY);
        let upper = EMPTY.to_uppercase();
        let table = [
            "",
            "sha256:",
            &EMPTY[7..],
            &EMPTY[..70],
            "sha256:../../../../../../../../etc/passwd",
            "sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            upper.as_str(),
        ];
        for text in table {
            assert!(text.parse::<Sha256Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_passes_is_hashed_and_counted() {
        let mut reader = HashingReader::new(&b"abc"[..]);
        io::copy(&mut reader, &mut io::sink()).unwrap();
        assert_eq!(reader.count(), 3);
        assert_eq!(reader.digest(), Sha256Digest::of(b"abc"));
    }
}
