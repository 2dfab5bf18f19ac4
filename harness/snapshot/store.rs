//! The files below `snapshots/`.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    buffer::spare_capacity,
    fs::{CWD, Mode, OFlags, openat},
    io::{Errno, read as read_some, retry_on_intr},
};

use super::{
    error::SnapshotError,
    format::{self, State},
    model::Snapshot,
};
use crate::charset::utf8;

/// No snapshot is larger; bodies are bounded when they are recorded.
const LARGEST: u64 = 160 << 20;

/// Returns the name of a step's file below `snapshots/<scenario>/`: `02-class-list.snap`, for the answers on the way of a
/// followed redirect `02-class-list.hop1.snap`. Steps count from 1.
pub fn file_name(number: usize, step: &str, hop: usize) -> String {
    if hop == 0 {
        format!("{number:02}-{step}.snap")
    } else {
        format!("{number:02}-{step}.hop{hop}.snap")
    }
}

/// The folder of a scenario, held open: its files are found from there, not by the whole way to it each time.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    handle: OwnedFd,
}

impl Folder {
    /// Opens a folder.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(CWD, path, flags, Mode::empty());
        Ok(Self {
            path: path.to_owned(),
            handle: opened.map_err(|errno| failed(path, "opened", errno.into()))?,
        })
    }

    /// Reads one snapshot by its file name; `None` where there is none.
    pub fn read(&self, name: &str) -> Result<Option<Snapshot>, SnapshotError> {
        read_at(self.handle.as_fd(), Path::new(name), &self.path.join(name))
    }
}

/// Reads one snapshot, or a pending answer where the path is one's; `None` where there is none.
pub fn read(path: &Path) -> Result<Option<Snapshot>, SnapshotError> {
    read_at(CWD, path, path)
}

/// Reads what is called `name` seen from a folder, and `path` by people.
fn read_at(
    folder: BorrowedFd<'_>,
    name: &Path,
    path: &Path,
) -> Result<Option<Snapshot>, SnapshotError> {
    let Some(bytes) = read_bounded_at(folder, name, path)? else {
        return Ok(None);
    };
    let wrong = |reason: String| SnapshotError::Format {
        path: path.to_owned(),
        reason,
    };
    let text = utf8(&bytes).ok_or_else(|| wrong("it is not UTF-8".to_owned()))?;
    let beside = |extension: &str| {
        if !is_extension(extension) {
            return Err(format!("`{extension}` is no extension"));
        }
        let path = beside(path, extension);
        match read_bounded(&path) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(format!("{} is missing", path.display())),
            Err(error) => Err(error.to_string()),
        }
    };
    format::read(&text, state(path), beside)
        .map(Some)
        .map_err(wrong)
}

/// Writes one snapshot, or a pending answer where the path is one's, if it differs from what is there; returns whether it did.
pub fn write(path: &Path, snapshot: &Snapshot) -> Result<bool, SnapshotError> {
    let (text, binary) = format::write(snapshot, state(path));
    let mut wanted = BTreeSet::new();
    let mut changed = false;
    if let Some((extension, bytes)) = binary {
        let path = beside(path, &extension);
        changed |= write_if_different(&path, &bytes)?;
        wanted.insert(path);
    }
    // A new one has nothing beside it, and the folder may be large.
    let stale = if path.exists() {
        siblings(path)?
    } else {
        Vec::new()
    };
    changed |= write_if_different(path, text.as_bytes())?;
    for stale in stale {
        if !wanted.contains(&stale) {
            fs::remove_file(&stale).map_err(|source| failed(&stale, "removed", source))?;
            changed = true;
        }
    }
    Ok(changed)
}

/// Removes one snapshot with the bytes beside it.
pub fn remove(path: &Path) -> Result<(), SnapshotError> {
    for path in siblings(path)?.into_iter().chain([path.to_owned()]) {
        fs::remove_file(&path).map_err(|source| failed(&path, "removed", source))?;
    }
    Ok(())
}

