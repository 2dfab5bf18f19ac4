//! A tree on disk becomes a [`Listing`]: no path is ever followed, files are hashed on every core.
//!
//! Each directory is opened below the root without following any link, its entries are looked at relative to it, and its
//! files are read through the same descriptor that was stat'ed. A directory is one task, and so is a large file: the cores
//! stay busy without a descriptor being held while a task waits.

use std::{fs::File, io, os::fd::OwnedFd, path::Path, sync::Mutex};

use rustix::fs::{self as system, AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};

use super::{
    against::Against,
    content::hash,
    entry::EntryKind,
    error::TreeError,
    extended_attributes,
    found::{Found, group},
    listing::Listing,
    path::RootfsPath,
};

/// Files from this size on are tasks of their own.
pub(super) const LARGE: i64 = 1 << 20;

/// Lists the tree below `root`.
pub fn walk(root: &Path) -> Result<Listing, TreeError> {
    let (_, found) = find(&open_root(root)?, None)?;
    Ok(group(found))
}

/// Lists the tree below `root` as far as it is not what `known` says: there is no second copy of what is equal.
pub fn walk_against(root: &Path, known: &Listing) -> Result<Against, TreeError> {
    against(&open_root(root)?, known)
}

/// Compares the tree below an open directory with what was just written there; every byte is read again.
pub(super) fn walk_written(root: &OwnedFd, known: &Listing) -> Result<Against, TreeError> {
    against(root, known)
}

pub(super) fn open_root(root: &Path) -> Result<OwnedFd, TreeError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    system::open(root, flags, Mode::empty()).map_err(|source| TreeError::System {
        attempt: "open",
        path: root.display().to_string(),
        source: source.into(),
    })
}

fn against(root: &OwnedFd, known: &Listing) -> Result<Against, TreeError> {
    let (equal, other) = find(root, Some(known))?;
    Ok(Against {
        equal,
        other: group(other),
    })
}

/// Walks the tree below an open directory.
fn find(root: &OwnedFd, known: Option<&Listing>) -> Result<(Vec<usize>, Vec<Found>), TreeError> {
    let walk = Walk::new(root, known);
    let path = RootfsPath::root();
    walk.keep(vec![directory_itself(root, path.clone())?]);
    rayon::scope(|scope| walk.spawn(scope, move |walk, scope| walk.directory(&path, scope)));
    walk.into_found()
}

/// What the tasks of one walk share.
pub(super) struct Walk<'a> {
    root: &'a OwnedFd,
    known: Option<&'a Listing>,
    /// The numbers of the known entries that are as they are known.
    equal: Mutex<Vec<usize>>,
    found: Mutex<Vec<Found>>,
    error: Mutex<Option<TreeError>>,
}

impl<'a> Walk<'a> {
    /// Begins a walk, of which nobody has walked anything yet.
    pub(super) fn new(root: &'a OwnedFd, known: Option<&'a Listing>) -> Self {
        Self {
            root,
            known,
            equal: Mutex::new(Vec::new()),
            found: Mutex::new(Vec::new()),
            error: Mutex::new(None),
        }
    }

    /// Returns the numbers of what is as it is known, and all else that was found.
    pub(super) fn into_found(self) -> Result<(Vec<usize>, Vec<Found>), TreeError> {
        if let Some(error) = self.error.into_inner().expect("no task panics") {
            return Err(error);
        }
        let mut equal = self.equal.into_inner().expect("no task panics");
        equal.sort_unstable();
        Ok((equal, self.found.into_inner().expect("no task panics")))
    }

