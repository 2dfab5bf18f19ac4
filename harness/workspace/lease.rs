//! The folder of one living run.

use std::{
    fmt,
    fs::{self, File},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, IFlags, flock, ioctl_getflags, ioctl_setflags};

use super::{
    error::WorkspaceError,
    leftovers::{kill_processes, remove_folder},
    switches::put_back,
};

/// Names one run: when it started, and five characters that keep runs of the same second apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId {
    text: String,
}

impl RunId {
    /// Makes an id from the start time (`20260131-235959`) and a random number.
    pub fn new(started: &str, random: u32) -> Self {
        const DIGITS: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut rest = random;
        let suffix: String = std::iter::repeat_with(|| {
            let digit = DIGITS[(rest % 32) as usize];
            rest /= 32;
            char::from(digit)
        })
        .take(5)
        .collect();
        Self {
            text: format!("{started}-{suffix}"),
        }
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the characters that no other run of this second has.
    pub fn suffix(&self) -> &str {
        suffix(&self.text)
    }

    /// Returns the name of the machine that this run boots: at most eight characters, so that its veth link keeps it whole.
    pub fn machine(&self) -> String {
        machine_name(&self.text)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Returns the machine name of a run's id: `mv-` and the part behind the last hyphen.
pub(super) fn machine_name(run: &str) -> String {
    format!("mv-{}", suffix(run))
}

fn suffix(run: &str) -> &str {
    run.rsplit('-').next().unwrap_or(run)
}

/// The folder of one run; removed when it is dropped.
#[derive(Debug)]
pub struct Workspace {
    /// The run's id.
    pub id: RunId,
    /// The folder.
    pub folder: PathBuf,
    pub(super) base: PathBuf,
    _lease: File,
}

impl Workspace {
    /// Makes the folder below `base` and locks its lease.
    pub fn create(base: &Path, id: RunId) -> Result<Self, WorkspaceError> {
        let work = work_folder(base);
        fs::create_dir_all(&work).map_err(WorkspaceError::file("create", &work))?;
        keep_apart(&work);
        let _guard = guard(base)?;
        let folder = work.join(id.as_str());
        // Trees hold setuid files and devices: nobody but root may reach them.
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(WorkspaceError::file("create", &folder))?;
        let path = folder.join("lease");
        let lease = File::create(&path).map_err(WorkspaceError::file("create", &path))?;
        flock(&lease, FlockOperation::NonBlockingLockExclusive).map_err(|_would_block| {
            WorkspaceError::InUse {
                path: folder.clone(),
            }
        })?;
        Ok(Self {
            id,
            folder,
            base: base.to_owned(),
            _lease: lease,
        })
    }

    /// Returns a path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Workspace {
    /// Removes the folder. What can't be removed now is found by `clean`, because the lease is free from here on.
    fn drop(&mut self) {
        let _guard = guard(&self.base);
        // A guest outlives a systemd-nspawn that was killed, as on Ctrl-C.
        let _killed = kill_processes(self.id.as_str(), &mut Vec::new());
        // The folder knows what is to be put back: it stays where that fails.
        if put_back(&work_folder(&self.base), &self.folder).is_ok() {
            let _removed = remove_folder(&self.folder);
        }
    }
}

/// Asks ext4 to put each folder in `work` where there is room (`chattr +T`). Beside the last run's it would look, for each
/// file of a new tree, at all inodes that were removed there in the last minutes: seconds of a run that follows another.
fn keep_apart(work: &Path) {
    let flagged = File::open(work).and_then(|folder| {
        let flags = ioctl_getflags(&folder)?;
        Ok(ioctl_setflags(&folder, flags | IFlags::TOPDIR)?)
    });
    // Other file systems have no such flag, and need none.
    drop(flagged);
}

/// Returns the folder that holds all runs' folders.
pub(super) fn work_folder(base: &Path) -> PathBuf {
    base.join("work")
}

/// Waits until nobody else makes or removes workspaces: a folder that has no lease yet must not look like a dead run's.
pub(super) fn guard(base: &Path) -> Result<File, WorkspaceError> {
    let path = base.join("work.lock");
    let file = File::create(&path).map_err(WorkspaceError::file("create", &path))?;
    flock(&file, FlockOperation::LockExclusive)
        .map_err(|errno| WorkspaceError::file("lock", &path)(errno.into()))?;
    Ok(file)
}
