//! A handle on a tree that can't be left: every operation resolves paths inside the root, as a guest would see them.
//!
//! The parent of a path is opened with `openat2` and `RESOLVE_IN_ROOT`: absolute links and `..` stay inside, magic links
//! are refused. The last name is never followed, so that what is written, removed or changed is the entry itself.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{
        self as system, AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, ResolveFlags, Timespec,
        Timestamps, Uid,
    },
    io::Errno,
};

use super::{
    entry::Timestamp,
    error::TreeError,
    path::{RootfsPath, escape},
    removal::remove,
    walk::{failed, io_failed, names},
};

/// No file of an edit is larger: configuration, scripts, lists.
const LARGEST_READ: u64 = 64 << 20;

/// A tree on disk, held open by its root.
#[derive(Debug)]
pub struct TreeRoot {
    root: OwnedFd,
}

/// A directory of the tree and a name in it.
pub(super) struct Place {
    pub(super) path: RootfsPath,
    pub(super) directory: OwnedFd,
    pub(super) name: Vec<u8>,
}

impl TreeRoot {
    /// Opens the tree below `path`.
    pub fn open(path: &Path) -> Result<Self, TreeError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match system::open(path, flags, Mode::empty()) {
            Ok(root) => Ok(Self { root }),
            Err(source) => Err(TreeError::System {
                attempt: "open",
                path: path.display().to_string(),
                source: source.into(),
            }),
        }
    }

    /// Returns what `path` is, not following its last name; `None` where there is nothing.
    pub fn kind(&self, path: impl AsRef<[u8]>) -> Result<Option<FileType>, TreeError> {
        let Some(place) = self.find(path)? else {
            return Ok(None);
        };
        place.kind()
    }

    /// Returns whether there is an entry at `path`.
    pub fn exists(&self, path: impl AsRef<[u8]>) -> Result<bool, TreeError> {
        Ok(self.kind(path)?.is_some())
    }

    /// Returns the bytes of the file at `path`, links inside the tree followed; `None` where there is nothing.
    pub fn read(&self, path: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, TreeError> {
        let path = parse(path)?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = match self.open_in_root(&path, OFlags::PATH) {
            Ok(entry) => entry,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(failed("open", &path)(error)),
        };
        // A pipe or a device must not be opened, so that it is looked at first.
        let stat = system::fstat(&file).map_err(failed("look at", &path))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(TreeError::Kind {
                path: path.to_string(),
                expected: "file",
            });
        }
        let file = self
            .open_in_root(&path, flags)
            .map_err(failed("open", &path))?;
        let mut bytes = Vec::new();
        let length = File::from(file)
            .take(LARGEST_READ + 1)
            .read_to_end(&mut bytes)
            .map_err(io_failed("read", &path))?;
        if length as u64 > LARGEST_READ {
            return Err(TreeError::Kind {
                path: path.to_string(),
                expected: "file of at most 64 MiB",
            });
        }
        Ok(Some(bytes))
    }

    /// Puts a file of root's at `path`, atomically instead of what is there; parents are made with mode 0755.
    pub fn write(&self, path: impl AsRef<[u8]>, bytes: &[u8], mode: u32) -> Result<(), TreeError> {
        let place = self.make_place(path)?;
        let temporary = place.temporary_name();
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let _absent = system::unlinkat(&place.directory, &temporary, AtFlags::empty());
        let file = system::openat(&place.directory, &temporary, flags, Mode::RUSR | Mode::WUSR)
            .map_err(failed("write", &place.path))?;
        let mut file = File::from(file);
        let written = file
            .write_all(bytes)
            .and_then(|()| Ok(own(&file)?))
            .and_then(|()| Ok(system::fchmod(&file, Mode::from_raw_mode(mode))?));
        if let Err(error) = written {
            let _leftover = system::unlinkat(&place.directory, &temporary, AtFlags::empty());
            return Err(io_failed("write", &place.path)(error));
        }
        place.replace_by(&temporary)
    }

    /// Puts a symbolic link at `path`, atomically instead of what is there; parents are made with mode 0755.
    pub fn symlink(&self, path: impl AsRef<[u8]>, target: &[u8]) -> Result<(), TreeError> {
        let place = self.make_place(path)?;
        let temporary = place.temporary_name();
        let _absent = system::unlinkat(&place.directory, &temporary, AtFlags::empty());
        let owner = rustix::process::geteuid();
        let group = rustix::process::getegid();
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        system::symlinkat(target, &place.directory, &temporary)
            .and_then(|()| {
                let directory = &place.directory;
                system::chownat(directory, &temporary, Some(owner), Some(group), flags)
            })
            .map_err(failed("link", &place.path))?;
        place.replace_by(&temporary)
    }

    /// Makes the directory at `path` and those above it, with mode 0755; what is there already stays.
    pub fn create_dir_all(&self, path: impl AsRef<[u8]>) -> Result<(), TreeError> {
        self.make_directories(&parse(path)?).map(drop)
    }

    /// Removes the entry at `path`, which is no directory; returns whether there was one.
    pub fn remove_file(&self, path: impl AsRef<[u8]>) -> Result<bool, TreeError> {
        let Some(place) = self.find(path)? else {
            return Ok(false);
        };
        match system::unlinkat(&place.directory, place.name.as_slice(), AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(failed("remove", &place.path)(error)),
        }
    }

    /// Removes the entry at `path` with all below it; returns whether there was one.
    pub fn remove_tree(&self, path: impl AsRef<[u8]>) -> Result<bool, TreeError> {
        let Some(place) = self.find(path)? else {
            return Ok(false);
        };
        remove(&place.directory, &place.name, &place.path)
    }

    /// Renames an entry; what is at the new path is replaced as `rename` does.
    pub fn rename(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<(), TreeError> {
        let source = self.place(from)?;
        let target = self.make_place(to)?;
        system::renameat_with(
            &source.directory,
            source.name.as_slice(),
            &target.directory,
            target.name.as_slice(),
            RenameFlags::empty(),
        )
        .map_err(failed("rename", &source.path))
    }

    /// Returns the names in the directory at `path`, sorted; none where there is no directory.
    pub fn list(&self, path: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, TreeError> {
        let path = parse(path)?;
        let directory =
            match self.open_in_root(&path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC) {
                Ok(directory) => directory,
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Vec::new()),
                Err(error) => return Err(failed("list", &path)(error)),
            };
        let mut names = names(&directory).map_err(io_failed("list", &path))?;
        names.sort_unstable();
        Ok(names)
    }

    /// Sets the mode of the file or directory at `path`; a symlink has none of its own and is refused.
    pub fn set_mode(&self, path: impl AsRef<[u8]>, mode: u32) -> Result<(), TreeError> {
        let place = self.place(path)?;
        match place.kind()? {
            Some(FileType::RegularFile) => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                place.set_open_mode(flags, mode)
            }
            Some(FileType::Directory) => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
                place.set_open_mode(flags, mode)
            }
            Some(
                FileType::Symlink
                | FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown,
            )
            | None => Err(TreeError::Kind {
                path: place.path.to_string(),
                expected: "file or directory",
            }),
        }
    }

    /// Sets owner and group of the entry at `path`, not following it.
    pub fn set_owner(&self, path: impl AsRef<[u8]>, uid: u32, gid: u32) -> Result<(), TreeError> {
        let place = self.place(path)?;
        let owner = (Uid::from_raw(uid), Gid::from_raw(gid));
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let name = place.name.as_slice();
        system::chownat(&place.directory, name, Some(owner.0), Some(owner.1), flags)
            .map_err(failed("change the owner of", &place.path))
    }

    /// Sets the modification time of the entry at `path`, not following it.
    pub fn set_mtime(&self, path: impl AsRef<[u8]>, mtime: Timestamp) -> Result<(), TreeError> {
        let place = self.place(path)?;
        let name = place.name.as_slice();
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        system::utimensat(&place.directory, name, &timestamps(mtime), flags)
            .map_err(failed("set the time of", &place.path))
    }

    /// Opens what is at `path` as a handle that says where it is and reads nothing (`O_PATH`); links are followed inside the tree.
    pub fn open_path(&self, path: impl AsRef<[u8]>) -> Result<OwnedFd, TreeError> {
        let path = parse(path)?;
        self.open_in_root(&path, OFlags::PATH)
            .map_err(failed("open", &path))
    }

    fn open_in_root(&self, path: &RootfsPath, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        system::openat2(
            &self.root,
            path.as_bytes(),
            flags | OFlags::CLOEXEC,
            Mode::empty(),
            resolve,
        )
    }

    /// Opens the directory that `path` is in.
    fn place(&self, path: impl AsRef<[u8]>) -> Result<Place, TreeError> {
        let path = parse(path)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let directory = self
            .open_in_root(&path.parent(), flags)
            .map_err(failed("open the directory of", &path))?;
        let name = path.name().to_vec();
        Ok(Place {
            path,
            directory,
            name,
        })
    }

    /// Opens the directory that `path` is in; `None` where there is none.
    pub(super) fn find(&self, path: impl AsRef<[u8]>) -> Result<Option<Place>, TreeError> {
        match self.place(path) {
            Ok(place) => Ok(Some(place)),
            Err(TreeError::System { source, .. })
                if matches!(
                    source.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Opens the directory that `path` is in, making what is missing.
    fn make_place(&self, path: impl AsRef<[u8]>) -> Result<Place, TreeError> {
        let path = parse(path)?;
        let Some((parent, name)) = path.split() else {
            return Err(TreeError::Kind {
                path: path.to_string(),
                expected: "path below the root",
            });
        };
        let directory = self.make_directories(&parent)?;
        let name = name.to_vec();
        Ok(Place {
            path,
            directory,
            name,
        })
    }

    fn make_directories(&self, path: &RootfsPath) -> Result<OwnedFd, TreeError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        match self.open_in_root(path, flags) {
            Ok(directory) => return Ok(directory),
            Err(Errno::NOENT) if !path.is_root() => {}
            Err(error) => return Err(failed("open", path)(error)),
        }
        let parent = self.make_directories(&path.parent())?;
        match system::mkdirat(&parent, path.name(), Mode::from_raw_mode(0o700)) {
            // The mode is set apart, because the umask would change it.
            Ok(()) => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let made = system::openat(&parent, path.name(), flags, Mode::empty())
                    .map_err(failed("open", path))?;
                own(&made)
                    .and_then(|()| system::fchmod(&made, Mode::from_raw_mode(0o755)))
                    .map_err(failed("make", path))?;
            }
            Err(error) => return Err(failed("make", path)(error)),
        }
        self.open_in_root(path, flags).map_err(failed("open", path))
    }
}

