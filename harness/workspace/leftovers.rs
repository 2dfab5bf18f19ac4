//! What runs left behind that were killed: processes, network links, folders.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, flock},
    process::{Pid, Signal, kill_process},
};

use super::{
    error::WorkspaceError,
    lease::{guard, machine_name, work_folder},
    switches::put_back,
};
use crate::tool::RUN_MARK;

/// How long a killed process may take to go.
const KILL_LIMIT: Duration = Duration::from_secs(20);

/// The mark stands in the beginning of an environment that we made.
const LONGEST_ENVIRONMENT: u64 = 65_536;

/// Something of a dead run that was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The run.
    pub run: String,
    /// What it was: `process 123`, `folder /var/lib/…`.
    pub what: String,
}

/// Removes everything that dead runs left behind below `base`; never touches a living one.
///
/// Returns what was removed, and the ids of the runs that are alive.
pub fn remove_dead(base: &Path) -> Result<(Vec<Leftover>, Vec<String>), WorkspaceError> {
    let work = work_folder(base);
    let mut removed = Vec::new();
    let mut alive = Vec::new();
    if !work.exists() {
        return Ok((removed, alive));
    }
    let _guard = guard(base)?;
    for name in folder_names(&work)? {
        let folder = work.join(&name);
        let Some(_lease) = take_lease(&folder)? else {
            alive.push(name);
            continue;
        };
        kill_processes(&name, &mut removed)?;
        wait_for_link(&name);
        let switches = put_back(&work, &folder)?;
        removed.extend(switches.into_iter().map(|switch| Leftover {
            run: name.clone(),
            what: format!("setting {switch}"),
        }));
        remove_folder(&folder)?;
        removed.push(Leftover {
            run: name,
            what: format!("folder {}", folder.display()),
        });
    }
    Ok((removed, alive))
}

fn folder_names(work: &Path) -> Result<Vec<String>, WorkspaceError> {
    let entries = fs::read_dir(work).map_err(WorkspaceError::file("read", work))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(WorkspaceError::file("read", work))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Locks a folder's lease, or returns nothing if its run is alive. A folder without a lease was killed while it was made.
fn take_lease(folder: &Path) -> Result<Option<File>, WorkspaceError> {
    let path = folder.join("lease");
    let lease = File::create(&path).map_err(WorkspaceError::file("open", &path))?;
    Ok(flock(&lease, FlockOperation::NonBlockingLockExclusive)
        .is_ok()
        .then_some(lease))
}

/// Kills every process of the run, its guests' too.
pub(super) fn kill_processes(run: &str, removed: &mut Vec<Leftover>) -> Result<(), WorkspaceError> {
    let deadline = Instant::now() + KILL_LIMIT;
    let mut known = Vec::new();
    loop {
        let marked = marked_processes(run);
        let Some(&first) = marked.first() else {
            return Ok(());
        };
        for pid in marked {
            if !known.contains(&pid) {
                known.push(pid);
                removed.push(Leftover {
                    run: run.to_owned(),
                    what: format!("process {pid}"),
                });
            }
            if let Some(pid) = Pid::from_raw(pid) {
                // It may have ended since it was listed; the next look decides.
                let _killed = kill_process(pid, Signal::KILL);
            }
        }
        if Instant::now() > deadline {
            return Err(WorkspaceError::Unkillable {
                pid: first,
                run: run.to_owned(),
            });
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Lists the processes of a run: those that carry its mark, and those of its guests, which have mounts of the run's folder.
fn marked_processes(run: &str) -> Vec<i32> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut pids: Vec<i32> = processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| carries_mark(*pid, run) || is_in_guest(*pid, run))
        .collect();
    pids.sort_unstable();
    pids
}

/// Tells whether a process has the run's mark in its environment; one without memory (a zombie) has none.
fn carries_mark(pid: i32, run: &str) -> bool {
    let mark = format!("{RUN_MARK}={run}");
    beginning_of(&format!("/proc/{pid}/environ")).is_some_and(|environment| {
        environment
            .split(|&byte| byte == 0)
            .any(|variable| variable == mark.as_bytes())
    })
}

/// Tells whether a process is in a guest of the run: a guest outlives a systemd-nspawn that was killed. It is in a mount
/// namespace of its own, in which something of the run's folder is mounted; the host's own namespace is never meant.
fn is_in_guest(pid: i32, run: &str) -> bool {
    let namespace = |of: &str| fs::read_link(format!("/proc/{of}/ns/mnt")).ok();
    let theirs = namespace(&pid.to_string());
    if theirs.is_none() || theirs == namespace("self") || theirs == namespace("1") {
        return false;
    }
    let folder = format!("/work/{run}/");
    beginning_of(&format!("/proc/{pid}/mountinfo")).is_some_and(|mounts| {
        mounts
            .windows(folder.len())
            .any(|part| part == folder.as_bytes())
    })
}

/// Reads the beginning of a file that a process decides on: it may make its environment as long as it likes.
fn beginning_of(path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(LONGEST_ENVIRONMENT)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

/// Waits until the run's network link is gone: the kernel removes it with the guest's network namespace, a little later.
fn wait_for_link(run: &str) {
    let link = PathBuf::from(format!("/sys/class/net/ve-{}", machine_name(run)));
    let deadline = Instant::now() + KILL_LIMIT;
    while link.exists() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
}

/// Removes a folder in which a dying process may still write: tries again until nothing comes back.
pub(super) fn remove_folder(folder: &Path) -> Result<(), WorkspaceError> {
    let deadline = Instant::now() + KILL_LIMIT;
    while let Err(error) = fs::remove_dir_all(folder) {
        if !folder.exists() {
            break;
        }
        if Instant::now() > deadline {
            return Err(WorkspaceError::file("remove", folder)(error));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{RunId, Workspace};

    #[test]
    fn the_dead_are_removed_and_the_living_are_not_touched() {
        let base = tempfile::tempdir().unwrap();
        let living = Workspace::create(base.path(), RunId::new("20260131-235959", 7)).unwrap();
        let dead = work_folder(base.path()).join("20260131-235958-dead0");
        fs::create_dir_all(dead.join("first/etc")).unwrap();
        let (removed, alive) = remove_dead(base.path()).unwrap();
        assert_eq!(alive, [living.id.to_string()]);
        assert_eq!(removed.len(), 1, "{removed:?}");
        assert!(!dead.exists() && living.folder.exists());
        let folder = living.folder.clone();
        drop(living);
        assert!(!folder.exists());
    }

    #[test]
    fn two_runs_of_one_second_have_two_names_and_short_machines() {
        let (first, second) = (
            RunId::new("20260131-235959", 1),
            RunId::new("20260131-235959", 2),
        );
        assert_ne!(first, second);
        assert_eq!(first.machine(), "mv-10000");
    }
}
