//! The program's clock and its random numbers: the only place that asks for either.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Returns the second since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where time comes in; everything else is given it"
)]
pub(crate) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Writes a second since 1970 as RFC 3339, UTC.
pub(crate) fn rfc3339(second: i64) -> String {
    timestamp(second).to_string()
}

/// Writes a second since 1970 as it stands in a run's id: `20260131-235959`.
pub(crate) fn compact(second: i64) -> String {
    timestamp(second).strftime("%Y%m%d-%H%M%S").to_string()
}

fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MIN)
}

/// Returns a number that no other run of this second has: the kernel's random bytes, or the process's number.
pub(crate) fn random() -> u32 {
    let mut bytes = [0; 4];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(_read) => u32::from_le_bytes(bytes),
        Err(_error) => std::process::id(),
    }
}