/// Returns the snapshots of a scenario by their file names.
pub fn list(folder: &Path) -> Result<BTreeSet<String>, SnapshotError> {
    let names = names(folder)?.into_iter();
    Ok(names.filter(|name| is_snapshot(name)).collect())
}

fn is_snapshot(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|extension| extension == "snap") && !name.starts_with('.')
}

/// Returns the snapshots of a scenario for which an answer is pending, by their file names.
pub fn pending_names(folder: &Path) -> Result<BTreeSet<String>, SnapshotError> {
    let names = names(folder)?.into_iter();
    let pending = names.filter_map(|name| name.strip_suffix(".new").map(str::to_owned));
    Ok(pending.filter(|name| is_snapshot(name)).collect())
}

/// Returns the folders below `snapshots/`, with snapshots or without.
pub fn folders(snapshots: &Path) -> Result<Vec<String>, SnapshotError> {
    let mut names = names(snapshots)?;
    names.retain(|name| snapshots.join(name).is_dir());
    Ok(names)
}

/// Returns the scenarios that have a folder below `snapshots/`.
pub fn scenarios(folder: &Path) -> Result<BTreeSet<String>, SnapshotError> {
    let mut found = BTreeSet::new();
    for name in names(folder)? {
        let path = folder.join(&name);
        if path.is_dir() && holds_snapshots(&path)? {
            found.insert(name);
        }
    }
    Ok(found)
}

/// Returns whether a folder has a snapshot; the first one is enough.
fn holds_snapshots(folder: &Path) -> Result<bool, SnapshotError> {
    let unread = |source| failed(folder, "read", source);
    for entry in fs::read_dir(folder).map_err(unread)? {
        let name = entry.map_err(unread)?.file_name();
        if name.to_str().is_some_and(is_snapshot) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the extension for bytes of a content type.
pub fn extension_of(content_type: Option<&str>) -> String {
    let essence = content_type
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase())
        .unwrap_or_default();
    let known = match essence.as_str() {
        "image/jpeg" => "jpg",
        "image/x-icon" | "image/vnd.microsoft.icon" => "ico",
        "image/svg+xml" => "svg",
        "application/x-gzip" => "gz",
        other => other.rsplit('/').next().unwrap_or_default(),
    };
    if is_extension(known) && known != "octet-stream" {
        known.to_owned()
    } else {
        "bin".to_owned()
    }
}

/// Returns what a file is by its name.
fn state(path: &Path) -> State {
    if path.extension().is_some_and(|extension| extension == "new") {
        State::Pending
    } else {
        State::Recorded
    }
}

fn is_extension(extension: &str) -> bool {
    (1..=8).contains(&extension.len())
        && extension
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && extension != "new"
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{extension}"));
    PathBuf::from(beside)
}

fn failed(path: &Path, attempt: &'static str, source: io::Error) -> SnapshotError {
    SnapshotError::Io {
        path: path.to_owned(),
        attempt,
        source,
    }
}

fn read_bounded(path: &Path) -> Result<Option<Vec<u8>>, SnapshotError> {
    read_bounded_at(CWD, path, path)
}

fn read_bounded_at(
    folder: BorrowedFd<'_>,
    name: &Path,
    path: &Path,
) -> Result<Option<Vec<u8>>, SnapshotError> {
    let unread = |source| failed(path, "read", source);
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = match retry_on_intr(|| openat(folder, name, flags, Mode::empty())) {
        Ok(opened) => File::from(opened),
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(unread(errno.into())),
    };
    let size = file.metadata().map_err(unread)?.len();
    let length = usize::try_from(size).unwrap_or(usize::MAX);
    if size > LARGEST {
        return Err(SnapshotError::Format {
            path: path.to_owned(),
            reason: format!("it is {size} bytes long"),
        });
    }
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let count = retry_on_intr(|| read_some(&file, spare_capacity(&mut bytes)));
        if count.map_err(|errno| unread(errno.into()))? == 0 {
            break;
        }
    }
    bytes.truncate(length);
    Ok(Some(bytes))
}

