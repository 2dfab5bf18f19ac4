//! The keywords of facilities and severities (RFC 3164, section 4.1.1; syslog.conf(5)).

/// The facilities, in the order of their numbers.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

/// The severities, in the order of their numbers.
const SEVERITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

/// Returns the keywords of a priority: facility, and severity.
pub(super) fn keywords(priority: u8) -> (&'static str, &'static str) {
    let facility = FACILITIES.get(usize::from(priority / 8));
    (
        facility.copied().unwrap_or("unknown"),
        SEVERITIES[usize::from(priority % 8)],
    )
}
