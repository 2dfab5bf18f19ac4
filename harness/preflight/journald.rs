//! The journald namespace of the production machine (journald.conf(5), systemd-journald.service(8)).
//!
//! A namespaced journald ends half a minute after its last client on a stream went; clients of /dev/log don't count. Its socket goes
//! with it, and what the guest has bound as /dev/log is dead until the guest is started again. A `MaxRetentionSec` of more
//! than half a minute keeps it.

use std::{fs, io, path::Path};

use super::finding::Check;
use crate::outcome::Case;

/// The longest `MaxRetentionSec` with which journald ends when idle.
const IDLE: u64 = 30;

/// What stands on the other side of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Socket {
    /// No such path.
    Missing,
    /// Somebody reads from it.
    Alive,
    /// Nobody does.
    Dead,
}

/// A namespace as it is on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Namespace {
    /// Its configuration: the file and its drop-ins, one after the other; none where there is no file.
    configuration: Option<String>,
    /// Its /dev/log.
    socket: Socket,
}

/// Checks the namespace of a machine.
pub(super) fn decide(check: Check<'_>, machine: Option<&str>) -> Case {
    let Some(machine) = machine else {
        return check.does_not_apply("no project names a machine");
    };
    if !Path::new("/run/systemd/system").exists() {
        return check.does_not_apply(
            "systemd is not this host's init; the guest's /dev/log is a socket of the harness",
        );
    }
    match look(machine) {
        Ok(seen) => judge(check, machine, &seen),
        Err(error) => check.not_made(&error.to_string()),
    }
}

fn look(machine: &str) -> io::Result<Namespace> {
    let mut text = String::new();
    let mut found = false;
    for folder in ["/etc/systemd", "/run/systemd", "/usr/lib/systemd"] {
        let file = format!("{folder}/journald@{machine}.conf");
        let drop_ins = fs::read_dir(format!("{file}.d")).into_iter().flatten();
        let mut paths: Vec<_> = drop_ins
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        paths.sort();
        paths.insert(0, file.into());
        for path in paths {
            match fs::read_to_string(&path) {
                Ok(part) => {
                    found = true;
                    text.push_str(&part);
                    text.push('\n');
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    let socket = format!("/run/systemd/journal.{machine}/dev-log");
    Ok(Namespace {
        configuration: found.then_some(text),
        socket: socket_at(Path::new(&socket)),
    })
}

fn socket_at(path: &Path) -> Socket {
    if !path.exists() {
        return Socket::Missing;
    }
    // Only a connection shows whether somebody reads; nothing is sent.
    let connected =
        std::os::unix::net::UnixDatagram::unbound().and_then(|socket| socket.connect(path));
    if connected.is_ok() {
        Socket::Alive
    } else {
        Socket::Dead
    }
}

fn judge(check: Check<'_>, machine: &str, seen: &Namespace) -> Case {
    let file = format!("/etc/systemd/journald@{machine}.conf");
    if seen.socket == Socket::Dead {
        return check.finding(
            &format!("nobody reads from /run/systemd/journal.{machine}/dev-log"),
            "what the guest logs is lost in silence",
            &format!("systemctl restart systemd-journald@{machine}.service, then the guest; and {file} must hold MaxRetentionSec"),
        );
    }
    let retention = seen.configuration.as_deref().map(retention);
    match (retention, seen.socket) {
        (None, Socket::Missing) => check.does_not_apply(&format!(
            "there is no journald namespace {machine} yet; tests use a socket of their own, `units` writes {file}"
        )),
        (Some(Ok(Some(seconds))), _) if seconds > IDLE => {
            check.fine(format!("MaxRetentionSec is {seconds} s, {}", match seen.socket {
                Socket::Alive => "the socket is alive",
                Socket::Missing | Socket::Dead => "journald is not started",
            }))
        }
        (Some(Err(text)), _) => check.not_made(&format!("{file}: MaxRetentionSec={text} can't be read")),
        (None | Some(Ok(_)), _) => check.finding(
            &format!("{file} sets no MaxRetentionSec of more than {IDLE} s"),
            "journald ends when no program has a stream to it, and the guest's syslog is lost in silence",
            &format!("MaxRetentionSec=1year in {file} (`units` writes it)"),
        ),
    }
}

/// Returns the last `MaxRetentionSec` in seconds; an error holds what can't be read.
fn retention(configuration: &str) -> Result<Option<u64>, String> {
    let lines = configuration.lines().map(str::trim);
    let mut values = lines.filter_map(|line| line.strip_prefix("MaxRetentionSec=").map(str::trim));
    match values.next_back() {
        None | Some("") => Ok(None),
        Some(text) => seconds(text).map(Some).ok_or_else(|| text.to_owned()),
    }
}

/// Reads a time span (systemd.time(7)) in whole seconds.
fn seconds(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_ascii_alphabetic())
                .len();
        let unit = match &rest[..letters] {
            "" | "s" | "sec" | "second" | "seconds" => 1,
            "m" | "min" | "minute" | "minutes" => 60,
            "h" | "hr" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 86_400,
            "w" | "week" | "weeks" => 604_800,
            "M" | "month" | "months" => 2_629_800,
            "y" | "year" | "years" => 31_557_600,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = rest[letters..].trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::Outcome, preflight::finding::host_check};

    #[test]
    fn only_a_long_retention_keeps_a_namespace_alive() {
        let table = [
            (None, Socket::Missing, Outcome::Same),
            (None, Socket::Alive, Outcome::Broken),
            (
                Some("[Journal]\nMaxRetentionSec=1year\n"),
                Socket::Alive,
                Outcome::Same,
            ),
            (
                Some("[Journal]\nMaxRetentionSec=1year\n"),
                Socket::Missing,
                Outcome::Same,
            ),
            (
                Some("[Journal]\nMaxRetentionSec=1year\n"),
                Socket::Dead,
                Outcome::Broken,
            ),
            (
                Some("[Journal]\nMaxRetentionSec=30\n"),
                Socket::Alive,
                Outcome::Broken,
            ),
            (
                Some("[Journal]\nMaxRetentionSec=31s\n"),
                Socket::Alive,
                Outcome::Same,
            ),
            (
                Some("[Journal]\n#MaxRetentionSec=1year\n"),
                Socket::Alive,
                Outcome::Broken,
            ),
            (
                Some("[Journal]\nMaxRetentionSec=1year\nMaxRetentionSec=\n"),
                Socket::Alive,
                Outcome::Broken,
            ),
            (
                Some("[Journal]\nMaxRetentionSec=long\n"),
                Socket::Alive,
                Outcome::NotRun,
            ),
        ];
        for (text, socket, expected) in table {
            let seen = Namespace {
                configuration: text.map(str::to_owned),
                socket,
            };
            let case = judge(host_check("journald"), "ctr", &seen);
            assert_eq!(case.outcome, expected, "{text:?} {socket:?}: {case:?}");
        }
    }

    #[test]
    fn time_spans_are_read_as_systemd_reads_them() {
        let table = [
            ("1year", Some(31_557_600)),
            ("1h 30min", Some(5400)),
            ("45", Some(45)),
            ("2 weeks", Some(1_209_600)),
            ("x", None),
        ];
        for (text, expected) in table {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn a_socket_from_which_nobody_reads_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev-log");
        assert_eq!(socket_at(&path), Socket::Missing);
        let reader = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        assert_eq!(socket_at(&path), Socket::Alive);
        drop(reader);
        assert_eq!(socket_at(&path), Socket::Dead);
    }
}
