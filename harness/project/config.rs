//! The sections of `migrate-verify.toml`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use toml::Spanned;

use super::normaliser::Normaliser;
use crate::input::{InputError, read_toml};

/// The name of the file that makes a folder a project.
pub const CONFIG_NAME: &str = "migrate-verify.toml";

/// A project: a folder with `migrate-verify.toml`, `scenarios/` and `snapshots/`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// The folder; absolute.
    #[serde(skip)]
    pub folder: PathBuf,
    /// What the rootfs is built from.
    pub image: Option<Image>,
    /// What is done to it.
    #[serde(default)]
    pub rootfs: Rootfs,
    /// How it is booted.
    #[serde(default)]
    pub container: Container,
    /// The old server.
    pub legacy: Option<Legacy>,
    /// The server under test, where it isn't the container.
    #[serde(default)]
    pub candidate: Candidate,
    /// How databases are compared.
    #[serde(default)]
    pub database: Database,
    /// What is looked at of what scenarios do beside answering.
    #[serde(default)]
    pub effects: Effects,
    /// What `run` does without.
    #[serde(default)]
    pub run: Run,
}

/// `[image]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The image as skopeo names it: `oci:DIR[:REF]`, `oci-archive:FILE[:REF]`, `docker://HOST/NAME[:TAG][@DIGEST]`.
    pub source: String,
}

/// The edits that let an old guest boot under systemd-nspawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipe {
    /// inittab, rc links, network, mtab and what else a sysvinit guest needs.
    #[default]
    Sysvinit,
    /// Leaves the tree alone.
    None,
}

/// `[rootfs]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rootfs {
    /// Seconds since 1970: no file of the rootfs is newer.
    pub source_date_epoch: i64,
    /// The edits.
    pub recipe: Recipe,
    /// apt source lines; empty means those of the image.
    pub sources: Vec<String>,
    /// Packages to install, as `apt-get install` takes them: `name` or `name=version`.
    pub packages: Vec<String>,
    /// Trees laid over the rootfs, in order.
    pub overlay: Vec<PathBuf>,
    /// Scripts run inside the tree, without network, in order.
    pub scripts: Vec<PathBuf>,
    /// What the build evens out so that two of them are equal; nothing is changed that is not named.
    pub normalise: Vec<Normaliser>,
    /// Trees that are state, not rootfs: emptied by the build, made again at boot.
    pub state: Vec<StateTree>,
}

impl Rootfs {
    /// Returns what the build evens out, in the order in which it is done.
    pub fn normalisers(&self) -> Vec<Normaliser> {
        let all = Normaliser::ALL.into_iter();
        all.filter(|one| self.normalise.contains(one)).collect()
    }
}

/// A tree of the guest that is state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateTree {
    /// The folder inside the guest, absolute: `/var/lib/mysql`.
    pub path: PathBuf,
    /// The command that makes its content again at boot, before the services start.
    pub create: Option<String>,
}

/// `[container]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Container {
    /// The guest's host name, and the machine's name in production.
    pub machine: String,
    /// How it is connected; `veth` is the only way so far.
    pub network: String,
    /// TCP ports that may listen for others; anything else that listens is a difference.
    pub expose: Vec<u16>,
    /// Whether the guest has a way out, by this host's.
    pub forward: bool,
    /// The path that must answer before replay starts.
    pub ready: String,
    /// How long boot may take until the ready path answers.
    pub boot_timeout: DurationText,
    /// How long a clean stop may take.
    pub stop_timeout: DurationText,
}

impl Default for Container {
    fn default() -> Self {
        Self {
            machine: "ctr".to_owned(),
            network: "veth".to_owned(),
            expose: vec![80],
            forward: false,
            ready: "/".to_owned(),
            boot_timeout: DurationText(Duration::from_secs(120)),
            stop_timeout: DurationText(Duration::from_secs(60)),
        }
    }
}

