//! Files below `effects.files`, and mail that the `sendmail` that records has kept as files.
//!
//! A file counts as written where its size or its time of writing is another; then its content is part of what the step did:
//! line by line where it is a short text, else its size and its digest. Owners are names, because numbers are shifted in a
//! guest with private users: the owner of the root folder is root.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use rustix::fs::FileType;

use super::{
    change::{Change, cell},
    error::EffectError,
};
use crate::{
    charset::{Charset, decode_exactly, visible},
    database::ChangedCell,
    digest::Sha256Digest,
    rootfs::{Looked, TreeError, TreeRoot, escape},
};

/// The `sendmail` that records.
pub const SENDMAIL: &str = include_str!("sendmail.sh");

/// Where it stands in a server.
pub const SENDMAIL_PATH: &str = "/usr/sbin/sendmail";

/// Where it keeps mail.
pub const MAIL_FOLDER: &str = "/var/spool/migrate-verify-mail";

/// More entries can't be looked at after each step.
const MOST_ENTRIES: usize = 200_000;

/// Folders in folders.
const DEEPEST: usize = 64;

/// A longer text is told by its digest.
const LONGEST_TEXT: usize = 64 << 10;

/// So many lines, too.
const MOST_LINES: usize = 999;

/// Which files of a server are looked at.
#[derive(Clone, Debug)]
pub struct Files {
    /// The server's root folder as this host sees it.
    pub root: PathBuf,
    /// The trees, as paths in the server.
    pub trees: Vec<String>,
    /// Files and folders in them that are not looked at.
    pub except: Vec<String>,
    /// Whether mail is looked at.
    pub mail: bool,
    /// The charset of texts that are not UTF-8.
    pub charset: Charset,
}

/// All looked-at entries at one moment, by their paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileState(BTreeMap<Vec<u8>, Looked>);

impl Files {
    /// Looks at everything.
    pub(super) fn state(&self) -> Result<FileState, EffectError> {
        let root = self.open()?;
        let mut state = FileState::default();
        for tree in &self.trees {
            need(&root, tree, "effects.files names it")?;
            let tree = tree.trim_end_matches('/').as_bytes();
            add(&root, tree, &self.except, 0, &mut state)?;
        }
        if self.mail {
            need(
                &root,
                MAIL_FOLDER,
                "the sendmail that records keeps mail in it",
            )?;
            let found = root.read(SENDMAIL_PATH).map_err(tree)?;
            if found.as_deref() != Some(SENDMAIL.as_bytes()) {
                return Err(EffectError::OtherSendmail);
            }
            add(&root, MAIL_FOLDER.as_bytes(), &[], 0, &mut state)?;
        }
        Ok(state)
    }

    /// Says what became of what; reads what was written.
    pub(super) fn changes(
        &self,
        before: &FileState,
        after: &FileState,
    ) -> Result<Vec<Change>, EffectError> {
        let root = self.open()?;
        let owners = Owners::read(&root)?;
        let mut changes = Vec::new();
        for (path, old) in &before.0 {
            if !after.0.contains_key(path) && !is_mail(path) {
                changes.push(Change {
                    what: format!("removed {}", noun(old.kind)),
                    key: vec![self.path(path)],
                    cells: Vec::new(),
                    is_new: false,
                });
            }
        }
        for (path, new) in &after.0 {
            match before.0.get(path) {
                None if is_mail(path) => changes.extend(self.mail(&root, path, new)?),
                _ if is_mail(path) => {}
                Some(old) if old.kind == new.kind => {
                    let cells = self.edited(&root, &owners, path, old, new)?;
                    if !cells.is_empty() {
                        changes.push(Change {
                            what: format!("edited {}", noun(new.kind)),
                            key: vec![self.path(path)],
                            cells,
                            is_new: false,
                        });
                    }
                }
                Some(_) | None => {
                    let mut cells = vec![self.path(path), mode(new), owners.cell(new)];
                    cells.extend(self.content(&root, path, new)?);
                    changes.push(Change {
                        what: format!("created {}", noun(new.kind)),
                        key: Vec::new(),
                        cells,
                        is_new: true,
                    });
                }
            }
        }
        changes.sort_by(|one, other| one.what.cmp(&other.what));
        Ok(changes)
    }

