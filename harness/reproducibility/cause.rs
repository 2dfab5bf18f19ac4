//! The classes of causes, for grouping: many files differ for few reasons; and what speaks for one, a sentence that begins with
//! its class.

use std::fmt;

use super::{catalogue::Offender, variation::Variation};

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
    /// All of them.
    const ALL: [Self; 8] = [
        Self::Time,
        Self::Sentinel,
        Self::BuildPath,
        Self::Locale,
        Self::UserIds,
        Self::Inode,
        Self::Device,
        Self::Counter,
    ];

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

/// What sentences of explanations say, and the class of what they say.
const CLASSES: &[(&str, &str)] = &[
    ("key material", "key material"),
    ("only the build-id differs", "the identity of a build"),
    ("in another order", "order"),
    ("packed differently", "packing"),
    ("laid out differently", "packing"),
    ("it was written during the build", "time"),
    ("a time in words", "time"),
    ("time differs", "time"),
    ("time of ", "time"),
    ("its time (tIME) differs", "time"),
    ("the time in its header differs", "time"),
    ("POT-Creation-Date differs", "time"),
];

/// Returns the class of a difference: a known offender's cause, or what the sentence `cause` speaks of.
pub(super) fn class(offender: Option<&Offender>, cause: Option<&str>) -> Option<&'static str> {
    if let Some(offender) = offender {
        return Some(offender.cause);
    }
    let cause = cause?;
    let said = |class: &CauseClass| {
        cause
            .strip_prefix(class.as_str())
            .is_some_and(|rest| rest.starts_with(": "))
    };
    if let Some(class) = CauseClass::ALL.iter().find(|class| said(class)) {
        return Some(class.as_str());
    }
    let known = CLASSES.iter().find(|(words, _)| cause.contains(words));
    known.map(|&(_, class)| class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reproducibility::catalogue::known_offender;

    #[test]
    fn causes_have_few_classes() {
        let class_of = |path: &str, cause| class(known_offender(path.as_bytes()), cause);
        let table = [
            ("etc/machine-id", None, Some("it is random")),
            (
                "srv/a",
                Some("the same lines in another order"),
                Some("order"),
            ),
            (
                "srv/a",
                Some("gzip: only the time in its header differs: 1 and 2"),
                Some("time"),
            ),
            (
                "srv/a",
                Some("inode number: 17 and 18 are the numbers of the files themselves"),
                Some("inode number"),
            ),
            ("srv/a", Some("byte 3: 00 became 01"), None),
            ("srv/a", None, None),
        ];
        for (path, cause, expected) in table {
            assert_eq!(class_of(path, cause), expected);
        }
    }
}