/// `[legacy]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Legacy {
    /// The old server's address.
    pub url: Option<String>,
    /// The charset of pages that declare none.
    #[serde(default = "windows_1250")]
    pub charset: String,
    /// The version of HTTP in which requests are made: `1.1` by default.
    pub http_version: Option<String>,
    /// Whether requests ask the server to keep the connection, as browsers do.
    #[serde(default)]
    pub keep_alive: bool,
    /// What requests say in `Accept-Encoding`: `identity` by default, so that nothing is compressed.
    pub accept_encoding: Option<String>,
    /// The old database: `mysql://USER[:PASSWORD]@HOST[:PORT]/NAME`.
    pub database: Option<String>,
    /// What keeps its `MyISAM` tables as they are while they are read: nothing (they are looked at before and after), or a lock.
    #[serde(default)]
    pub database_lock: DatabaseLock,
    /// The share of time in which its database works for us, in percent.
    #[serde(default)]
    pub database_load: Percent,
    /// Its database is left alone while more threads run than this.
    #[serde(default = "busy")]
    pub database_busy: u32,
    /// The time zone of the old server: `Europe/Bratislava`.
    pub timezone: Option<String>,
    /// A file with `package version` a line (`dpkg-query -W`): what the candidate must have at the same version.
    pub packages: Option<PathBuf>,
    /// Its /var/log/syslog, or a part of it: errors and warnings of the guest that never stood there are differences.
    pub log: Option<PathBuf>,
    /// Its root folder as this host sees it (sshfs, NFS): `record` looks at files and mail there.
    pub root: Option<PathBuf>,
}

/// `legacy.database_lock`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseLock {
    /// No lock.
    #[default]
    None,
    /// `LOCK TABLES … READ LOCAL`, one table at a time.
    Tables,
}

/// A share from 1 to 100; half by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(pub u8);

impl Default for Percent {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        let share = u8::try_from(number)
            .ok()
            .filter(|share| (1..=100).contains(share));
        share.map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("`{number}` is not a number from 1 to 100"))
        })
    }
}

/// `[candidate]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Candidate {
    /// Its address; the container's by default.
    pub url: Option<String>,
    /// Its database; the container's by default.
    pub database: Option<String>,
    /// A dump that is restored before replay.
    pub database_dump: Option<PathBuf>,
    /// The database into which the dump is restored, where the dump does not say.
    pub database_name: Option<String>,
    /// Its root folder as this host sees it, for `replay`; `run` uses the container's.
    pub root: Option<PathBuf>,
}

/// `[database]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// Columns whose values may differ a little.
    pub tolerance: Vec<Tolerance>,
}

/// `[[database.tolerance]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// The column: `pupils.average`.
    pub column: Spanned<String>,
    /// How far its values may be off: `0.005` for numbers, `2s` for dates and times.
    pub within: Spanned<String>,
    /// Why that is no damage.
    #[serde(default)]
    pub reason: String,
}

/// `[effects]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Effects {
    /// Trees of the server in which scenarios write files: `["/var/www/school"]`.
    pub files: Vec<String>,
    /// Files and folders in them that are not looked at, as a log that grows by itself.
    pub except: Vec<String>,
    /// Whether mail is compared that is given to `/usr/sbin/sendmail`.
    pub mail: bool,
}

impl Effects {
    /// Returns whether anything of a server's files is looked at.
    pub fn needs_root(&self) -> bool {
        self.mail || !self.files.is_empty()
    }

    /// Returns a path of `except` that leaves nothing out, because it is in none of the trees.
    fn misplaced(&self) -> Option<&str> {
        let is_in = |path: &Path, tree: &Path| path != tree && path.starts_with(tree);
        let lies_outside = |one: &&String| {
            let path = Path::new(one.as_str());
            !self.files.iter().any(|tree| is_in(path, tree.as_ref()))
        };
        self.except.iter().find(lies_outside).map(String::as_str)
    }
}

/// `[run]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// Stages or cases that the project does without, by name: `["database"]`.
    pub without: Vec<String>,
}

/// A duration as people write it: `90s`, `2m`, `500ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationText(pub Duration);