    pub(super) fn open(&self) -> Result<TreeRoot, EffectError> {
        TreeRoot::open(&self.root).map_err(tree)
    }

    fn edited(
        &self,
        root: &TreeRoot,
        owners: &Owners,
        path: &[u8],
        old: &Looked,
        new: &Looked,
    ) -> Result<Vec<ChangedCell>, EffectError> {
        let mut cells = Vec::new();
        if old.mode != new.mode {
            cells.push(mode(new));
        }
        if (old.uid, old.gid) != (new.uid, new.gid) {
            cells.push(owners.cell(new));
        }
        let is_written = match new.kind {
            FileType::RegularFile => (old.size, old.mtime) != (new.size, new.mtime),
            FileType::Symlink => old.target != new.target,
            FileType::Directory
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => false,
        };
        if is_written {
            cells.extend(self.content(root, path, new)?);
        }
        Ok(cells)
    }

    fn content(
        &self,
        root: &TreeRoot,
        path: &[u8],
        found: &Looked,
    ) -> Result<Vec<ChangedCell>, EffectError> {
        match found.kind {
            FileType::RegularFile => {
                let bytes = root.read(path).map_err(tree)?;
                let gone = || EffectError::Gone { path: escape(path) };
                Ok(self.lines(&bytes.ok_or_else(gone)?))
            }
            FileType::Symlink => Ok(vec![cell("target", self.text(&found.target))]),
            FileType::Directory
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Ok(Vec::new()),
        }
    }

    /// Returns a mail that was kept; nothing where it is still being written.
    fn mail(
        &self,
        root: &TreeRoot,
        path: &[u8],
        found: &Looked,
    ) -> Result<Option<Change>, EffectError> {
        let name = path.rsplit(|&byte| byte == b'/').next();
        if found.kind != FileType::RegularFile || name.is_none_or(|name| name.starts_with(b".")) {
            return Ok(None);
        }
        Ok(Some(Change {
            what: "sent mail".to_owned(),
            key: Vec::new(),
            cells: self.content(root, path, found)?,
            is_new: true,
        }))
    }

    fn path(&self, path: &[u8]) -> ChangedCell {
        cell("path", self.text(path))
    }

    fn lines(&self, bytes: &[u8]) -> Vec<ChangedCell> {
        let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
        if bytes.len() > LONGEST_TEXT || lines.len() > MOST_LINES || bytes.contains(&0) {
            return vec![
                cell("size", bytes.len().to_string()),
                cell("sha256", Sha256Digest::of(bytes).hex()),
            ];
        }
        if lines.is_empty() {
            return vec![cell("size", "0")];
        }
        let line = |(number, line): (usize, &&[u8])| {
            cell(format!("line {:03}", number + 1), self.text(line))
        };
        lines.iter().enumerate().map(line).collect()
    }

    /// Writes bytes as text that reads in one way only.
    fn text(&self, bytes: &[u8]) -> String {
        if let Ok(text) = std::str::from_utf8(bytes) {
            let charset = if text.is_ascii() { "" } else { "utf-8 " };
            return format!("{charset}{text:?}");
        }
        match decode_exactly(bytes, self.charset) {
            Ok(decoded) => format!("{} {:?}", self.charset.name(), decoded.text),
            Err(_other_bytes) => format!("bytes \"{}\"", visible(bytes)),
        }
    }
}

pub(super) fn tree(source: TreeError) -> EffectError {
    EffectError::Tree { source }
}

fn is_mail(path: &[u8]) -> bool {
    path.strip_prefix(MAIL_FOLDER.as_bytes())
        .is_some_and(|rest| rest.starts_with(b"/"))
}

