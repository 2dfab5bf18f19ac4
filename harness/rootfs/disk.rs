//! What is done to the model, done on disk.
//!
//! The tree grows in a folder that only its owner can enter, beside its final place. Every path here is the model's, so it
//! has no link in it, and the kernel is told so: `RESOLVE_BENEATH` and `RESOLVE_NO_SYMLINKS` on the directory, one name
//! that is never followed below it. Files are made anew, never opened; removed ones are kept until their layer ends,
//! because a hard link may still want them.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{self as system, AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Uid},
    io::Errno,
};

use super::{
    entry::{Entry, EntryKind},
    error::TreeError,
    extended_attributes,
    model::{LinkSource, Sink},
    path::RootfsPath,
    removal::remove,
    tree_root::timestamps,
    walk::{failed, io_failed},
};

/// A tree that is being made on disk.
#[derive(Debug)]
pub(super) struct Disk {
    /// The root of the tree.
    root: OwnedFd,
    /// Where what was removed waits.
    graveyard: OwnedFd,
    graves: Vec<u64>,
    /// The directory that was used last: members of one directory follow each other.
    last: Option<(RootfsPath, OwnedFd)>,
    file: Option<(RootfsPath, File)>,
    hole_at_end: bool,
}

impl Disk {
    pub(super) fn new(root: OwnedFd, graveyard: OwnedFd) -> Self {
        Self {
            root,
            graveyard,
            graves: Vec::new(),
            last: None,
            file: None,
            hole_at_end: false,
        }
    }

    /// Returns the tree's root.
    pub(super) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// Opens the directory that a path is in.
    fn parent(&mut self, path: &RootfsPath) -> Result<&OwnedFd, TreeError> {
        let parent = path.parent();
        if self.last.as_ref().is_none_or(|(known, _)| *known != parent) {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
            let opened =
                system::openat2(&self.root, parent.as_bytes(), flags, Mode::empty(), resolve)
                    .map_err(failed("open", &parent))?;
            self.last = Some((parent, opened));
        }
        let (_, directory) = self.last.as_ref().expect("it was just set");
        Ok(directory)
    }

    fn open_file(&mut self) -> &mut (RootfsPath, File) {
        self.file.as_mut().expect("a file was begun")
    }
}

impl Sink for Disk {
    fn make_directory(&mut self, path: &RootfsPath) -> Result<(), TreeError> {
        let parent = self.parent(path)?;
        system::mkdirat(parent, path.name(), Mode::RWXU).map_err(failed("make", path))
    }

    fn remove_directory(&mut self, path: &RootfsPath) -> Result<(), TreeError> {
        let parent = self.parent(path)?;
        let result = system::unlinkat(parent, path.name(), AtFlags::REMOVEDIR);
        self.last = None;
        result.map_err(failed("remove", path))
    }

    fn bury(&mut self, path: &RootfsPath, grave: u64) -> Result<(), TreeError> {
        self.graves.push(grave);
        let graveyard = self.graveyard.as_fd().try_clone_to_owned();
        let graveyard = graveyard.map_err(io_failed("remove", path))?;
        let parent = self.parent(path)?;
        match system::renameat(parent, path.name(), graveyard, grave.to_string()) {
            // Nothing is there where a device could not be made.
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(failed("remove", path)(error)),
        }
    }

    fn begin_file(&mut self, path: &RootfsPath) -> Result<(), TreeError> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let parent = self.parent(path)?;
        let file = system::openat(parent, path.name(), flags, Mode::RUSR | Mode::WUSR)
            .map_err(failed("write", path))?;
        self.file = Some((path.clone(), File::from(file)));
        self.hole_at_end = false;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TreeError> {
        self.hole_at_end = false;
        let (path, file) = self.open_file();
        file.write_all(bytes).map_err(io_failed("write", path))
    }

    fn hole(&mut self, length: u64) -> Result<(), TreeError> {
        self.hole_at_end = true;
        let (path, file) = self.open_file();
        let step =
            i64::try_from(length).map_err(|_| io_failed("write", path)(Errno::FBIG.into()))?;
        file.seek(SeekFrom::Current(step))
            .map_err(io_failed("write", path))?;
        Ok(())
    }

    fn end_file(&mut self, entry: &Entry) -> Result<(), TreeError> {
        let (path, mut file) = self.file.take().expect("a file was begun");
        if self.hole_at_end {
            let end = file.stream_position().map_err(io_failed("write", &path))?;
            file.set_len(end).map_err(io_failed("write", &path))?;
        }
        set_attributes(&file, entry, &path)
    }

