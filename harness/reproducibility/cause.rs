//! The classes of causes, and what speaks for one: a sentence that begins with its class.

use std::fmt;

use super::variation::Variation;

/// What kind of thing makes two builds differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CauseClass {
    /// A time inside the window in which the build ran.
    Time,
    /// A value that was varied, found verbatim.
    Sentinel,
    /// The folder in which the build worked.
    BuildPath,
    /// The language or the charset of the build.
    Locale,
    /// Numbers of users and groups, given in the order of installation.
    UserIds,
    /// Inode numbers of the build's file system.
    Inode,
    /// Device numbers of the build's file system.
    Device,
    /// A number that counts what happened.
    Counter,
}

impl CauseClass {
    /// Returns the class of a sentinel.
    pub(super) fn of(variation: Variation) -> Self {
        match variation {
            Variation::BuildPath => Self::BuildPath,
            Variation::Locale => Self::Locale,
            Variation::HostName
            | Variation::Time
            | Variation::TimeZone
            | Variation::Umask
            | Variation::Environment
            | Variation::User
            | Variation::ReaddirOrder
            | Variation::Processors
            | Variation::InstallationOrder => Self::Sentinel,
        }
    }

    /// Returns its word in reports.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Sentinel => "sentinel",
            Self::BuildPath => "build path",
            Self::Locale => "locale",
            Self::UserIds => "uid allocation",
            Self::Inode => "inode number",
            Self::Device => "device number",
            Self::Counter => "counter",
        }
    }
}

/// What speaks for a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    /// The class of the cause.
    pub(super) class: CauseClass,
    /// What was found, as a part of a sentence.
    pub(super) found: String,
    /// The variation that it points to.
    pub(super) suspect: Option<Variation>,
}

impl fmt::Display for Evidence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.class.as_str(), self.found)
    }
}