fn write_if_different(path: &Path, bytes: &[u8]) -> Result<bool, SnapshotError> {
    if read_bounded(path)?.as_deref() == Some(bytes) {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder).map_err(|source| failed(folder, "created", source))?;
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("snapshot");
    let temporary = folder.join(format!(".{name}.tmp"));
    fs::write(&temporary, bytes).map_err(|source| failed(&temporary, "written", source))?;
    fs::rename(&temporary, path).map_err(|source| failed(path, "written", source))?;
    Ok(true)
}

/// Files of bytes beside a snapshot.
fn siblings(path: &Path) -> Result<Vec<PathBuf>, SnapshotError> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let prefix = format!(
        "{}.",
        path.file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
    );
    Ok(names(folder)?
        .into_iter()
        .filter(|name| name.strip_prefix(&prefix).is_some_and(is_extension))
        .map(|name| folder.join(name))
        .collect())
}

fn names(folder: &Path) -> Result<Vec<String>, SnapshotError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(folder, "read", source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| failed(folder, "read", source))?;
        if let Ok(name) = entry.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        charset::{Charset, Detection, Reading, Source},
        snapshot::{Body, Coded, Hole, HoleKind, Template, Zone, pending_path},
    };

    fn example() -> Snapshot {
        let mut date = Template::default();
        date.push_hole(Hole {
            name: "time-1".to_owned(),
            kind: HoleKind::Clock {
                formats: vec!["D, d M Y H:i:s \\G\\M\\T".to_owned()],
                offset: 0,
                zone: crate::snapshot::ClockZone::Own,
            },
        });
        let mut body = Template::literal("<p>učiteľ\u{81} \"{{x}}\"\r\n---\n");
        body.push_hole(Hole {
            name: "token-1".to_owned(),
            kind: HoleKind::Number { least: 0, most: 3 },
        });
        body.push_text("\n\n");
        Snapshot {
            description: "Prihlásenie: login".to_owned(),
            request: "POST /login.php?š=${id}".to_owned(),
            sent: vec!["meno".to_owned()],
            asked: "sha256:0".to_owned(),
            accepted: None,
            differs: None,
            status: "HTTP/1.1 200 OK".to_owned(),
            headers: vec![
                ("Date".to_owned(), date),
                ("X".to_owned(), Template::literal("a\\xe8: b")),
            ],
            framing: "chunked".to_owned(),
            coded: Some(Coded {
                form: "gzip (FLG 0, MTIME 0, XFL 0, OS 3)".to_owned(),
                digest: None,
            }),
            anomalies: vec!["no head".to_owned()],
            charset: Some(Detection {
                charset: Charset::WINDOWS_1250,
                source: Source::Meta,
            }),
            reading: Reading::Declared,
            zone: Zone::parse("Europe/Bratislava").unwrap(),
            body: Body::Text(body),
        }
    }

    #[test]
    fn what_is_written_is_read_again_by_this_program_and_by_insta() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("login").join(file_name(1, "login", 0));
        assert!(write(&path, &example()).unwrap());
        assert!(!write(&path, &example()).unwrap());
        assert_eq!(read(&path).unwrap(), Some(example()));
        let foreign = insta::Snapshot::from_file(&path).unwrap();
        assert_eq!(foreign.metadata().description(), Some("Prihlásenie: login"));
        assert_eq!(scenarios(folder.path()).unwrap().len(), 1);

        let binary = Snapshot {
            charset: None,
            body: Body::Binary {
                bytes: vec![0, 1, 2],
                extension: "png".to_owned(),
            },
            ..example()
        };
        assert!(write(&path, &binary).unwrap());
        assert_eq!(read(&path).unwrap(), Some(binary.clone()));
        assert!(folder.path().join("login/01-login.snap.png").is_file());
        assert!(insta::Snapshot::from_file(&path).is_ok());
        assert!(write(&path, &example()).unwrap());
        assert!(!folder.path().join("login/01-login.snap.png").exists());
    }

    #[test]
    fn the_file_reads_well() {
        let (text, _) = format::write(&example(), State::Recorded);
        insta::assert_snapshot!(text.replace('\r', "␍").replace('\u{81}', "␁"), @r#"
        ---
        description: "Prihlásenie: login"
        info:
          version: 3
          request: "POST /login.php?š=${id}"
          sent:
            - "meno"
          asked: "sha256:0"
          status: "HTTP/1.1 200 OK"
          headers:
            - "Date: {{time-1}}"
            - "X: a\\xe8: b"
          framing: "chunked"
          coded: {"form":"gzip (FLG 0, MTIME 0, XFL 0, OS 3)"}
          anomalies:
            - "no head"
          charset: "windows-1250"
          charset_from: "meta"
          zone: "Europe/Bratislava"
          body: "sha256:e755a0518068487c6c2d2e4ffcf5dbbac738355634c65dac17d6edbdc018e3cc"
          file: "sha256:484908c4472dbfed7b570262fc07733c859f5e0966546363f1c35de1c5aff583"
          holes:
            - {"name":"time-1","place":"header 0","at":6,"kind":"clock","formats":["D, d M Y H:i:s \\G\\M\\T"],"offset":0}
            - {"name":"token-1","place":"body","at":27,"kind":"number","most":3}
        ---
        <p>učiteľ␁ "{{x}}"␍
        ---
        {{token-1}}
        "#);
    }

    #[test]
    fn a_page_with_stray_bytes_is_written_for_people_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("01-a.snap");
        let mut body = Template::literal("<p>u\u{f7e8}ite\u{f7be} \\xe8 \\n ");
        for text in ["\u{f78e}", "xe8"] {
            body.push_hole(Hole {
                name: "token-1".to_owned(),
                kind: HoleKind::Number { least: 0, most: 3 },
            });
            body.push_text(text);
        }
        let snapshot = Snapshot {
            reading: Reading::Stray,
            body: Body::Text(body),
            ..example()
        };
        write(&path, &snapshot).unwrap();
        assert_eq!(read(&path).unwrap(), Some(snapshot));
        assert!(insta::Snapshot::from_file(&path).is_ok());
        let text = fs::read_to_string(&path).unwrap();
        let page = "\n<p>u\\xe8ite\\xbe \\x5cxe8 \\n {{token-1}}\\x8e{{token-1}}xe8\n";
        assert!(
            text.ends_with(page) && text.contains("\n  stray: 3\n"),
            "{text}"
        );
    }

    #[test]
    fn a_pending_answer_that_is_renamed_is_no_snapshot_and_a_snapshot_is_no_pending_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("01-a.snap");
        let pending = pending_path(&path);
        write(&pending, &example()).unwrap();
        assert_eq!(read(&pending).unwrap(), Some(example()));
        fs::rename(&pending, &path).unwrap();
        let refused = read(&path).unwrap_err();
        let SnapshotError::Format { reason, .. } = refused else {
            panic!("{refused}");
        };
        assert!(reason.contains("waits for a decision"), "{reason}");
        write(&path, &example()).unwrap();
        fs::rename(&path, &pending).unwrap();
        assert!(read(&pending).is_err());
    }

    #[test]
    fn an_edited_snapshot_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("01-a.snap");
        write(&path, &example()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        for (from, to) in [
            ("učiteľ", "ucitel"),
            ("\r\n", "\n"),
            ("version: 3", "version: 1"),
            ("\"at\":27", "\"at\":99"),
            ("XFL 0", "XFL 2"),
            ("200 OK", "404 Not Found"),
            ("\"most\":3", "\"most\":9"),
            ("- \"no head\"", "- \"no heart\""),
        ] {
            fs::write(&path, text.replace(from, to)).unwrap();
            assert!(read(&path).is_err(), "{from}");
        }
    }
}
