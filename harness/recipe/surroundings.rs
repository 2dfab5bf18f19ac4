//! What a build sees of where, when and for whom it runs: everything that must not show in its result.
//!
//! A build for use has the [usual](Surroundings::usual) surroundings. Two builds that are compared differ in them on
//! purpose, so that what leaks into the tree differs too.

use std::path::PathBuf;

/// The time and place of a build, as the programs inside the guest see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The folder inside the guest that holds the build's own files, and in which scripts start.
    pub folder: String,
    /// The host name.
    pub hostname: String,
    /// How the clock is set off from the host's.
    pub clock: Option<ShiftedClock>,
    /// `TZ`.
    pub time_zone: String,
    /// The locale.
    pub locale: Locale,
    /// The file mode creation mask.
    pub umask: u32,
    /// More variables.
    pub variables: Vec<(String, String)>,
    /// `USER` and `LOGNAME`.
    pub user: String,
    /// `HOME`.
    pub home: String,
    /// The only processor that programs may use; all by default.
    pub processor: Option<usize>,
    /// Chooses another order of installation than the lock's.
    pub installation_order: Option<u64>,
}

/// A locale of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locale {
    /// The value of `LC_ALL`.
    pub name: String,
    /// Source and character map to make it of (localedef(1)), where the guest has what that needs.
    pub made_of: Option<(String, String)>,
}

/// A clock that is not the host's, by libfaketime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftedClock {
    /// The library on the host.
    pub library: PathBuf,
    /// How many days the guest is ahead.
    pub days: u32,
}

/// What a guest can ignore of its surroundings, because its programs have to follow it by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ignored {
    /// [`Surroundings::clock`].
    Clock,
    /// [`Surroundings::time_zone`].
    TimeZone,
    /// [`Surroundings::locale`].
    Locale,
}

/// Seconds of a day.
const DAY: i64 = 86_400;

impl ShiftedClock {
    /// Returns how many seconds the guest is ahead.
    pub fn seconds(&self) -> i64 {
        i64::from(self.days) * DAY
    }
}

impl Surroundings {
    /// Makes the surroundings of a build for use; the host name is the one that the guest will have.
    pub fn usual(hostname: &str) -> Self {
        Self {
            folder: "/run/migrate-verify-build".to_owned(),
            hostname: hostname.to_owned(),
            clock: None,
            time_zone: "UTC".to_owned(),
            locale: Locale {
                name: "C.UTF-8".to_owned(),
                made_of: None,
            },
            umask: 0o022,
            variables: Vec::new(),
            user: "root".to_owned(),
            home: "/root".to_owned(),
            processor: None,
            installation_order: None,
        }
    }
}
