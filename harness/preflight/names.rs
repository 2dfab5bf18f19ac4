//! The production machine's name: what Linux and systemd make of it, and files of that name that change how it starts.

use std::path::{Path, PathBuf};

use super::finding::Check;
use crate::outcome::Case;

/// An interface's name has at most 15 characters (IFNAMSIZ), and systemd-nspawn puts `ve-` before the machine's.
const LONGEST_WHOLE: usize = 12;

/// A host name has at most 64 characters (`HOST_NAME_MAX`).
const LONGEST: usize = 64;

/// Checks the machine's name.
pub(super) fn name(check: Check<'_>, machine: Option<&str>) -> Case {
    let Some(machine) = machine else {
        return check.does_not_apply("no project names a machine");
    };
    if !is_host_name(machine) {
        return check.finding(
            &format!("container.machine is `{}`", machine.escape_debug()),
            "systemd-nspawn refuses what is not a host name: letters, digits, hyphens and dots, at most 64",
            "choose another name in migrate-verify.toml",
        );
    }
    if machine.len() <= LONGEST_WHOLE {
        return check.fine(format!("{machine}; its link is ve-{machine}"));
    }
    check.fine(format!(
        "{machine}; its link's name is cut to 15 characters with a hash at the end: rules must name ve-*, not ve-{machine}"
    ))
}

fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= LONGEST && name.split('.').all(label)
}

/// Checks that no .nspawn file (systemd.nspawn(5)) of the machine's name changes how it starts.
pub(super) fn settings(check: Check<'_>, machine: Option<&str>, tree: Option<&Path>) -> Case {
    let Some(machine) = machine else {
        return check.does_not_apply("no project names a machine");
    };
    let folders = [
        "/etc/systemd/nspawn",
        "/run/systemd/nspawn",
        "/var/lib/machines",
    ]
    .map(PathBuf::from);
    let beside = tree.and_then(Path::parent).map(Path::to_owned);
    let found: Vec<String> = folders
        .into_iter()
        .chain(beside)
        .map(|folder| folder.join(format!("{machine}.nspawn")))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    settings_case(check, &found)
}

fn settings_case(check: Check<'_>, found: &[String]) -> Case {
    if found.is_empty() {
        return check.fine("no .nspawn file of the machine's name");
    }
    check.finding(
        &format!("there is {}", found.join(", ")),
        "even an empty one changes network and capabilities of a guest that is started with --settings=yes or override, and wins over its command line; tests use --settings=no",
        &format!("mv {} somewhere else", found.join(" ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::Outcome, preflight::finding::host_check};

    #[test]
    fn a_name_that_systemd_refuses_is_a_finding_and_a_long_one_is_explained() {
        let table = [
            (Some("skola"), Outcome::Same, "ve-skola"),
            (Some("ctr-lenny-production"), Outcome::Same, "cut to 15"),
            (Some("škola"), Outcome::Broken, "škola"),
            (Some("-a"), Outcome::Broken, "`-a`"),
            (Some("a_b"), Outcome::Broken, "a_b"),
            (Some(""), Outcome::Broken, "``"),
            (None, Outcome::Same, "does not apply"),
        ];
        for (machine, expected, words) in table {
            let case = name(host_check("machine-name"), machine);
            assert_eq!(case.outcome, expected, "{machine:?}");
            assert!(case.reason.contains(words), "{machine:?}: {}", case.reason);
        }
        assert_eq!(
            name(host_check("x"), Some(&"a".repeat(65))).outcome,
            Outcome::Broken
        );
    }

    #[test]
    fn a_settings_file_beside_the_tree_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        let outcome = || settings(host_check("x"), Some("ctr-of-a-test"), Some(&tree)).outcome;
        assert_eq!(outcome(), Outcome::Same);
        std::fs::write(folder.path().join("ctr-of-a-test.nspawn"), "").unwrap();
        assert_eq!(outcome(), Outcome::Broken);
    }
}
