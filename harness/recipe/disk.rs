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
use crate::tool::{ToolCall, ToolError, ToolProcess, Toolbox};

/// The size of the sparse file: larger than any server's tree; what is not written takes no room.
const SIZE: &str = "64G";

/// Where this much memory is free, the file lies in memory: on the disk that the other build writes to, it would double the
/// writing. An old server's tree takes a part of it.
const MEMORY: u64 = 8 << 30;

/// Making and mounting an empty file system takes a moment.
const LIMIT: Duration = Duration::from_secs(30);

/// Makes a file system in the folder `$1`, in memory if `$3` says how much, mounts it at `$2`, says so, and holds it. What is
/// written need not survive the run.
const HOLD: &str = "\
if [ -n \"$3\" ]; then mount -t tmpfs -o \"mode=700,size=$3\" migrate-verify \"$1\"; fi; \
truncate -s \"$5\" \"$1/image\"; \
mkfs.ext4 -q -F -m 0 -O ^has_journal -E \"hash_seed=$4,lazy_itable_init=1,nodiscard\" \"$1/image\"; \
mount -t ext4 -o loop,noatime,nobarrier,noauto_da_alloc \"$1/image\" \"$2\"; \
echo mounted; exec sleep infinity";

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
        let (store, point) = (folder.join("store"), folder.join("mounted"));
        for folder in [&store, &point] {
            fs::create_dir_all(folder).map_err(RecipeError::file("create", folder))?;
        }
        let hold = ToolCall::new("unshare")
            .args(["--mount", "--propagation", "slave", "sh", "-ec", HOLD, "sh"])
            .arg(&store)
            .arg(&point)
            .arg(memory())
            .arg(uuid(seed))
            .arg(SIZE);
        let mut process = toolbox.start(&hold).map_err(failed())?;
        mounted(&mut process).await.map_err(|stderr| {
            failed()(ToolError::Failed {
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

/// Returns how much memory the file may take, as mount(8) reads it: most of what is free; nothing where that is not enough.
fn memory() -> String {
    let free = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    match free_memory(&free) {
        Some(free) if free >= MEMORY => (free / 4 * 3).to_string(),
        Some(_) | None => String::new(),
    }
}

/// Reads the bytes that are free out of /proc/meminfo (proc(5)).
fn free_memory(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
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
    fn free_memory_is_read_in_bytes() {
        let text = "MemTotal:       24684236 kB\nMemAvailable:   21994124 kB\n";
        assert_eq!(free_memory(text), Some(21_994_124 << 10));
        assert_eq!(free_memory("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn a_seed_makes_a_uuid() {
        assert_eq!(
            uuid(0x0123_4567_89ab_cdef),
            "01234567-89ab-4000-8000-89abcdef0000"
        );
    }
}
