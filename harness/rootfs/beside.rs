//! Two trees on disk, walked side by side.
//!
//! What is equal is only counted: its bytes are compared with each other and not hashed, and nothing of it is kept. So two
//! large trees that differ in little cost little memory, and their comparison is as fast as the disk can be read.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read, Seek},
    os::fd::OwnedFd,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::fs::{self as system, AtFlags, FileType, OFlags, Stat};

use super::{
    error::TreeError,
    extended_attributes,
    found::{Found, group},
    listing::Listing,
    path::RootfsPath,
    walk::{
        LARGE, Walk, directory_itself, failed, io_failed, names, open_at, open_root, read_file,
        special,
    },
};

/// Bytes of each file that are compared at once: two of them stay in the cache.
const BUFFER: usize = 64 * 1024;

/// Two trees as far as they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// What the first has that the second does not have like this, and all its files with several names.
    pub first: Listing,
    /// What the second has that the first does not have like this, and all its files with several names.
    pub second: Listing,
    /// How many entries the whole trees have.
    pub entries: (usize, usize),
}

/// Walks two trees at once and keeps what is not equal.
pub fn walk_beside(first: &Path, second: &Path) -> Result<Beside, TreeError> {
    let roots = (open_root(first)?, open_root(second)?);
    let pair = Pair {
        first: Walk::new(&roots.0, None),
        second: Walk::new(&roots.1, None),
        equal: AtomicUsize::new(0),
    };
    let path = RootfsPath::root();
    pair.keep(
        directory_itself(&roots.0, path.clone())?,
        directory_itself(&roots.1, path.clone())?,
    );
    rayon::scope(|scope| pair.spawn(scope, move |pair, scope| pair.directory(&path, scope)));
    let equal = pair.equal.into_inner();
    let (_, first) = pair.first.into_found()?;
    let (_, second) = pair.second.into_found()?;
    Ok(Beside {
        entries: (equal + first.len(), equal + second.len()),
        first: group(first),
        second: group(second),
    })
}

/// What the tasks of two walks share.
struct Pair<'a> {
    first: Walk<'a>,
    second: Walk<'a>,
    /// How many entries are equal.
    equal: AtomicUsize,
}

