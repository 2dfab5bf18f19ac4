//! `migrate-verify.lock`: everything that goes into a build, by digest.
//!
//! ```toml
//! version = 1
//! packages = ["apache2"]                     # what the project asks for
//! sources = ["deb …"]                        # where from; empty: the image's own sources
//! actions = ["unpack libapr1", "configure libapr1"]
//!
//! [image]
//! source = "docker://…"
//! digest = "sha256:…"                        # of the manifest
//!
//! [[package]]
//! name = "libapr1"
//! version = "1.2.12-5"
//! file = "libapr1_1.2.12-5_amd64.deb"
//! digest = "sha256:…"
//! size = 114034
//! ```

use std::{fmt, fs, path::Path};

use serde::{Deserialize, Serialize};

use super::{durable::rename_durably, error::RecipeError};
use crate::{
    digest::Sha256Digest,
    input::{InputError, read_toml},
    project::Project,
};

/// The name of the lock file.
pub const LOCK_NAME: &str = "migrate-verify.lock";

/// The version of the format that is written.
const VERSION: u32 = 1;

/// Everything that goes into a build.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    /// What the project asked for when it was locked.
    pub packages: Vec<String>,
    /// The apt sources it named.
    pub sources: Vec<String>,
    /// What is done, in order.
    pub actions: Vec<LockedAction>,
    /// The image.
    pub image: LockedImage,
    /// The packages, by name.
    #[serde(rename = "package", default)]
    pub locked: Vec<LockedPackage>,
}

/// The image of a lock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LockedImage {
    /// As the project names it.
    pub source: String,
    /// The digest of its manifest.
    pub digest: String,
}

/// A package of a lock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its file name, as apt stores it.
    pub file: String,
    /// The digest of the file.
    pub digest: String,
    /// The size of the file in bytes.
    pub size: u64,
}

/// One step of the installation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum LockedAction {
    /// `dpkg --unpack`.
    Unpack(String),
    /// `dpkg --configure`.
    Configure(String),
    /// `dpkg --remove`.
    Remove(String),
}

impl fmt::Display for LockedAction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unpack(name) => write!(formatter, "unpack {name}"),
            Self::Configure(name) => write!(formatter, "configure {name}"),
            Self::Remove(name) => write!(formatter, "remove {name}"),
        }
    }
}

impl From<LockedAction> for String {
    fn from(action: LockedAction) -> Self {
        action.to_string()
    }
}

impl TryFrom<String> for LockedAction {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (verb, name) = text
            .split_once(' ')
            .ok_or_else(|| format!("`{text}` is not an action"))?;
        if !is_package_name(name) {
            return Err(format!("`{name}` is not a package name"));
        }
        match verb {
            "unpack" => Ok(Self::Unpack(name.to_owned())),
            "configure" => Ok(Self::Configure(name.to_owned())),
            "remove" => Ok(Self::Remove(name.to_owned())),
            _ => Err(format!("`{verb}` is not `unpack`, `configure` or `remove`")),
        }
    }
}

/// Tells whether a name is one that dpkg allows (Debian policy 5.6.7), with an architecture behind a colon; it goes into a shell script.
pub(super) fn is_package_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.:".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(allowed)
}

/// Tells whether a file name is one that apt gives a package; it goes into a shell script.
fn is_file_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.:_~%".contains(&byte);
    name.strip_suffix(".deb")
        .is_some_and(|stem| !stem.is_empty() && !stem.starts_with('.'))
        && name.bytes().all(allowed)
}

impl Lock {
    /// Makes a lock for a project.
    pub fn new(
        project: &Project,
        image: LockedImage,
        locked: Vec<LockedPackage>,
        actions: Vec<LockedAction>,
    ) -> Self {
        Self {
            version: VERSION,
            packages: project.rootfs.packages.clone(),
            sources: project.rootfs.sources.clone(),
            actions,
            image,
            locked,
        }
    }

    /// Reads a project's lock, if it has one.
    pub fn load(project: &Project) -> Result<Option<Self>, InputError> {
        let path = project.folder.join(LOCK_NAME);
        if !path.exists() {
            return Ok(None);
        }
        let (lock, _text): (Self, String) = read_toml(&path)?;
        if lock.version != VERSION {
            return Err(InputError::new(
                path,
                format!("has version {}, not {VERSION}", lock.version),
            )
            .hint("write it again with `migrate-verify lock`"));
        }
        for package in &lock.locked {
            let file_ok = is_file_name(&package.file);
            if !is_package_name(&package.name)
                || !file_ok
                || package.digest.parse::<Sha256Digest>().is_err()
            {
                return Err(InputError::new(
                    path,
                    format!("the package `{}` is malformed", package.name),
                ));
            }
        }
        if let Some(change) = lock.outdated(project) {
            return Err(InputError::new(path, format!("is out of date: {change}"))
                .hint("write it again with `migrate-verify lock`"));
        }
        Ok(Some(lock))
    }

    /// Says in what the project has changed since it was locked.
    fn outdated(&self, project: &Project) -> Option<&'static str> {
        let image = project.image.as_ref().map(|image| image.source.as_str());
        if image != Some(self.image.source.as_str()) {
            return Some("the project names another image");
        }
        if self.packages != project.rootfs.packages {
            return Some("the project names other packages");
        }
        (self.sources != project.rootfs.sources).then_some("the project names other sources")
    }

    /// Writes the lock into the project, whole or not at all.
    pub fn save(&self, folder: &Path) -> Result<(), RecipeError> {
        let text = toml::to_string(self).expect("a lock is made of strings and numbers");
        let path = folder.join(LOCK_NAME);
        let fresh = folder.join(format!(".{LOCK_NAME}.new"));
        fs::write(
            &fresh,
            format!("# Written by `migrate-verify lock`.\n{text}"),
        )
        .map_err(RecipeError::file("write", &fresh))?;
        rename_durably(&fresh, &path).map_err(RecipeError::file("write", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_nothing_a_shell_could_read() {
        assert!(is_file_name("gawk_1%3a5.2.1-2_amd64.deb"));
        for wrong in ["a'; id; '.deb", "../a.deb", ".deb", "a.deb ", "a"] {
            assert!(!is_file_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_action_is_a_verb_and_a_package_name_and_nothing_a_shell_could_read() {
        assert_eq!(
            LockedAction::try_from("unpack libc6".to_owned()),
            Ok(LockedAction::Unpack("libc6".to_owned()))
        );
        for wrong in [
            "unpack",
            "unpack a;b",
            "erase libc6",
            "configure $(id)",
            "configure -a",
        ] {
            assert!(LockedAction::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
