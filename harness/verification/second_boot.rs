//! The second boot: a guest that was stopped and is started again, as in production, must behave like the first time.
//!
//! The guest of the other stages writes to a layer that is thrown away, so that nothing of it is there a second time. Here a tree that
//! was booted once with production's own mapping, and written, is booted again. What a half-stopped guest leaves (a process number,
//! /etc/nologin, a table that was not closed) only shows this way.

use std::{collections::BTreeSet, os::unix::ffi::OsStrExt};

use super::{
    plan::Plan,
    written::{Seen, Written, session},
};
use crate::{
    database::{Fingerprint, changed_tables},
    machine::{Listener, Message},
    outcome::{Case, CaseId, Difference},
    project::StateTree,
    reproducibility::{Aspect, EntryDifference},
    rootfs::{EntryKind, Listing, RootfsPath},
};

/// What a boot may change, by paths of Debian since sarge. Trees that the project calls state are added.
const VOLATILE: [&str; 24] = [
    "run",
    "tmp",
    "var/run",
    "var/lock",
    "var/log",
    "var/tmp",
    "var/spool",
    "var/cache",
    "var/mail",
    "var/lib/urandom",
    "var/lib/dhcp",
    "var/lib/dhcp3",
    "var/lib/logrotate",
    "var/lib/mysql",
    "var/lib/php",
    "var/lib/php4",
    "var/lib/php5",
    "etc/adjtime",
    "etc/blkid.tab",
    "etc/motd",
    "etc/mtab",
    "etc/network/run",
    "etc/nologin",
    "etc/resolv.conf",
];

/// Tells whether the project does without it, by name.
pub(super) fn is_left_out(plan: &Plan) -> bool {
    let name = id("second-boot");
    let without = &plan.project.run.without;
    without.iter().any(|one| one == name.as_str())
}

/// The case of a project that does without it.
pub(super) fn left_out() -> Case {
    Case::waived(id("second-boot"), "the project does without it, by name")
}

/// Boots a written tree again and compares the boot with the first one; also returns what was not compared.
pub(super) async fn second_boot_cases(
    plan: &Plan,
    written: Result<Written, Case>,
) -> (Vec<Case>, Vec<String>) {
    if is_left_out(plan) {
        return (vec![left_out()], Vec::new());
    }
    let Written {
        tree,
        first,
        mut database,
    } = match written {
        Ok(written) => written,
        Err(case) => return (vec![case], Vec::new()),
    };
    let has_database = database.is_some();
    match session(plan, &tree, "second", has_database, &mut database).await {
        Ok(second) => compare(plan, &first, second),
        Err(why) => {
            let why = format!("a tree that was booted before: second boot: {why}");
            let error = std::io::Error::other(why);
            (vec![Case::broken(id("second-boot"), &error)], Vec::new())
        }
    }
}

fn id(name: &str) -> CaseId {
    CaseId::new(&["shutdown", name])
}

/// Compares the second boot with the first one; also returns what was not compared.
fn compare(plan: &Plan, first: &Seen, second: Seen) -> (Vec<Case>, Vec<String>) {
    let listening = second_listeners(&first.listeners, &second.listeners);
    let mut cases = vec![
        second.halt,
        Case::compared(
            id("second-boot/listeners"),
            listening,
            format!("{} listeners, as at the first boot", second.listeners.len()),
        ),
    ];
    if let (Some(before), Some(after)) = (&first.tables, &second.tables) {
        cases.push(table_case(before, after));
    }
    let new = new_errors(&first.errors, &second.errors);
    let evidence = "no error in syslog that the first boot had not";
    cases.push(Case::compared(id("second-boot/errors"), new, evidence));
    let trees = volatile(&plan.project.rootfs.state);
    let found = crate::reproducibility::compare(&first.listing, &second.listing);
    let (allowed, lasting): (Vec<_>, Vec<_>) = found
        .iter()
        .partition(|one| is_allowed(one, &trees, &second.listing));
    let cause = "the guest's second boot, or its stop, changed what no boot should";
    let differences = lasting
        .iter()
        .map(|one| Difference::from(*one).because(cause))
        .collect();
    let evidence = format!(
        "{} entries as the first boot left them, but for {} differences that a boot may make",
        second.listing.entries.len(),
        allowed.len()
    );
    cases.push(Case::compared(
        id("second-boot/tree"),
        differences,
        evidence,
    ));
    let left_out = format!(
        "second boot: {} differences of the tree below {} or in process numbers and times of folders",
        allowed.len(),
        trees
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    );
    (cases, vec![left_out])
}

fn second_listeners(first: &[Listener], second: &[Listener]) -> Vec<Difference> {
    let word = |there: bool| if there { "listens" } else { "nothing" };
    let both: BTreeSet<&Listener> = first.iter().chain(second).collect();
    let differing = both
        .into_iter()
        .map(|one| (one, first.contains(one), second.contains(one)))
        .filter(|(_, before, after)| before != after);
    differing
        .map(|(one, before, after)| {
            Difference::new(one.to_string(), "listener", word(before), word(after))
        })
        .collect()
}

fn new_errors(first: &BTreeSet<Message>, second: &BTreeSet<Message>) -> Vec<Difference> {
    let new = second.difference(first);
    new.map(|message| {
        let locus = format!("syslog of {}", message.program);
        Difference::new(locus, "error", "no such message", &message.text)
            .because("it was not there at the first boot")
    })
    .collect()
}

