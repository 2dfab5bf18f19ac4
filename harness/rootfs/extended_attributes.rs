//! Extended attributes of entries on disk.
//!
//! There is no `*at` form of these calls on the kernels that we support, so an entry that can't be opened (symlinks,
//! devices, pipes) is named through `/proc/self/fd/N/NAME`: the directory is the one that was opened, and the last name
//! is not followed.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd},
};

use rustix::{fs, io::Errno};

/// All attributes of one entry.
pub(super) type ExtendedAttributes = BTreeMap<Vec<u8>, Vec<u8>>;

/// The kernel takes no longer list of names and no longer value.
const LONGEST: usize = 65_536;

/// Returns whether an attribute belongs to the host or to a container engine, and not to the tree.
pub(super) fn is_foreign(name: &[u8]) -> bool {
    name == b"security.selinux"
        || name == b"system.nfs4_acl"
        || name == b"user.rootlesscontainers"
        || name.starts_with(b"trusted.overlay.")
        || name.starts_with(b"user.overlay.")
}

/// Reads the attributes of an open file or directory.
pub(super) fn read_open(file: impl AsFd) -> io::Result<ExtendedAttributes> {
    let file = file.as_fd();
    let names = list(|names| fs::flistxattr(file, names))?;
    read_values(&names, |name, value| fs::fgetxattr(file, name, value))
}

/// Reads the attributes of `name` in an open directory, not following it.
pub(super) fn read_at(directory: impl AsFd, name: &[u8]) -> io::Result<ExtendedAttributes> {
    let path = proc_path(directory, name);
    let names = list(|names| fs::llistxattr(path.as_slice(), names))?;
    read_values(&names, |name, value| {
        fs::lgetxattr(path.as_slice(), name, value)
    })
}

/// Returns the names; mostly there are none, and then nothing is allocated.
fn list(list: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> io::Result<Vec<u8>> {
    let mut few = [0; 512];
    match list(&mut few) {
        Ok(0) | Err(Errno::NOTSUP) => Ok(Vec::new()),
        Ok(length) => Ok(few[..length].to_vec()),
        Err(Errno::RANGE) => {
            let mut names = vec![0; LONGEST];
            let length = list(&mut names)?;
            names.truncate(length);
            Ok(names)
        }
        Err(error) => Err(error.into()),
    }
}

fn read_values(
    names: &[u8],
    read: impl Fn(&[u8], &mut [u8]) -> rustix::io::Result<usize>,
) -> io::Result<ExtendedAttributes> {
    let mut attributes = BTreeMap::new();
    if names.is_empty() {
        return Ok(attributes);
    }
    let mut value = vec![0; LONGEST];
    for name in names.split(|&byte| byte == 0) {
        if name.is_empty() || is_foreign(name) {
            continue;
        }
        let length = read(name, &mut value)?;
        attributes.insert(name.to_vec(), value[..length].to_vec());
    }
    Ok(attributes)
}

/// Sets one attribute of an open file or directory.
pub(super) fn write_open(file: &File, name: &[u8], value: &[u8]) -> io::Result<()> {
    Ok(fs::fsetxattr(file, name, value, fs::XattrFlags::empty())?)
}

/// Sets one attribute of an entry in an open directory, not following it.
pub(super) fn write_at(
    directory: impl AsFd,
    entry: &[u8],
    name: &[u8],
    value: &[u8],
) -> io::Result<()> {
    let path = proc_path(directory, entry);
    Ok(fs::lsetxattr(
        path.as_slice(),
        name,
        value,
        fs::XattrFlags::empty(),
    )?)
}

fn proc_path(directory: impl AsFd, name: &[u8]) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", directory.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    path
}
