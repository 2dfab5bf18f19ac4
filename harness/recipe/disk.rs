//! A file system of its own for a build: names come out of its directories in another order.
//!
//! ext4 lists a directory by the hash of the names, and each file system hashes with a seed of its own (mke2fs(8),
//! `hash_seed`). Two builds on one file system see the same order, however the entries were made; this one sees another.
//! The file system lies in a sparse file, and is mounted in the mount namespace of a process that holds it: when the
//! process ends, even by SIGKILL, the mount is gone.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::io::AsyncReadExt;

use super::error::RecipeError;
use crate::tool::{ToolCall, ToolProcess, Toolbox};

/// The size of the sparse file: larger than any server's tree; what is not written takes no room.
const SIZE: u64 = 64 << 30;

/// Making and mounting an empty file system takes a moment.
const LIMIT: Duration = Duration::from_secs(30);

/// Mounts the image `$1` at `$2`, says so, and holds it. What is written need not survive the run.
const HOLD: &str =
    "mount -t ext4 -o loop,noatime,nobarrier \"$1\" \"$2\"; echo mounted; exec sleep infinity";

/// A file system of its own, as long as this lives.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    holder: u32,
    _process: ToolProcess,
}

impl Disk {
    /// Makes and mounts a file system below `folder`; `seed` decides the order of names in its directories.
    pub async fn open(folder: &Path, seed: u64, toolbox: &Toolbox) -> Result<Self, RecipeError> {
        let failed = || RecipeError::tool("make a file system of its own");
        let (image, point) = (folder.join("image"), folder.join("mounted"));
        fs::create_dir_all(&point).map_err(RecipeError::file("create", &point))?;
        let file = fs::File::create(&image).map_err(RecipeError::file("create", &image))?;
        file.set_len(SIZE)
            .map_err(RecipeError::file("extend", &image))?;
        let make = ToolCall::new("mkfs.ext4")
            .args(["-q", "-F", "-m", "0", "-O", "^has_journal", "-E"])
            .arg(format!(
                "hash_seed={},lazy_itable_init=1,nodiscard",
                uuid(seed)
            ))
            .arg(&image)
            .limit(LIMIT);
        toolbox.run(&make).await.map_err(failed())?;
        let hold = ToolCall::new("unshare")
            .args(["--mount", "--propagation", "slave", "sh", "-ec", HOLD, "sh"])
            .arg(&image)
            .arg(&point);
        let mut process = toolbox.start(&hold).map_err(failed())?;
        mounted(&mut process).await.map_err(|stderr| {
            failed()(crate::tool::ToolError::Failed {
                call: hold.to_string(),
                status: "no mount".to_owned(),
                stderr,
            })
        })?;
        let holder = process.id().unwrap_or_default();
        Ok(Self {
            folder: point,
            holder,
            _process: process,
        })
    }

    /// Returns a path on the file system as its own mount namespace sees it.
    pub fn inside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the same path as every process sees it.
    pub fn outside(&self, name: &str) -> PathBuf {
        let inside = self.inside(name);
        let inside = inside.strip_prefix("/").unwrap_or(&inside);
        PathBuf::from(format!("/proc/{}/root", self.holder)).join(inside)
    }

    /// Returns the mount namespace in which it is mounted.
    pub fn namespace(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/mnt", self.holder))
    }
}

/// Waits for the word that the holder says; returns what it complained of where it does not come.
async fn mounted(process: &mut ToolProcess) -> Result<(), String> {
    let Some((mut stdout, mut stderr)) = process.take_outputs() else {
        return Err("its output is gone".to_owned());
    };
    let mut word = [0; 8];
    match tokio::time::timeout(LIMIT, stdout.read_exact(&mut word)).await {
        Ok(Ok(_read)) => Ok(()),
        Err(_elapsed) => Err("it took too long".to_owned()),
        Ok(Err(_ended)) => {
            let mut complaint = Vec::new();
            match stderr.read_to_end(&mut complaint).await {
                Ok(_read) => Err(complaint.trim_ascii().escape_ascii().to_string()),
                Err(error) => Err(error.to_string()),
            }
        }
    }
}

/// Returns a UUID made of a seed.
fn uuid(seed: u64) -> String {
    let digits = format!("{seed:016x}");
    let (high, low) = digits.split_at(8);
    format!("{high}-{}-4000-8000-{low}0000", &low[..4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_a_uuid() {
        assert_eq!(
            uuid(0x0123_4567_89ab_cdef),
            "01234567-89ab-4000-8000-89abcdef0000"
        );
    }
}
