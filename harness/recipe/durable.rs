//! What is kept over runs stands under its final name only when its content is on the disk: a name that is there after a power loss, with
//! files that are empty, would be taken for the whole thing.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use rustix::fs::syncfs;

/// Gives a file or a tree its final name, on the same file system.
pub fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    let content = File::open(from)?;
    if content.metadata()?.is_dir() {
        // A tree has too many files to wait for each.
        syncfs(&content)?;
    } else {
        content.sync_all()?;
    }
    fs::rename(from, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_trees_get_their_names_with_their_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("lock.new"), "new").unwrap();
        fs::write(path("lock"), "old").unwrap();
        rename_durably(&path("lock.new"), &path("lock")).unwrap();
        assert_eq!(fs::read_to_string(path("lock")).unwrap(), "new");
        fs::create_dir(path("tree.new")).unwrap();
        fs::write(path("tree.new/file"), "content").unwrap();
        rename_durably(&path("tree.new"), &path("tree")).unwrap();
        assert_eq!(fs::read_to_string(path("tree/file")).unwrap(), "content");
        assert!(rename_durably(&path("nothing"), &path("tree")).is_err());
    }
}