fn noun(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "file",
        FileType::Directory => "folder",
        FileType::Symlink => "link",
        FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => "special file",
    }
}

fn mode(found: &Looked) -> ChangedCell {
    cell("mode", format!("{:04o}", found.mode))
}

fn need(root: &TreeRoot, path: &str, why: &'static str) -> Result<(), EffectError> {
    let found = root.kind(path).map_err(tree)?;
    if found == Some(FileType::Directory) {
        return Ok(());
    }
    Err(EffectError::NoFolder {
        path: path.to_owned(),
        why,
    })
}

/// Adds what is in a folder, and in those in it, without what `except` names.
fn add(
    root: &TreeRoot,
    folder: &[u8],
    except: &[String],
    depth: usize,
    state: &mut FileState,
) -> Result<(), EffectError> {
    if depth > DEEPEST {
        return Err(EffectError::TooDeep {
            path: escape(folder),
        });
    }
    for name in root.list(folder).map_err(tree)? {
        let path = [folder, b"/", &name].concat();
        let named = Path::new(OsStr::from_bytes(&path));
        if except.iter().any(|one| Path::new(one) == named) {
            continue;
        }
        // What is gone by now was there for a moment only.
        let Some(found) = root.look(&path).map_err(tree)? else {
            continue;
        };
        if found.kind == FileType::Directory {
            add(root, &path, except, depth + 1, state)?;
        }
        state.0.insert(path, found);
        if state.0.len() > MOST_ENTRIES {
            return Err(EffectError::TooMany { most: MOST_ENTRIES });
        }
    }
    Ok(())
}

/// The names of a server's users and groups.
#[derive(Debug, Default)]
struct Owners {
    /// Root's number as this host sees it.
    first: u32,
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
}

impl Owners {
    fn read(root: &TreeRoot) -> Result<Self, EffectError> {
        let folder = root.open_path("/").map_err(tree)?;
        let found = std::fs::File::from(folder)
            .metadata()
            .map_err(|source| EffectError::Read {
                path: "/".into(),
                source,
            })?;
        Ok(Self {
            first: found.uid(),
            users: names(&root.read("/etc/passwd").map_err(tree)?.unwrap_or_default()),
            groups: names(&root.read("/etc/group").map_err(tree)?.unwrap_or_default()),
        })
    }

    fn cell(&self, found: &Looked) -> ChangedCell {
        let name = |names: &BTreeMap<u32, String>, number: u32| {
            let inside = number.checked_sub(self.first);
            let named = |inside| names.get(&inside).cloned().unwrap_or(inside.to_string());
            inside.map_or_else(|| format!("host {number}"), named)
        };
        cell(
            "owner",
            format!(
                "{}:{}",
                name(&self.users, found.uid),
                name(&self.groups, found.gid)
            ),
        )
    }
}

