//! What a tree that was built before, or was copied from the old server, must be like to boot, halt and be found again.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use super::finding::{Check, host_check};
use crate::{
    outcome::Case,
    rootfs::{TreeError, TreeRoot},
};

/// Users of a guest have numbers below this; what systemd-nspawn has shifted is above.
const RANGE: u32 = 65_536;

/// Files that were left by somebody and go wrong in silence, with what they do.
const LEFTOVERS: [(&str, &str); 4] = [
    (
        "usr/sbin/policy-rc.d",
        "keeps logrotate and cron from restarting services",
    ),
    (
        "etc/shutdown.allow",
        "keeps `shutdown -a` from halting the guest",
    ),
    ("etc/nologin", "keeps everybody but root from logging in"),
    ("forcefsck", "makes the guest look for disks to check"),
];

/// Checks a tree.
pub fn rootfs(folder: &Path) -> Vec<Case> {
    let checks = ["os-release", "inittab", "leftovers", "owners"].map(host_check);
    let tree = match TreeRoot::open(folder) {
        Ok(tree) => tree,
        Err(error) => {
            return checks
                .map(|check| check.not_made(&error.to_string()))
                .to_vec();
        }
    };
    let [release, table, left, owner] = checks;
    let or_not = |check: Check<'_>, case: Result<Case, TreeError>| {
        case.unwrap_or_else(|error| check.not_made(&error.to_string()))
    };
    vec![
        or_not(release, os_release(release, &tree)),
        or_not(table, inittab(table, &tree)),
        or_not(left, leftovers(left, &tree)),
        owners(owner, folder),
    ]
}

fn os_release(check: Check<'_>, tree: &TreeRoot) -> Result<Case, TreeError> {
    if tree.exists("etc/os-release")? || tree.exists("usr/lib/os-release")? {
        return Ok(check.fine("there is one"));
    }
    Ok(check.finding(
        "there is no /etc/os-release",
        "systemd-nspawn --boot refuses the tree",
        "rootfs.recipe = \"sysvinit\" writes it",
    ))
}

fn inittab(check: Check<'_>, tree: &TreeRoot) -> Result<Case, TreeError> {
    Ok(match tree.read("etc/inittab")? {
        None => check.does_not_apply("the guest's init has no /etc/inittab"),
        Some(bytes) => inittab_case(
            check,
            &bytes.escape_ascii().to_string().replace("\\n", "\n"),
        ),
    })
}

fn inittab_case(check: Check<'_>, text: &str) -> Case {
    const FIX: &str =
        "ca:12345:ctrlaltdel:/sbin/shutdown -t1 -h now (rootfs.recipe = \"sysvinit\" writes it)";
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let mut processes = lines.filter_map(|line| {
        let mut fields = line.splitn(4, ':').skip(2);
        (fields.next()? == "ctrlaltdel").then(|| fields.next().unwrap_or(""))
    });
    let Some(process) = processes.next_back() else {
        return check.finding(
            "no line for ctrlaltdel",
            "SIGINT would not stop the guest",
            FIX,
        );
    };
    let words: Vec<&str> = process.split_whitespace().collect();
    if words.contains(&"-r") || process.contains("reboot") || process.contains("init 6") {
        return check.finding(
            &format!("ctrlaltdel is `{process}`"),
            "a stop would boot the guest again",
            FIX,
        );
    }
    if words.contains(&"-a") {
        return check.finding(
            &format!("ctrlaltdel is `{process}`"),
            "-a refuses where /etc/shutdown.allow names nobody who is logged in",
            FIX,
        );
    }
    check.fine(format!("ctrlaltdel is `{process}`"))
}