    fn make_special(&mut self, path: &RootfsPath, entry: &Entry) -> Result<(), TreeError> {
        let parent = self.parent(path)?;
        let name = path.name();
        let (kind, device) = match &entry.kind {
            EntryKind::Symlink { target } => {
                system::symlinkat(target.as_slice(), parent, name).map_err(failed("link", path))?;
                return set_special_attributes(parent, entry, path, false);
            }
            EntryKind::CharDevice { major, minor } => {
                (FileType::CharacterDevice, system::makedev(*major, *minor))
            }
            EntryKind::BlockDevice { major, minor } => {
                (FileType::BlockDevice, system::makedev(*major, *minor))
            }
            EntryKind::Fifo => (FileType::Fifo, 0),
            EntryKind::Socket => (FileType::Socket, 0),
            EntryKind::Directory | EntryKind::File { .. } => {
                unreachable!("directories and files are made elsewhere")
            }
        };
        match system::mknodat(parent, name, kind, Mode::RUSR | Mode::WUSR, device) {
            Ok(()) => set_special_attributes(parent, entry, path, true),
            // Only root makes devices; that it is missing is found when the tree is read back.
            Err(Errno::PERM) => Ok(()),
            Err(error) => Err(failed("make", path)(error)),
        }
    }

    fn link(&mut self, source: &LinkSource, path: &RootfsPath) -> Result<(), TreeError> {
        let (directory, name) = match source {
            LinkSource::Grave(grave) => (
                self.graveyard.as_fd().try_clone_to_owned(),
                grave.to_string().into_bytes(),
            ),
            LinkSource::Path(target) => (
                self.parent(target)?.as_fd().try_clone_to_owned(),
                target.name().to_vec(),
            ),
        };
        let directory = directory.map_err(io_failed("link", path))?;
        let parent = self.parent(path)?;
        match system::linkat(
            &directory,
            name.as_slice(),
            parent,
            path.name(),
            AtFlags::empty(),
        ) {
            // Nothing is there where a device could not be made.
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(failed("link", path)(error)),
        }
    }

    fn end_layer(&mut self) -> Result<(), TreeError> {
        let root = RootfsPath::root();
        for grave in std::mem::take(&mut self.graves) {
            remove(&self.graveyard, grave.to_string().as_bytes(), &root)?;
        }
        Ok(())
    }

    fn finish_directory(&mut self, path: &RootfsPath, entry: &Entry) -> Result<(), TreeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let directory = system::openat2(&self.root, path.as_bytes(), flags, Mode::empty(), resolve)
            .map_err(failed("open", path))?;
        set_attributes(&File::from(directory), entry, path)
    }
}

/// Sets attributes of an open file or directory: the owner first, because that clears setuid, and the time last.
fn set_attributes(file: &File, entry: &Entry, path: &RootfsPath) -> Result<(), TreeError> {
    let owner = Some(Uid::from_raw(entry.uid));
    let group = Some(Gid::from_raw(entry.gid));
    let has_owner = tolerated(system::fchown(file, owner, group), "own", path)?;
    system::fchmod(file, mode(entry, has_owner)).map_err(failed("change the mode of", path))?;
    for (name, value) in &entry.xattrs {
        let result = extended_attributes::write_open(file, name, value);
        tolerated(
            result.map_err(|error| errno(&error)),
            "set an xattr of",
            path,
        )?;
    }
    system::futimens(file, &timestamps(entry.mtime)).map_err(failed("set the time of", path))
}

/// Sets attributes of an entry that can't be opened.
fn set_special_attributes(
    parent: &OwnedFd,
    entry: &Entry,
    path: &RootfsPath,
    has_mode: bool,
) -> Result<(), TreeError> {
    let name = path.name();
    let owner = Some(Uid::from_raw(entry.uid));
    let group = Some(Gid::from_raw(entry.gid));
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    let result = system::chownat(parent, name, owner, group, flags);
    let has_owner = tolerated(result, "own", path)?;
    if has_mode {
        system::chmodat(parent, name, mode(entry, has_owner), AtFlags::empty())
            .map_err(failed("change the mode of", path))?;
    }
    for (key, value) in &entry.xattrs {
        let result = extended_attributes::write_at(parent, name, key, value);
        tolerated(
            result.map_err(|error| errno(&error)),
            "set an xattr of",
            path,
        )?;
    }
    system::utimensat(parent, name, &timestamps(entry.mtime), flags)
        .map_err(failed("set the time of", path))
}

/// A setuid file that could not get its owner must not be setuid for another one.
fn mode(entry: &Entry, has_owner: bool) -> Mode {
    let mask = if has_owner { 0o7777 } else { 0o1777 };
    Mode::from_raw_mode(entry.mode & mask)
}

/// Returns whether a call did its work; that the system or the file system can't do it is found when the tree is read back.
fn tolerated(
    result: rustix::io::Result<()>,
    attempt: &'static str,
    path: &RootfsPath,
) -> Result<bool, TreeError> {
    match result {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::NOTSUP | Errno::INVAL | Errno::ACCESS) => Ok(false),
        Err(error) => Err(failed(attempt, path)(error)),
    }
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
