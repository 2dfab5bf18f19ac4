//! Removing what is on disk, never following a link or leaving the file system.

use std::os::fd::OwnedFd;

use rustix::{
    fs::{self as system, AtFlags, Mode, OFlags, ResolveFlags},
    io::Errno,
};

use super::{
    error::TreeError,
    path::RootfsPath,
    walk::{failed, io_failed, names},
};

/// Removes an entry with all below it, never following a link or leaving the file system.
pub(super) fn remove(
    directory: &OwnedFd,
    name: &[u8],
    path: &RootfsPath,
) -> Result<bool, TreeError> {
    match system::unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) => return Ok(true),
        Err(Errno::NOENT) => return Ok(false),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(failed("remove", path)(error)),
    }
    let child = system::openat2(
        directory,
        name,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV,
    )
    .map_err(failed("open", path))?;
    for name in names(&child).map_err(io_failed("list", path))? {
        remove(&child, &name, &path.join(&name))?;
    }
    system::unlinkat(directory, name, AtFlags::REMOVEDIR).map_err(failed("remove", path))?;
    Ok(true)
}
