//! A tree on disk becomes a [`Listing`]: no path is ever followed, files are hashed on every core.
//!
//! Each directory is opened below the root without following any link, its entries are looked at relative to it, and its
//! files are read through the same descriptor that was stat'ed. A directory is one task, and so is a large file: the cores
//! stay busy without a descriptor being held while a task waits.

use std::{collections::BTreeMap, fs::File, io, os::fd::OwnedFd, path::Path, sync::Mutex};

use rustix::fs::{self as system, AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};

use super::{
    against::Against,
    content::hash,
    entry::{Entry, EntryKind, Timestamp},
    error::TreeError,
    extended_attributes::{self, ExtendedAttributes},
    listing::Listing,
    path::RootfsPath,
};

/// Files from this size on are tasks of their own.
const LARGE: i64 = 1 << 20;

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

fn open_root(root: &Path) -> Result<OwnedFd, TreeError> {
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
    let walk = Walk {
        root,
        known,
        equal: Mutex::new(Vec::new()),
        found: Mutex::new(Vec::new()),
        error: Mutex::new(None),
    };
    let path = RootfsPath::root();
    let stat = system::fstat(root).map_err(failed("look at", &path))?;
    let xattrs = extended_attributes::read_open(root).map_err(io_failed("look at", &path))?;
    walk.keep(vec![Found::new(
        path.clone(),
        EntryKind::Directory,
        &stat,
        xattrs,
    )]);
    rayon::scope(|scope| walk.spawn(scope, move |walk, scope| walk.directory(&path, scope)));
    if let Some(error) = walk.error.into_inner().expect("no task panics") {
        return Err(error);
    }
    let mut equal = walk.equal.into_inner().expect("no task panics");
    equal.sort_unstable();
    Ok((equal, walk.found.into_inner().expect("no task panics")))
}

/// What the tasks of one walk share.
struct Walk<'a> {
    root: &'a OwnedFd,
    known: Option<&'a Listing>,
    /// The numbers of the known entries that are as they are known.
    equal: Mutex<Vec<usize>>,
    found: Mutex<Vec<Found>>,
    error: Mutex<Option<TreeError>>,
}

/// An entry, and the inode by which its other names are found.
struct Found {
    path: RootfsPath,
    entry: Entry,
    inode: Option<(u64, u64)>,
}

impl Found {
    fn new(path: RootfsPath, kind: EntryKind, stat: &Stat, xattrs: ExtendedAttributes) -> Self {
        let linked = stat.st_nlink > 1 && kind != EntryKind::Directory;
        Self {
            path,
            inode: linked.then_some((stat.st_dev, stat.st_ino)),
            entry: Entry {
                kind,
                mode: stat.st_mode & 0o7777,
                uid: stat.st_uid,
                gid: stat.st_gid,
                mtime: Timestamp {
                    seconds: stat.st_mtime,
                    nanoseconds: u32::try_from(stat.st_mtime_nsec)
                        .expect("the kernel keeps nanoseconds below a second"),
                },
                hard_link: None,
                xattrs,
            },
        }
    }
}

impl Walk<'_> {
    /// Starts a task; after the first error none does anything.
    fn spawn<'scope>(
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

    fn keep(&self, found: Vec<Found>) {
        let Some(known) = self.known else {
            self.found.lock().expect("no task panics").extend(found);
            return;
        };
        let mut equal = Vec::new();
        let mut other = Vec::new();
        for found in found {
            // One that has several names is only known when all of them are met.
            match known.entries.position(&found.path) {
                Ok(index) if found.inode.is_none() && *known.entries.at(index) == found.entry => {
                    equal.push(index);
                }
                Ok(_) | Err(_) => other.push(found),
            }
        }
        self.equal.lock().expect("no task panics").extend(equal);
        self.found.lock().expect("no task panics").extend(other);
    }

    /// Looks at an open file and reads it, unless what is in it is known.
    fn read_file(file: OwnedFd, path: RootfsPath) -> Result<Found, TreeError> {
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

    /// Lists one directory.
    fn directory<'scope>(
        &'scope self,
        path: &RootfsPath,
        scope: &rayon::Scope<'scope>,
    ) -> Result<(), TreeError> {
        let directory = self.open(path, OFlags::DIRECTORY)?;
        let mut found = Vec::new();
        for name in names(&directory).map_err(io_failed("list", path))? {
            let path = path.join(&name);
            let stat = system::statat(&directory, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(failed("look at", &path))?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    let child = open_at(&directory, &name, OFlags::DIRECTORY, &path)?;
                    let stat = system::fstat(&child).map_err(failed("look at", &path))?;
                    let xattrs = extended_attributes::read_open(&child)
                        .map_err(io_failed("look at", &path))?;
                    found.push(Found::new(
                        path.clone(),
                        EntryKind::Directory,
                        &stat,
                        xattrs,
                    ));
                    self.spawn(scope, move |walk, scope| walk.directory(&path, scope));
                }
                FileType::RegularFile if stat.st_size >= LARGE => {
                    self.spawn(scope, move |walk, _| {
                        let file = walk.open(&path, OFlags::empty())?;
                        let found = Self::read_file(file, path)?;
                        walk.keep(vec![found]);
                        Ok(())
                    });
                }
                FileType::RegularFile => {
                    let file = open_at(&directory, &name, OFlags::empty(), &path)?;
                    found.push(Self::read_file(file, path)?);
                }
                FileType::Symlink
                | FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => found.push(special(&directory, &name, path, &stat)?),
            }
        }
        self.keep(found);
        Ok(())
    }

    /// Opens a path below the root without following any link.
    fn open(&self, path: &RootfsPath, flags: OFlags) -> Result<OwnedFd, TreeError> {
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

fn open_at(
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
fn special(
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

/// Names the hard-link groups: only names inside the tree count.
fn group(mut found: Vec<Found>) -> Listing {
    found.sort_unstable_by(|first, second| first.path.cmp(&second.path));
    let mut groups: BTreeMap<(u64, u64), (RootfsPath, usize)> = BTreeMap::new();
    for one in &found {
        if let Some(inode) = one.inode {
            let group = groups.entry(inode).or_insert((one.path.clone(), 0));
            group.1 += 1;
        }
    }
    let named = |one: Found| {
        let group = one.inode.and_then(|inode| groups.get(&inode));
        let hard_link = group
            .filter(|(_, names)| *names > 1)
            .map(|(first, _)| first.clone());
        (
            one.path,
            Entry {
                hard_link,
                ..one.entry
            },
        )
    };
    Listing {
        entries: found.into_iter().map(named).collect(),
    }
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
