//! Switches of the host that a run puts on for its time: links that forward.
//!
//! ```text
//! BASE/work/<run id>/switches     PLACE VALUE-BEFORE PATH, a line each
//! ```
//!
//! What a switch was before is written down before it is changed. Runs may need the same one at the same time: a later run takes over
//! what the first one wrote, and the last that ends puts it back. The place is this boot of this host and this network namespace: what
//! was written in another one is of no use in this.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    error::WorkspaceError,
    lease::{Workspace, guard, work_folder},
};

/// The list of a run, in its folder.
const LIST: &str = "switches";

/// On.
const ON: &str = "1";

/// What a switch was before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Switch {
    place: String,
    before: String,
    path: PathBuf,
}

impl Workspace {
    /// Puts a switch of the host on, until the last run that needs it has ended.
    pub fn switch_on(&self, path: &Path) -> Result<(), WorkspaceError> {
        let _guard = guard(&self.base)?;
        let now = read(path)?;
        let place = place()?;
        let mut switches = list(&self.folder)?;
        let same = |one: &Switch| one.place == place && one.path == path;
        if switches.iter().any(same) {
            return write(path, ON);
        }
        let others = others(&work_folder(&self.base), &self.folder)?;
        let before = others.into_iter().find(same).map_or(now, |one| one.before);
        switches.push(Switch {
            place,
            before,
            path: path.to_owned(),
        });
        // Whole or not at all, however this ends.
        let (list, half) = (self.folder.join(LIST), self.folder.join("switches.new"));
        let lines = switches.iter().map(|one| {
            let path = one.path.display();
            format!("{} {} {path}\n", one.place, one.before)
        });
        write(&half, &lines.collect::<String>())?;
        fs::rename(&half, &list).map_err(WorkspaceError::file("rename", &half))?;
        write(path, ON)
    }
}

/// Puts back what the run of this folder has put on, but for what another run still needs; the caller holds the guard. Returns what was
/// put back.
pub(super) fn put_back(work: &Path, folder: &Path) -> Result<Vec<String>, WorkspaceError> {
    let place = place()?;
    let mut done = Vec::new();
    let mine = list(folder)?;
    if mine.is_empty() {
        return Ok(done);
    }
    let others = others(work, folder)?;
    for switch in mine {
        let is_needed = others
            .iter()
            .any(|one| one.place == switch.place && one.path == switch.path);
        // A link may be gone by now, and with it its switch.
        if is_needed || switch.place != place || !switch.path.exists() {
            continue;
        }
        if read(&switch.path)? != switch.before {
            write(&switch.path, &switch.before)?;
            done.push(format!("{} {}", switch.path.display(), ON));
        }
    }
    let list = folder.join(LIST);
    fs::remove_file(&list).map_err(WorkspaceError::file("remove", &list))?;
    Ok(done)
}

/// Reads the list of a run; a run without one has changed nothing.
fn list(folder: &Path) -> Result<Vec<Switch>, WorkspaceError> {
    let path = folder.join(LIST);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let parse = |line: &str| {
        let mut words = line.splitn(3, ' ');
        Some(Switch {
            place: words.next()?.to_owned(),
            before: words.next()?.to_owned(),
            path: words.next()?.into(),
        })
    };
    Ok(read(&path)?.lines().filter_map(parse).collect())
}

/// Reads the lists of all other runs, the living and the dead.
fn others(work: &Path, folder: &Path) -> Result<Vec<Switch>, WorkspaceError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(work).map_err(WorkspaceError::file("read", work))? {
        let other = entry.map_err(WorkspaceError::file("read", work))?.path();
        if other != folder {
            found.extend(list(&other)?);
        }
    }
    Ok(found)
}

/// Names this boot of this host, and this network namespace.
fn place() -> Result<String, WorkspaceError> {
    let boot = read(Path::new("/proc/sys/kernel/random/boot_id"))?;
    let path = Path::new("/proc/self/ns/net");
    let namespace = fs::read_link(path).map_err(WorkspaceError::file("read", path))?;
    Ok(format!("{boot}/{}", namespace.display()))
}

fn read(path: &Path) -> Result<String, WorkspaceError> {
    let text = fs::read_to_string(path).map_err(WorkspaceError::file("read", path))?;
    Ok(text.trim_end().to_owned())
}

fn write(path: &Path, text: &str) -> Result<(), WorkspaceError> {
    fs::write(path, text).map_err(WorkspaceError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{RunId, remove_dead};

    #[test]
    fn the_last_run_that_needs_a_switch_puts_it_back_to_what_the_first_one_found() {
        let base = tempfile::tempdir().unwrap();
        let switch = base.path().join("forwarding");
        fs::write(&switch, "0\n").unwrap();
        let run = |number| Workspace::create(base.path(), RunId::new("20260131-235959", number));
        let (first, second) = (run(1).unwrap(), run(2).unwrap());
        first.switch_on(&switch).unwrap();
        second.switch_on(&switch).unwrap();
        second.switch_on(&switch).unwrap();
        drop(first);
        assert_eq!(read(&switch).unwrap(), "1");
        drop(second);
        assert_eq!(read(&switch).unwrap(), "0");
    }

    #[test]
    fn a_switch_of_a_dead_run_is_put_back_and_one_that_was_on_stays_on() {
        let base = tempfile::tempdir().unwrap();
        let [was_off, was_on, elsewhere] =
            ["off", "on", "elsewhere"].map(|name| base.path().join(name));
        for path in [&was_off, &was_on, &elsewhere] {
            fs::write(path, "1").unwrap();
        }
        let dead = work_folder(base.path()).join("20260131-235958-dead0");
        fs::create_dir_all(&dead).unwrap();
        let place = place().unwrap();
        let lines = format!(
            "{place} 0 {}\n{place} 1 {}\nanother-boot 0 {}\n{place} 0 /nonexistent\n",
            was_off.display(),
            was_on.display(),
            elsewhere.display()
        );
        fs::write(dead.join(LIST), lines).unwrap();
        let (removed, _) = remove_dead(base.path()).unwrap();
        let told: Vec<&str> = removed.iter().map(|one| one.what.as_str()).collect();
        assert!(told[0].starts_with("setting "), "{told:?}");
        assert_eq!((told.len(), dead.exists()), (2, false), "{told:?}");
        let values = [was_off, was_on, elsewhere].map(|path| read(&path).unwrap());
        assert_eq!(values, ["0", "1", "1"]);
    }
}