/// Reads `name:password:number` a line; the first name of a number is its name.
fn names(bytes: &[u8]) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        let mut fields = line.split(|&byte| byte == b':');
        let (Some(name), Some(number)) = (fields.next(), fields.nth(1)) else {
            continue;
        };
        let number = std::str::from_utf8(number)
            .ok()
            .and_then(|text| text.parse().ok());
        if let Some(number) = number {
            names.entry(number).or_insert_with(|| visible(name));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::PermissionsExt,
        path::{Path, PathBuf},
        process::Command,
    };

    use super::*;
    use crate::{
        effect::{Observed, Watch, compare, record},
        outcome::{Case, Outcome},
        replay::Moment,
        scenario::{Scenario, load},
        snapshot::Zone,
    };

    /// Noon of 2009-07-01 in Bratislava.
    const NOON: i64 = 1_246_442_400;

    /// A folder that is a server's root, and one that is a project.
    struct Servers {
        folder: tempfile::TempDir,
    }

    impl Servers {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let scenarios = folder.path().join("scenarios");
            fs::create_dir(&scenarios).unwrap();
            let text = "title = \"upload\"\nmutates = true\n[[step]]\nname = \"send\"\nrequest = \"POST /\"\n";
            fs::write(scenarios.join("upload.toml"), text).unwrap();
            let servers = Self { folder };
            for name in ["old", "new"] {
                let root = servers.root(name);
                for path in [
                    "usr/sbin",
                    "etc",
                    "var/www/a",
                    "var/spool/migrate-verify-mail",
                ] {
                    fs::create_dir_all(root.join(path)).unwrap();
                }
                fs::write(root.join("usr/sbin/sendmail"), SENDMAIL).unwrap();
                fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
                fs::write(root.join("var/www/a/counter"), "1\n").unwrap();
                fs::write(root.join("var/www/a/lock"), "").unwrap();
            }
            servers
        }

        fn root(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn scenarios(&self) -> Vec<Scenario> {
            load(&self.folder.path().join("scenarios")).unwrap()
        }

        /// Looks at a server before and after something.
        async fn watch(&self, name: &str, at: i64, step: impl FnOnce(&Path)) -> Watch {
            let files = Files {
                root: self.root(name),
                trees: vec!["/var/www".to_owned()],
                except: vec!["/var/www//a/log/".to_owned()],
                mail: true,
                charset: Charset::WINDOWS_1250,
            };
            let watch = Watch::new(None, Some(files));
            self.show(&watch, at, 0).await;
            step(&self.root(name));
            self.show(&watch, at + 1, 1).await;
            watch
        }

        async fn show(&self, watch: &Watch, at: i64, steps: usize) {
            let scenario = "upload".to_owned();
            // Not `look`, which waits for another second.
            let moment = Moment {
                scenario,
                steps,
                at,
            };
            let state = watch.state().await;
            watch.keep(moment, state);
        }

        /// Records the old server and compares the new one with it; returns differences and what else is not the same.
        async fn differences(
            &self,
            old: impl FnOnce(&Path),
            new: impl FnOnce(&Path),
        ) -> Vec<String> {
            let zone = Zone::parse("Europe/Bratislava").unwrap();
            let recorded = self.watch("old", NOON, old).await.observed();
            let recorded =
                record(&self.scenarios(), &self.snapshots(), &recorded, &zone, 5).unwrap();
            assert!(
                recorded
                    .cases
                    .iter()
                    .all(|case| case.outcome == Outcome::Same)
            );
            let observed = self.watch("new", NOON + 86_400, new).await.observed();
            self.compare(&observed)
        }

        fn snapshots(&self) -> PathBuf {
            self.folder.path().join("snapshots")
        }

        fn compare(&self, observed: &Observed) -> Vec<String> {
            let zone = Zone::parse("Europe/Bratislava").unwrap();
            let cases = compare(&self.scenarios(), &self.snapshots(), observed, &zone, 5);
            assert!(!cases.is_empty());
            cases.iter().flat_map(words).collect()
        }
    }

    fn words(case: &Case) -> Vec<String> {
        match &case.outcome {
            Outcome::Different(differences) => differences
                .iter()
                .map(|one| format!("{}: {} -> {}", one.locus, one.expected, one.actual))
                .collect(),
            Outcome::Same => Vec::new(),
            Outcome::Broken | Outcome::NotRun | Outcome::Waived => {
                vec![format!("{}: {}", case.id, case.reason)]
            }
        }
    }

    /// What the page does: an upload, a counter, a lock that goes, a mail in CP1250.
    fn page(root: &Path, upload: &[u8], to: &str, subject: &[u8]) {
        let folder = root.join("var/www/a");
        fs::write(folder.join("upload.dat"), upload).unwrap();
        let mode = fs::Permissions::from_mode(0o640);
        fs::set_permissions(folder.join("upload.dat"), mode).unwrap();
        fs::write(folder.join("counter"), "12\n").unwrap();
        fs::remove_file(folder.join("lock")).unwrap();
        mail(root, to, subject, "Wed, 01 Jul 2009 12:00:01 +0200");
    }

    fn mail(root: &Path, to: &str, subject: &[u8], date: &str) {
        let text = [
            b"<-t><-i>\nTo: ",
            to.as_bytes(),
            b"\nSubject: ",
            subject,
            b"\nDate: ",
            date.as_bytes(),
            b"\n\nDobr\xfd de\xf2.\n",
        ]
        .concat();
        fs::write(root.join("var/spool/migrate-verify-mail/1-a"), text).unwrap();
    }

    #[tokio::test]
    async fn files_and_mail_of_a_step_are_recorded_and_the_same_ones_are_the_same() {
        let servers = Servers::new();
        let found = servers
            .differences(
                |root| page(root, b"a\0b", "a@x.sk", b"Rozvrh \x9a"),
                |root| {
                    page(root, b"a\0b", "a@x.sk", b"Rozvrh \x9a");
                    mail(
                        root,
                        "a@x.sk",
                        b"Rozvrh \x9a",
                        "Thu, 02 Jul 2009 12:00:01 +0200",
                    );
                    // Both are left out by their path, `log` in it.
                    fs::create_dir(root.join("var/www/a/log")).unwrap();
                    fs::write(root.join("var/www/a/log/access"), "GET /\n").unwrap();
                },
            )
            .await;
        assert_eq!(found, [""; 0]);
        let text = fs::read_to_string(servers.snapshots().join("upload/effects.txt")).unwrap();
        let owner = text.lines().find(|line| line.contains("owner: ")).unwrap();
        assert!(owner.contains("root:"), "{owner}");
        let text = text.replace(owner, "    owner: OWNER");
        insta::assert_snapshot!(text, @r#"
        effects 2
        looked at files /var/www without /var/www//a/log/
        looked at mail
        step 01-send
          created file
            path: "/var/www/a/upload.dat"
            mode: 0640
            owner: OWNER
            size: 3
            sha256: 59b271ae1bbcb1d31d41929817f4b16fb439eb4f31520b5ad1d5ce98920a7138
          edited file
            key path: "/var/www/a/counter"
            line 001: "12\n"
          removed file
            key path: "/var/www/a/lock"
          sent mail
            line 001: "<-t><-i>\n"
            line 002: "To: a@x.sk\n"
            line 003: windows-1250 "Subject: Rozvrh š\n"
            line 004: "Date: {{clock r}}\n"
            line 005: "\n"
            line 006: windows-1250 "Dobrý deň.\n"
        "#);
    }

    /// What a page does to a server.
    type Page = fn(&Path);

    /// A page that does something wrong, and how that is named.
    const WRONG_PAGES: [(Page, &str); 8] = [
        (
            |root| page(root, b"a\0c", "a@x.sk", b"Rozvrh \x9a"),
            "created file.sha256: ",
        ),
        (
            |root| page(root, b"a\0b", "b@x.sk", b"Rozvrh \x9a"),
            r#"sent mail.line 002: "To: a@x.sk\n" -> "To: b@x.sk\n""#,
        ),
        (
            |root| page(root, b"a\0b", "a@x.sk", "Rozvrh š".as_bytes()),
            r#"sent mail.line 003: windows-1250 "Subject: Rozvrh š\n" -> utf-8 "Subject: Rozvrh š\n""#,
        ),
        (
            |root| {
                page(root, b"a\0b", "a@x.sk", b"Rozvrh \x9a");
                fs::remove_file(root.join("var/www/a/upload.dat")).unwrap();
            },
            "created file: 1 file -> 0 files",
        ),
        (
            |root| {
                page(root, b"a\0b", "a@x.sk", b"Rozvrh \x9a");
                fs::remove_file(root.join("var/spool/migrate-verify-mail/1-a")).unwrap();
            },
            "sent mail: 1 mail -> 0 mails",
        ),
        (
            |root| {
                let [lock, aside] = ["var/www/a/lock", "etc/lock"].map(|path| root.join(path));
                fs::hard_link(&lock, &aside).unwrap();
                page(root, b"a\0b", "a@x.sk", b"Rozvrh \x9a");
                fs::rename(&aside, &lock).unwrap();
            },
            "removed file: 1 file -> 0 files",
        ),
        (
            |root| {
                page(root, b"a\0b", "a@x.sk", b"Rozvrh \x9a");
                let mode = fs::Permissions::from_mode(0o600);
                fs::set_permissions(root.join("var/www/a/upload.dat"), mode).unwrap();
            },
            "created file.mode: 0640 -> 0600",
        ),
        (
            |root| fs::write(root.join("usr/sbin/sendmail"), "#!/bin/sh\n").unwrap(),
            "what it does could not be seen: /usr/sbin/sendmail in the server is not the one that records",
        ),
    ];

    #[tokio::test]
    async fn each_wrong_file_and_mail_is_named() {
        let right = |root: &Path| page(root, b"a\0b", "a@x.sk", b"Rozvrh \x9a");
        for (wrong, named) in WRONG_PAGES {
            let servers = Servers::new();
            let zone_of_mail = |root: &Path| {
                wrong(root);
                let kept = root.join("var/spool/migrate-verify-mail/1-a");
                if let Ok(text) = fs::read(&kept) {
                    let place = text
                        .windows(11)
                        .position(|part| part == b"Wed, 01 Jul")
                        .unwrap();
                    let mut text = text;
                    text[place..place + 11].copy_from_slice(b"Thu, 02 Jul");
                    fs::write(kept, text).unwrap();
                }
            };
            let found = servers.differences(right, zone_of_mail).await;
            assert!(
                found.len() == 1 && found[0].contains(named),
                "{named}: {found:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_only_one_server_was_looked_at_for_is_not_the_same() {
        let servers = Servers::new();
        let right = |root: &Path| page(root, b"x", "a@x.sk", b"y");
        servers.differences(right, |_root| ()).await;
        let watch = Watch::new(None, None);
        servers.show(&watch, NOON, 0).await;
        servers.show(&watch, NOON, 1).await;
        let found = servers.compare(&watch.observed());
        let expected = "recorded on the old server, not looked at on the candidate";
        assert_eq!(
            found,
            ["files", "mail"].map(|kind| format!("database/effects/upload/{kind}: {expected}"))
        );
    }

    #[test]
    fn mail_is_what_lies_in_its_folder_and_nothing_beside_it() {
        assert!(is_mail(b"/var/spool/migrate-verify-mail/1-a"));
        for beside in ["/var/spool/migrate-verify-mail.old/1-a", "/var/spool/x"] {
            assert!(!is_mail(beside.as_bytes()), "{beside}");
        }
    }

    #[test]
    fn the_manual_shows_the_sendmail_that_records() {
        let manual = include_str!("../../scenarios/README.md");
        assert!(manual.contains(SENDMAIL));
        assert!(manual.contains(MAIL_FOLDER) && manual.contains(SENDMAIL_PATH));
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a test runs the script as a server does"
    )]
    fn the_sendmail_that_records_keeps_arguments_and_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("kept");
        fs::create_dir(&kept).unwrap();
        let script = SENDMAIL.replace(MAIL_FOLDER, kept.to_str().unwrap());
        fs::write(folder.path().join("message"), b"To: a\n\n\x9a\r\nend").unwrap();
        let output = Command::new("sh")
            .args(["-c", &script, "sendmail", "-t", "-f a"])
            .stdin(fs::File::open(folder.path().join("message")).unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let mut found = fs::read_dir(&kept).unwrap();
        let path = found.next().unwrap().unwrap().path();
        assert!(found.next().is_none());
        assert_eq!(fs::read(path).unwrap(), b"<-t><-f a>\nTo: a\n\n\x9a\r\nend");
    }
}
