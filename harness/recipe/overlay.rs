//! Trees of the project laid over the rootfs: files and links as they are, owned by root.
//!
//! Owners don't survive version control, so an overlay has none: root owns all, the executable bit decides between 0755
//! and 0644, folders that the tree has keep owner and mode. A script of the project sets what must differ.

use std::{
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
};

use super::error::RecipeError;
use crate::rootfs::TreeRoot;

/// Lays `folder` over the tree at `target`; returns a line for each entry.
pub(super) fn lay(folder: &Path, target: &Path) -> Result<Vec<String>, RecipeError> {
    let tree = TreeRoot::open(target).map_err(RecipeError::tree("overlay"))?;
    let mut done = Vec::new();
    lay_folder(folder, "", &tree, &mut done)?;
    Ok(done)
}

fn lay_folder(
    folder: &Path,
    inside: &str,
    tree: &TreeRoot,
    done: &mut Vec<String>,
) -> Result<(), RecipeError> {
    let entries = fs::read_dir(folder).map_err(RecipeError::file("read", folder))?;
    let mut entries = entries
        .collect::<Result<Vec<_>, _>>()
        .map_err(RecipeError::file("read", folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            let attempt = "lay over the tree (its name is not UTF-8)";
            return Err(RecipeError::file(attempt, &path)(
                std::io::ErrorKind::InvalidFilename.into(),
            ));
        };
        let inside = if inside.is_empty() {
            name.to_owned()
        } else {
            format!("{inside}/{name}")
        };
        let kind = entry
            .file_type()
            .map_err(RecipeError::file("read", &path))?;
        if kind.is_dir() {
            tree.create_dir_all(&inside)
                .map_err(RecipeError::tree("overlay"))?;
            lay_folder(&path, &inside, tree, done)?;
        } else if kind.is_symlink() {
            let link = fs::read_link(&path).map_err(RecipeError::file("read", &path))?;
            tree.symlink(&inside, link.as_os_str().as_bytes())
                .map_err(RecipeError::tree("overlay"))?;
            done.push(format!("link /{inside}"));
        } else {
            let bytes = fs::read(&path).map_err(RecipeError::file("read", &path))?;
            let executable = entry
                .metadata()
                .map_err(RecipeError::file("read", &path))?
                .permissions()
                .mode()
                & 0o111
                != 0;
            tree.write(&inside, &bytes, if executable { 0o755 } else { 0o644 })
                .map_err(RecipeError::tree("overlay"))?;
            done.push(format!("file /{inside}"));
        }
    }
    Ok(())
}