fn table_case(before: &Fingerprint, after: &Fingerprint) -> Case {
    let changed = changed_tables(before, after);
    let rows = |print: &Fingerprint, table: &str| {
        print
            .tables
            .get(table)
            .map_or("no such table".to_owned(), |table| {
                format!("{} rows", table.rows)
            })
    };
    let differences = changed
        .iter()
        .map(|table| {
            let locus = format!("table {table}");
            Difference::new(locus, "rows", rows(before, table), rows(after, table))
                .because("stopping and starting the guest must not change data")
        })
        .collect();
    Case::compared(
        id("second-boot/tables"),
        differences,
        format!(
            "{} tables, as before the guest was stopped",
            after.tables.len()
        ),
    )
}

/// Returns the trees that a boot may change.
fn volatile(state: &[StateTree]) -> Vec<RootfsPath> {
    let fixed = VOLATILE.iter().map(|path| path.as_bytes());
    let named = state.iter().map(|state| state.path.as_os_str().as_bytes());
    // A state path was parsed when the tree was built.
    fixed
        .chain(named)
        .filter_map(|path| RootfsPath::parse(path).ok())
        .collect()
}

/// Tells whether a boot may make this difference: below these trees, in a process number, in the time of a folder.
fn is_allowed(difference: &EntryDifference, volatile: &[RootfsPath], after: &Listing) -> bool {
    let path = difference.path();
    let is_folder = || {
        let entry = after.entries.get(path);
        entry.is_some_and(|entry| entry.kind == EntryKind::Directory)
    };
    volatile
        .iter()
        .any(|tree| path == tree || path.is_below(tree))
        || path.name().ends_with(b".pid")
        || (difference.aspect() == Aspect::Mtime && is_folder())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{database::TableFingerprint, machine::Transport, outcome::Outcome, rootfs};

    /// Returns the paths in which a tree differs after something was done to it, beyond what a boot may do.
    fn differing(change: impl FnOnce(&Path)) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "before").unwrap();
        };
        for path in [
            "etc/passwd",
            "var/run/x.pid",
            "srv/data/state",
            "usr/bin/su",
        ] {
            write(path);
        }
        let before = rootfs::walk(folder.path()).unwrap();
        change(folder.path());
        let after = rootfs::walk(folder.path()).unwrap();
        let state = StateTree {
            path: "/srv/data".into(),
            create: None,
        };
        let trees = volatile(&[state]);
        crate::reproducibility::compare(&before, &after)
            .iter()
            .filter(|one| !is_allowed(one, &trees, &after))
            .map(|one| format!("{} {}", one.path(), one.aspect().as_str()))
            .collect()
    }

    #[test]
    fn what_a_boot_may_change_is_left_out_and_nothing_else() {
        let write = |path: &'static str| {
            differing(move |root| std::fs::write(root.join(path), "after").unwrap())
        };
        for allowed in [
            "var/run/x.pid",
            "srv/data/state",
            "etc/nologin",
            "usr/bin/daemon.pid",
        ] {
            assert_eq!(write(allowed), [""; 0], "{allowed}");
        }
        assert_eq!(
            write("etc/passwd"),
            ["etc/passwd mtime", "etc/passwd content"]
        );
        assert_eq!(write("etc/nologin2"), ["etc/nologin2 only_in_second"]);
        let gone = differing(|root| std::fs::remove_file(root.join("usr/bin/su")).unwrap());
        assert_eq!(gone, ["usr/bin/su only_in_first"]);
    }

    #[test]
    fn a_table_that_a_stop_has_changed_is_named() {
        let print = |rows, digest: &str| {
            let digest = digest.to_owned();
            let table = TableFingerprint { rows, digest };
            Fingerprint {
                tables: [("ziaci".to_owned(), table)].into(),
            }
        };
        let outcome = |after| table_case(&print(2, "a"), &after).outcome;
        assert_eq!(outcome(print(2, "a")), Outcome::Same);
        for after in [print(2, "b"), print(1, "a"), Fingerprint::default()] {
            assert!(matches!(outcome(after), Outcome::Different(_)));
        }
    }

    #[test]
    fn a_listener_that_came_or_went_is_named() {
        let listener = |port| Listener {
            transport: Transport::Tcp,
            port,
            address: std::net::Ipv4Addr::UNSPECIFIED.into(),
        };
        let found = second_listeners(
            &[listener(80), listener(25)],
            &[listener(80), listener(8080)],
        );
        let found: Vec<_> = found
            .into_iter()
            .map(|one| (one.locus, one.actual))
            .collect();
        let expected = [
            ("tcp port 25 on 0.0.0.0", "nothing"),
            ("tcp port 8080 on 0.0.0.0", "listens"),
        ];
        let expected = expected.map(|(locus, word)| (locus.to_owned(), word.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn an_error_that_only_the_second_boot_has_is_named() {
        let said = |lines: &[&str]| lines.iter().map(|line| Message::sent(line)).collect();
        let first = said(&["mysqld[12]: table 3 is full", "cron[1]: no user"]);
        let again = said(&["mysqld[99]: table 4 is full"]);
        assert_eq!(new_errors(&first, &again), []);
        let crashed = said(&["mysqld[99]: table 4 is marked as crashed"]);
        let found = new_errors(&first, &crashed);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].actual, "table # is marked as crashed");
    }
}