impl Pair<'_> {
    /// Starts a task; after the first error none does anything.
    fn spawn<'scope>(
        &'scope self,
        scope: &rayon::Scope<'scope>,
        task: impl FnOnce(&'scope Self, &rayon::Scope<'scope>) -> Result<(), TreeError> + Send + 'scope,
    ) {
        self.first.spawn(scope, move |_, scope| task(self, scope));
    }

    /// Counts two entries that are equal, and keeps two that are not, or that have other names.
    fn keep(&self, first: Found, second: Found) {
        if first.inode.is_none() && second.inode.is_none() && first.entry == second.entry {
            self.equal.fetch_add(1, Ordering::Relaxed);
        } else {
            self.first.keep(vec![first]);
            self.second.keep(vec![second]);
        }
    }

    /// Compares one directory.
    fn directory<'scope>(
        &'scope self,
        path: &RootfsPath,
        scope: &rayon::Scope<'scope>,
    ) -> Result<(), TreeError> {
        let first = self.first.open(path, OFlags::DIRECTORY)?;
        let second = self.second.open(path, OFlags::DIRECTORY)?;
        let list = |directory| names(directory).map_err(io_failed("list", path));
        let mut others: BTreeSet<Vec<u8>> = list(&second)?.into_iter().collect();
        for name in list(&first)? {
            let path = path.join(&name);
            if others.remove(&name) {
                self.look_at((&first, &second), &name, path, scope)?;
            } else {
                let found = self.first.look_at(&first, &name, path, scope)?;
                self.first.keep(found.into_iter().collect());
            }
        }
        for name in others {
            let found = self
                .second
                .look_at(&second, &name, path.join(&name), scope)?;
            self.second.keep(found.into_iter().collect());
        }
        Ok(())
    }

    /// Compares what one name is in two open directories.
    fn look_at<'scope>(
        &'scope self,
        (first, second): (&OwnedFd, &OwnedFd),
        name: &[u8],
        path: RootfsPath,
        scope: &rayon::Scope<'scope>,
    ) -> Result<(), TreeError> {
        let stat = |directory| {
            system::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(failed("look at", &path))
        };
        let stats = (stat(first)?, stat(second)?);
        let kind = |stat: &Stat| FileType::from_raw_mode(stat.st_mode);
        if kind(&stats.0) != kind(&stats.1) {
            let found = self.first.look_at(first, name, path.clone(), scope)?;
            self.first.keep(found.into_iter().collect());
            let found = self.second.look_at(second, name, path, scope)?;
            self.second.keep(found.into_iter().collect());
            return Ok(());
        }
        match kind(&stats.0) {
            FileType::Directory => {
                let open = |directory| open_at(directory, name, OFlags::DIRECTORY, &path);
                self.keep(
                    directory_itself(&open(first)?, path.clone())?,
                    directory_itself(&open(second)?, path.clone())?,
                );
                self.spawn(scope, move |pair, scope| pair.directory(&path, scope));
                Ok(())
            }
            FileType::RegularFile if stats.0.st_size >= LARGE || stats.1.st_size >= LARGE => {
                self.spawn(scope, move |pair, _| {
                    let first = pair.first.open(&path, OFlags::empty())?;
                    let second = pair.second.open(&path, OFlags::empty())?;
                    pair.files(first, second, path)
                });
                Ok(())
            }
            FileType::RegularFile => {
                let open = |directory| open_at(directory, name, OFlags::empty(), &path);
                self.files(open(first)?, open(second)?, path)
            }
            FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => {
                self.keep(
                    special(first, name, path.clone(), &stats.0)?,
                    special(second, name, path, &stats.1)?,
                );
                Ok(())
            }
        }
    }

    /// Compares two open files.
    fn files(&self, first: OwnedFd, second: OwnedFd, path: RootfsPath) -> Result<(), TreeError> {
        let (mut first, mut second) = (File::from(first), File::from(second));
        if are_equal(&mut first, &mut second, &path)? {
            self.equal.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        for file in [&mut first, &mut second] {
            file.rewind().map_err(io_failed("read", &path))?;
        }
        // They are hashed now, and what that finds is what counts.
        self.keep(
            read_file(first.into(), path.clone())?,
            read_file(second.into(), path)?,
        );
        Ok(())
    }
}

/// Returns whether two open files with one name each are equal in all that an entry holds.
fn are_equal(first: &mut File, second: &mut File, path: &RootfsPath) -> Result<bool, TreeError> {
    let stat = |file: &File| system::fstat(file).map_err(failed("look at", path));
    let (one, other) = (stat(first)?, stat(second)?);
    let is_plain = FileType::from_raw_mode(one.st_mode) == FileType::RegularFile;
    let aspects = |stat: &Stat| {
        let time = (stat.st_mtime, stat.st_mtime_nsec);
        (stat.st_mode, stat.st_uid, stat.st_gid, time, stat.st_size)
    };
    if !is_plain || one.st_nlink != 1 || other.st_nlink != 1 || aspects(&one) != aspects(&other) {
        return Ok(false);
    }
    let xattrs =
        |file: &File| extended_attributes::read_open(file).map_err(io_failed("look at", path));
    if xattrs(first)? != xattrs(second)? {
        return Ok(false);
    }
    let size = one.st_size.cast_unsigned();
    have_equal_bytes(first, second, size).map_err(io_failed("read", path))
}

/// Returns whether two files have the same bytes and `size` of them.
fn have_equal_bytes(first: &mut File, second: &mut File, size: u64) -> io::Result<bool> {
    thread_local! {
        static BYTES: std::cell::RefCell<(Vec<u8>, Vec<u8>)> =
            std::cell::RefCell::new((vec![0; BUFFER], vec![0; BUFFER]));
    }
    BYTES.with_borrow_mut(|(one, other)| {
        let mut left = size;
        while left > 0 {
            let length = usize::try_from(left).map_or(BUFFER, |left| left.min(BUFFER));
            for (file, bytes) in [(&mut *first, &mut *one), (&mut *second, &mut *other)] {
                match file.read_exact(&mut bytes[..length]) {
                    Ok(()) => {}
                    // Cut off while it was read: hashing says so.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                    Err(error) => return Err(error),
                }
            }
            if one[..length] != other[..length] {
                return Ok(false);
            }
            left -= length as u64;
        }
        Ok(true)
    })
}