impl<'de> Deserialize<'de> for DurationText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is not a duration: write `90s`, `2m` or `500ms`"
            ))
        })
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit.trim() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" | "min" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

/// Returns what pt-table-checksum takes for busy, too.
fn busy() -> u32 {
    25
}

fn windows_1250() -> String {
    "windows-1250".to_owned()
}

impl Project {
    /// Reads the project in `folder`.
    pub fn load(folder: &Path) -> Result<Self, InputError> {
        let path = folder.join(CONFIG_NAME);
        if !path.is_file() {
            return Err(InputError::new(
                folder,
                format!("is not a project: it has no {CONFIG_NAME}"),
            )
            .hint("name the project with --project DIR"));
        }
        let (mut project, _text): (Self, String) = read_toml(&path)?;
        project.folder = folder.canonicalize().map_err(|source| InputError {
            source: Some(source),
            ..InputError::new(folder, "can't be resolved")
        })?;
        if let Some(path) = project.effects.misplaced() {
            let message =
                format!("effects.except names {path}, which is in no tree of effects.files");
            return Err(InputError::new(path, message)
                .hint("write the whole path of a file or folder, as in effects.files"));
        }
        Ok(project)
    }

    /// Finds the nearest folder upwards that is a project.
    pub fn find(start: &Path) -> Option<PathBuf> {
        start
            .ancestors()
            .find(|folder| folder.join(CONFIG_NAME).is_file())
            .map(Path::to_owned)
    }

    /// Returns the path of its configuration, for error messages.
    pub fn config_path(&self) -> PathBuf {
        self.folder.join(CONFIG_NAME)
    }

    /// Returns a path of the configuration as seen from anywhere.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// Says that a section is missing which a command needs.
    pub fn missing(&self, what: &str) -> InputError {
        InputError::new(
            self.config_path(),
            format!("has no `{what}`, which this command needs"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_normalised_that_is_not_named() {
        let read = |text| toml::from_str::<Rootfs>(text).unwrap().normalisers();
        assert_eq!(read(""), []);
        let named = read("normalise = [\"logs\", \"shadow-days\"]");
        assert_eq!(named, [Normaliser::ShadowDays, Normaliser::Logs]);
    }

    #[test]
    fn what_is_left_out_of_the_effects_is_in_a_tree_that_is_looked_at() {
        let misplaced = |text: &str| {
            let effects: Effects = toml::from_str(text).unwrap();
            effects.misplaced().map(str::to_owned)
        };
        let with = |except: &str| format!("files = ['/var/www/']\nexcept = ['{except}']");
        assert_eq!(misplaced(&with("/var/www/log/access")), None);
        for wrong in ["/var/www", "/var/wwwlog", "log/access", "/etc/x"] {
            assert_eq!(misplaced(&with(wrong)).as_deref(), Some(wrong));
        }
    }

    #[test]
    fn durations_are_written_with_a_unit() {
        let table = [
            ("120s", Some(120_000)),
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("2", None),
            ("", None),
            ("s", None),
            ("99999999999999999999s", None),
        ];
        for (text, milliseconds) in table {
            assert_eq!(
                parse_duration(text),
                milliseconds.map(Duration::from_millis),
                "{text}"
            );
        }
    }

    #[test]
    fn an_old_database_is_read_with_half_of_its_time_unless_told_otherwise() {
        let read = |text: &str| toml::from_str::<Legacy>(text);
        let legacy = read("").unwrap();
        assert_eq!(legacy.database_lock, DatabaseLock::None);
        assert_eq!(
            (legacy.database_load, legacy.database_busy),
            (Percent(50), 25)
        );
        let legacy = read("database_lock = 'tables'\ndatabase_load = 100\ndatabase_busy = 3");
        let legacy = legacy.unwrap();
        assert_eq!(legacy.database_lock, DatabaseLock::Tables);
        assert_eq!(
            (legacy.database_load, legacy.database_busy),
            (Percent(100), 3)
        );
        for wrong in [
            "database_load = 0",
            "database_load = 101",
            "database_lock = 'all'",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
