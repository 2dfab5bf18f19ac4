//! Classes of causes, for grouping: many files differ for few reasons.

use super::{catalogue::known_offender, difference::EntryDifference};

/// What sentences of explanations say, and the class of what they say.
const CLASSES: &[(&str, &str)] = &[
    ("key material", "key material"),
    ("only the build-id differs", "the identity of a build"),
    ("in another order", "order"),
    ("packed differently", "packing"),
    ("laid out differently", "packing"),
    ("a time of the build", "the time of the build"),
    ("it was written during the build", "the time of the build"),
    ("a time in words", "a time"),
    ("time differs", "a time"),
    ("time of ", "a time"),
    ("its time (tIME) differs", "a time"),
    ("the time in its header differs", "a time"),
    ("POT-Creation-Date differs", "a time"),
    (
        "numbers are given in installation order",
        "numbers of users and groups",
    ),
];

/// Returns the class of a difference: a known offender's cause, or what the sentence `cause` speaks of.
pub(super) fn class(difference: &EntryDifference, cause: Option<&str>) -> Option<&'static str> {
    if let Some(offender) = known_offender(difference.path().as_bytes()) {
        return Some(offender.cause);
    }
    let cause = cause?;
    let known = CLASSES.iter().find(|(words, _)| cause.contains(words));
    known.map(|&(_, class)| class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::{RootfsPath, Timestamp};

    #[test]
    fn causes_have_few_classes() {
        let class_of = |path: &str, cause| {
            let difference = EntryDifference::Mtime {
                path: RootfsPath::parse(path.as_bytes()).unwrap(),
                first: Timestamp::default(),
                second: Timestamp::default(),
            };
            class(&difference, cause)
        };
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
                Some("a time"),
            ),
            ("srv/a", Some("byte 3: 00 became 01"), None),
            ("srv/a", None, None),
        ];
        for (path, cause, expected) in table {
            assert_eq!(class_of(path, cause), expected);
        }
    }
}
