//! The content of a file on disk, hashed through the descriptor that was stat'ed.

use std::{fs::File, io::Read};

use rustix::fs::Stat;
use sha2::{Digest, Sha256};

use super::{error::TreeError, path::RootfsPath, walk::io_failed};
use crate::digest::Sha256Digest;

/// Large enough to make reading cheap, small enough for the cache.
const BUFFER: usize = 128 * 1024;

/// Hashes an open file of the size that `stat` says.
pub(super) fn hash(
    file: &mut File,
    stat: &Stat,
    path: &RootfsPath,
) -> Result<Sha256Digest, TreeError> {
    thread_local! {
        static BYTES: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![0; BUFFER]);
    }
    let mut hasher = Sha256::new();
    let mut size = 0_u64;
    BYTES
        .with_borrow_mut(|bytes| {
            // A file of the size that was promised needs no second read to see its end.
            while size < stat.st_size.cast_unsigned() {
                let length = file.read(bytes)?;
                if length == 0 {
                    break;
                }
                hasher.update(&bytes[..length]);
                size += length as u64;
            }
            Ok(())
        })
        .map_err(io_failed("read", path))?;
    if size != stat.st_size.cast_unsigned() {
        return Err(TreeError::Changed {
            path: path.to_string(),
        });
    }
    Ok(Sha256Digest::from_hasher(hasher))
}
