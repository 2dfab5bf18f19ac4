//! What is at a path of a tree, without opening it.

use rustix::fs::{self as system, AtFlags, FileType};

use super::{entry::Timestamp, error::TreeError, tree_root::TreeRoot, walk::failed};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// What it is.
    pub kind: FileType,
    /// Permission bits.
    pub mode: u32,
    /// Its owner's number, as this host sees it.
    pub uid: u32,
    /// Its group's number, as this host sees it.
    pub gid: u32,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written.
    pub mtime: Timestamp,
    /// Where a link leads; empty for others.
    pub target: Vec<u8>,
}

impl TreeRoot {
    /// Looks at the entry at `path`, not following it; `None` where there is nothing.
    pub fn look(&self, path: impl AsRef<[u8]>) -> Result<Option<Looked>, TreeError> {
        let Some(place) = self.find(path)? else {
            return Ok(None);
        };
        let name = place.name.as_slice();
        let attempt = || failed("look at", &place.path);
        let stat = match system::statat(&place.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(attempt()(error)),
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        let target = if kind == FileType::Symlink {
            system::readlinkat(&place.directory, name, Vec::new())
                .map_err(attempt())?
                .into_bytes()
        } else {
            Vec::new()
        };
        Ok(Some(Looked {
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            mtime: Timestamp {
                seconds: stat.st_mtime,
                nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or_default(),
            },
            target,
        }))
    }
}