impl Place {
    fn kind(&self) -> Result<Option<FileType>, TreeError> {
        let name = self.name.as_slice();
        match system::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(failed("look at", &self.path)(error)),
        }
    }

    fn set_open_mode(&self, flags: OFlags, mode: u32) -> Result<(), TreeError> {
        system::openat(&self.directory, self.name.as_slice(), flags, Mode::empty())
            .and_then(|file| system::fchmod(file, Mode::from_raw_mode(mode)))
            .map_err(failed("change the mode of", &self.path))
    }

    /// A name that no package has; left over, it is replaced.
    fn temporary_name(&self) -> Vec<u8> {
        let mut name = b".migrate-verify.".to_vec();
        name.extend_from_slice(&self.name[..self.name.len().min(200)]);
        name
    }

    fn replace_by(&self, temporary: &[u8]) -> Result<(), TreeError> {
        system::renameat(
            &self.directory,
            temporary,
            &self.directory,
            self.name.as_slice(),
        )
        .map_err(|error| {
            let _leftover = system::unlinkat(&self.directory, temporary, AtFlags::empty());
            failed("write", &self.path)(error)
        })
    }
}

/// Gives what was made to whoever makes it: below a setgid directory it would be that one's group's.
fn own(file: impl AsFd) -> rustix::io::Result<()> {
    let owner = rustix::process::geteuid();
    let group = rustix::process::getegid();
    system::fchown(file, Some(owner), Some(group))
}

fn parse(path: impl AsRef<[u8]>) -> Result<RootfsPath, TreeError> {
    let path = path.as_ref();
    RootfsPath::parse(path).map_err(|source| TreeError::Path {
        path: escape(path),
        source,
    })
}

/// Returns what `utimensat` takes; the access time is set to the same, so that it tells nothing.
pub(super) fn timestamps(mtime: Timestamp) -> Timestamps {
    let time = Timespec {
        tv_sec: mtime.seconds,
        tv_nsec: i64::from(mtime.nanoseconds),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
