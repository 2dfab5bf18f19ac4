//! Edits of existing files that say which bytes they touch, and leave owners and modes alone.

use std::ops::Range;

use super::edit::Edit;
use crate::rootfs::{TreeError, TreeRoot};

/// So many ranges are listed; the rest is counted.
const MOST_RANGES: usize = 20;

/// The bits of a mode that a file's owner can set.
const PERMISSIONS: u32 = 0o7777;

/// Does an edit, and returns its line: what, why, and which bytes.
pub(super) fn apply(tree: &TreeRoot, edit: &Edit) -> Result<String, TreeError> {
    match edit {
        Edit::Write { path, content, .. } => {
            let before = tree.read(path)?;
            let kept = before.as_ref().map(|_| stat(tree, path)).transpose()?;
            edit.apply(tree)?;
            if let Some(stat) = kept {
                tree.set_owner(path, stat.st_uid, stat.st_gid)?;
                tree.set_mode(path, stat.st_mode & PERMISSIONS)?;
            }
            let bytes = changed(&before.unwrap_or_default(), content);
            Ok(format!("{edit}; {bytes}"))
        }
        Edit::Remove { path, .. } => {
            let bytes = removed(tree, path)?;
            edit.apply(tree)?;
            Ok(format!("{edit}; {bytes}"))
        }
        Edit::Symlink { .. } | Edit::Directory { .. } => {
            edit.apply(tree)?;
            Ok(edit.to_string())
        }
    }
}

fn stat(tree: &TreeRoot, path: &str) -> Result<rustix::fs::Stat, TreeError> {
    rustix::fs::fstat(tree.open_path(path)?).map_err(|source| TreeError::System {
        attempt: "look at",
        path: path.to_owned(),
        source: source.into(),
    })
}

/// Returns what goes with a path: all bytes of a file, or what is below a folder.
fn removed(tree: &TreeRoot, path: &str) -> Result<String, TreeError> {
    match tree.kind(path)? {
        Some(rustix::fs::FileType::RegularFile) => {
            let size = stat(tree, path)?.st_size;
            Ok(format!("bytes 0..{size}, all of it"))
        }
        Some(rustix::fs::FileType::Directory) => {
            let names = tree.list(path)?.len();
            Ok(format!("a folder, with {names} entries and all below them"))
        }
        Some(_) => Ok("no bytes".to_owned()),
        None => Ok("nothing".to_owned()),
    }
}

/// Returns which bytes differ: ranges where both are as long, else what is between their common beginning and end.
fn changed(before: &[u8], after: &[u8]) -> String {
    if before.len() != after.len() {
        let pairs = before.iter().zip(after);
        let start = pairs.take_while(|(one, other)| one == other).count();
        let (rest, other) = (&before[start..], &after[start..]);
        let pairs = rest.iter().rev().zip(other.iter().rev());
        let end = pairs.take_while(|(one, other)| one == other).count();
        let (old, new) = (before.len() - end, other.len() - end);
        return format!("bytes {start}..{old} became {new} bytes");
    }
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (at, _) in before
        .iter()
        .zip(after)
        .enumerate()
        .filter(|(_, (one, other))| one != other)
    {
        match ranges.last_mut() {
            Some(last) if last.end == at => last.end = at + 1,
            Some(_) | None => ranges.push(at..at + 1),
        }
    }
    let shown: Vec<String> = ranges
        .iter()
        .take(MOST_RANGES)
        .map(|range| format!("{}..{}", range.start, range.end))
        .collect();
    let hidden = ranges.len().saturating_sub(MOST_RANGES);
    let more = if hidden > 0 {
        format!(" and {hidden} more ranges")
    } else {
        String::new()
    };
    format!("bytes {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn the_bytes_that_an_edit_touches_are_listed() {
        let table: [(&[u8], &[u8], &str); 4] = [
            (b"root:20781:", b"root:15728:", "bytes 5..7, 8..10"),
            (b"id\n", b"", "bytes 0..3 became 0 bytes"),
            (b"a1z", b"a123z", "bytes 2..2 became 2 bytes"),
            (b"aa", b"a", "bytes 1..2 became 0 bytes"),
        ];
        for (before, after, expected) in table {
            assert_eq!(changed(before, after), expected);
        }
        let many = (vec![b'a'; 100], b"ab".repeat(50));
        assert!(changed(&many.0, &many.1).ends_with("39..40 and 30 more ranges"));
    }

    #[test]
    fn a_file_keeps_its_mode_and_says_what_became_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let tree = TreeRoot::open(folder.path()).unwrap();
        let line = apply(&tree, &Edit::text("file", "odd", "a test")).unwrap();
        assert_eq!(line, "write /file (3 bytes): a test; bytes 1..2");
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o640
        );
        let line = apply(&tree, &Edit::remove("file", "a test")).unwrap();
        assert_eq!(line, "remove /file: a test; bytes 0..3, all of it");
        assert!(!file.exists());
    }
}