fn leftovers(check: Check<'_>, tree: &TreeRoot) -> Result<Case, TreeError> {
    let mut found = Vec::new();
    for (path, what) in LEFTOVERS {
        if tree.exists(path)? {
            found.push((path, what));
        }
    }
    if found.is_empty() {
        return Ok(check.fine("nothing that its builder or a half boot left"));
    }
    let paths: Vec<String> = found.iter().map(|(path, _)| format!("/{path}")).collect();
    let whats: Vec<&str> = found.iter().map(|(_, what)| *what).collect();
    Ok(check.finding(
        &format!("there is {}", paths.join(", ")),
        &format!("it {}", whats.join(", and ")),
        "remove it from the tree (rootfs.recipe = \"sysvinit\" does)",
    ))
}

/// A tree that was started with `--private-users-ownership=chown` has other owners than the one that was verified.
fn owners(check: Check<'_>, folder: &Path) -> Case {
    let owner = |path: &str| fs::symlink_metadata(folder.join(path)).map(|found| found.uid());
    match (owner(""), owner("etc")) {
        (Ok(root), Ok(etc)) => owner_case(check, root, etc),
        (Err(error), _) | (_, Err(error)) => check.not_made(&error.to_string()),
    }
}

fn owner_case(check: Check<'_>, root: u32, etc: u32) -> Case {
    const FIX: &str =
        "build it again, or systemd-nspawn --private-users=0 --private-users-ownership=chown";
    if root < RANGE && etc < RANGE {
        return check.fine(format!("it belongs to user {root}"));
    }
    let why = "it was started with --private-users-ownership=chown or auto: it is not the tree that was verified";
    if root / RANGE == etc / RANGE {
        return check.finding(&format!("it belongs to user {root}"), why, FIX);
    }
    let seen = format!(
        "it belongs to user {root}, its /etc to user {etc}: only a part was given other owners"
    );
    check.finding(&seen, why, "build it again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn an_inittab_that_does_not_halt_is_named() {
        let outcome = |line: &str| {
            let text = format!("id:2:initdefault:\n#ca:1:ctrlaltdel:/sbin/halt\n{line}\n");
            inittab_case(host_check("inittab"), &text).outcome
        };
        assert_eq!(
            outcome("ca:12345:ctrlaltdel:/sbin/shutdown -t1 -h now"),
            Outcome::Same
        );
        for bad in [
            "ca:12345:ctrlaltdel:/sbin/shutdown -t1 -a -r now",
            "ca:12345:ctrlaltdel:/sbin/shutdown -t1 -a -h now",
            "p6::ctrlaltdel:/sbin/init 6",
            "ca::ctrlaltdel:/sbin/reboot",
            "si::sysinit:/etc/init.d/rcS",
        ] {
            assert_eq!(outcome(bad), Outcome::Broken, "{bad}");
        }
    }

    #[test]
    fn what_a_tree_lacks_or_should_not_have_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let tree = TreeRoot::open(folder.path()).unwrap();
        tree.create_dir_all("etc").unwrap();
        let outcomes = || rootfs(folder.path()).into_iter().map(|case| case.outcome);
        let (same, broken) = (Outcome::Same, Outcome::Broken);
        let expected = [broken.clone(), same.clone(), same.clone(), same.clone()];
        assert!(outcomes().eq(expected));
        tree.write("etc/os-release", b"ID=debian\n", 0o644).unwrap();
        tree.write("etc/nologin", b"", 0o644).unwrap();
        assert!(outcomes().eq([same.clone(), same.clone(), broken, same]));
        let missing = rootfs(&folder.path().join("none"));
        assert!(missing.iter().all(|case| case.outcome == Outcome::NotRun));
    }

    #[test]
    fn a_tree_whose_owners_were_changed_is_named() {
        let outcome = |root, etc| owner_case(host_check("owners"), root, etc).outcome;
        assert_eq!(outcome(0, 0), Outcome::Same);
        assert_eq!(outcome(1_542_520_832, 1_542_520_832), Outcome::Broken);
        assert_eq!(outcome(0, 1_542_520_832), Outcome::Broken);
    }
}