    /// Starts a task; after the first error none does anything.
    pub(super) fn spawn<'scope>(
        &'scope self,
        scope: &rayon::Scope<'scope>,
        task: impl FnOnce(&'scope Self, &rayon::Scope<'scope>) -> Result<(), TreeError> + Send + 'scope,
    ) {
        scope.spawn(move |scope| {
            if self.error.lock().expect("no task panics").is_some() {
                return;
            }
            if let Err(error) = task(self, scope) {
                self.error
                    .lock()
                    .expect("no task panics")
                    .get_or_insert(error);
            }
        });
    }

    pub(super) fn keep(&self, found: Vec<Found>) {
        let Some(known) = self.known else {
            self.found.lock().expect("no task panics").extend(found);
            return;
        };
        let mut equal = Vec::new();
        let mut other = Vec::new();
        for found in found {
            // One that has several names is only known when all of them are met.
            match known.entries.position(&found.path) {
                Ok(index) if found.inode.is_none() && *known.entries.at(index) == *found.entry => {
                    equal.push(index);
                }
                Ok(_) | Err(_) => other.push(found),
            }
        }
        self.equal.lock().expect("no task panics").extend(equal);
        self.found.lock().expect("no task panics").extend(other);
    }

    /// Lists one directory.
    fn directory<'scope>(
        &'scope self,
        path: &RootfsPath,
        scope: &rayon::Scope<'scope>,
    ) -> Result<(), TreeError> {
        let directory = self.open(path, OFlags::DIRECTORY)?;
        let mut found = Vec::new();
        for name in names(&directory).map_err(io_failed("list", path))? {
            found.extend(self.look_at(&directory, &name, path.join(&name), scope)?);
        }
        self.keep(found);
        Ok(())
    }

    /// Looks at one name in an open directory; what takes longer becomes a task.
    pub(super) fn look_at<'scope>(
        &'scope self,
        directory: &OwnedFd,
        name: &[u8],
        path: RootfsPath,
        scope: &rayon::Scope<'scope>,
    ) -> Result<Option<Found>, TreeError> {
        let stat = system::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(failed("look at", &path))?;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let child = open_at(directory, name, OFlags::DIRECTORY, &path)?;
                let found = directory_itself(&child, path.clone())?;
                self.spawn(scope, move |walk, scope| walk.directory(&path, scope));
                Some(found)
            }
            FileType::RegularFile if stat.st_size >= LARGE => {
                self.spawn(scope, move |walk, _| {
                    let file = walk.open(&path, OFlags::empty())?;
                    walk.keep(vec![read_file(file, path)?]);
                    Ok(())
                });
                None
            }
            FileType::RegularFile => {
                let file = open_at(directory, name, OFlags::empty(), &path)?;
                Some(read_file(file, path)?)
            }
            FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Some(special(directory, name, path, &stat)?),
        })
    }

    /// Opens a path below the root without following any link.
    pub(super) fn open(&self, path: &RootfsPath, flags: OFlags) -> Result<OwnedFd, TreeError> {
        system::openat2(
            self.root,
            path.as_bytes(),
            flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        )
        .map_err(failed("open", path))
    }
}

/// Looks at an open directory itself.
pub(super) fn directory_itself(directory: &OwnedFd, path: RootfsPath) -> Result<Found, TreeError> {
    let stat = system::fstat(directory).map_err(failed("look at", &path))?;
    let xattrs = extended_attributes::read_open(directory).map_err(io_failed("look at", &path))?;
    Ok(Found::new(path, EntryKind::Directory, &stat, xattrs))
}

/// Looks at an open file and reads it.
pub(super) fn read_file(file: OwnedFd, path: RootfsPath) -> Result<Found, TreeError> {
    let stat = system::fstat(&file).map_err(failed("look at", &path))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(TreeError::Changed {
            path: path.to_string(),
        });
    }
    let mut file = File::from(file);
    let content = hash(&mut file, &stat, &path)?;
    let xattrs = extended_attributes::read_open(&file).map_err(io_failed("look at", &path))?;
    let size = stat.st_size.cast_unsigned();
    let kind = EntryKind::File { size, content };
    Ok(Found::new(path, kind, &stat, xattrs))
}

pub(super) fn open_at(
    directory: &OwnedFd,
    name: &[u8],
    flags: OFlags,
    path: &RootfsPath,
) -> Result<OwnedFd, TreeError> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    system::openat(directory, name, flags, Mode::empty()).map_err(failed("open", path))
}

/// Returns the names in an open directory.
pub(super) fn names(directory: &OwnedFd) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in system::Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    Ok(names)
}

/// Looks at an entry that can't be opened.
pub(super) fn special(
    directory: &OwnedFd,
    name: &[u8],
    path: RootfsPath,
    stat: &Stat,
) -> Result<Found, TreeError> {
    let (major, minor) = (system::major(stat.st_rdev), system::minor(stat.st_rdev));
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Symlink => EntryKind::Symlink {
            target: system::readlinkat(directory, name, Vec::new())
                .map_err(failed("read", &path))?
                .into_bytes(),
        },
        FileType::Fifo => EntryKind::Fifo,
        FileType::Socket => EntryKind::Socket,
        FileType::CharacterDevice => EntryKind::CharDevice { major, minor },
        FileType::BlockDevice => EntryKind::BlockDevice { major, minor },
        FileType::RegularFile | FileType::Directory | FileType::Unknown => {
            return Err(TreeError::Changed {
                path: path.to_string(),
            });
        }
    };
    let xattrs =
        extended_attributes::read_at(directory, name).map_err(io_failed("look at", &path))?;
    Ok(Found::new(path, kind, stat, xattrs))
}

/// Gives an error its attempt and path.
pub(super) fn failed(
    attempt: &'static str,
    path: &RootfsPath,
) -> impl FnOnce(rustix::io::Errno) -> TreeError {
    move |source| io_failed(attempt, path)(source.into())
}

/// Gives an error its attempt and path.
pub(super) fn io_failed(
    attempt: &'static str,
    path: &RootfsPath,
) -> impl FnOnce(io::Error) -> TreeError {
    move |source| TreeError::System {
        attempt,
        path: path.to_string(),
        source,
    }
}
