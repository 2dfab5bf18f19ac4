//! Packages: what apt on the host resolves for the guest, fetched once, installed without network in a fixed order.
//!
//! The host's apt reads the guest's dpkg status and the sources of the project (or of the image), simulates the
//! installation (apt-get(8), `-s`) and so gives the order of `Inst` and `Conf`; then it fetches. A guest as old as lenny
//! needs no working apt of its own.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    error::RecipeError,
    lock::{LockedAction, LockedPackage, is_package_name},
};
use crate::{
    digest::Sha256Digest,
    rootfs::TreeRoot,
    tool::{ToolCall, Toolbox},
};

/// A slow archive and a whole server's packages.
const FETCH_LIMIT: Duration = Duration::from_secs(1800);

/// The packages that were fetched, by digest: `FOLDER/<hex>.deb`.
#[derive(Clone, Debug)]
pub struct PackageCache {
    /// The folder.
    pub folder: PathBuf,
}

impl PackageCache {
    /// Returns where a package is or will be.
    pub fn path(&self, package: &LockedPackage) -> PathBuf {
        self.folder.join(format!(
            "{}.deb",
            package.digest.trim_start_matches("sha256:")
        ))
    }

    /// Returns the packages that are not in the cache, or not as they were locked.
    pub fn missing<'a>(
        &self,
        packages: &'a [LockedPackage],
    ) -> Result<Vec<&'a LockedPackage>, RecipeError> {
        let mut missing = Vec::new();
        for package in packages {
            let path = self.path(package);
            if !path.exists() {
                missing.push(package);
                continue;
            }
            let bytes = fs::read(&path).map_err(RecipeError::file("read", &path))?;
            if Sha256Digest::of(&bytes).to_string() != package.digest {
                missing.push(package);
            }
        }
        Ok(missing)
    }
}

/// Resolves `packages` for the guest whose tree is at `tree` and fetches them into the cache.
///
/// `scratch` is an empty folder for apt's state. Returns the packages by name, and what is to be done in order.
pub(super) async fn resolve(
    tree: &Path,
    packages: &[String],
    sources: &[String],
    scratch: &Path,
    cache: &PackageCache,
    toolbox: &Toolbox,
) -> Result<(Vec<LockedPackage>, Vec<LockedAction>), RecipeError> {
    if packages.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let apt = prepare_apt(tree, sources, scratch)?;
    let run = async |arguments: &[&str]| {
        let call = ToolCall::new("apt-get")
            .args(&apt)
            .args(arguments)
            .args(packages_of(arguments, packages))
            .limit(FETCH_LIMIT);
        toolbox
            .run(&call)
            .await
            .map_err(RecipeError::tool("resolve packages"))
    };
    run(&["update"]).await?;
    let simulation = run(&["--simulate", "install"]).await?.text();
    let (versions, actions) = parse_simulation(&simulation)?;
    run(&["--yes", "--download-only", "install"]).await?;
    let archives = scratch.join("var/cache/apt/archives");
    let locked = store(&archives, &versions, cache)?;
    Ok((locked, actions))
}

fn packages_of<'a>(arguments: &[&str], packages: &'a [String]) -> &'a [String] {
    if arguments.last() == Some(&"install") {
        packages
    } else {
        &[]
    }
}

/// Makes apt a world of its own below `scratch`; returns the options that put it there.
fn prepare_apt(
    tree: &Path,
    sources: &[String],
    scratch: &Path,
) -> Result<Vec<String>, RecipeError> {
    let root = TreeRoot::open(tree).map_err(RecipeError::tree("resolve packages"))?;
    let read = |path: &str| {
        root.read(path)
            .map_err(RecipeError::tree("resolve packages"))
    };
    for folder in [
        "etc/apt/apt.conf.d",
        "etc/apt/preferences.d",
        "etc/apt/sources.list.d",
        "etc/apt/trusted.gpg.d",
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
        "var/lib/dpkg",
    ] {
        let path = scratch.join(folder);
        fs::create_dir_all(&path).map_err(RecipeError::file("create", &path))?;
    }
    let write = |name: &str, content: &[u8]| {
        let path = scratch.join(name);
        fs::write(&path, content).map_err(RecipeError::file("write", &path))
    };
    let list = if sources.is_empty() {
        read("etc/apt/sources.list")?.unwrap_or_default()
    } else {
        (sources.join("\n") + "\n").into_bytes()
    };
    write("etc/apt/sources.list", &copied(&list))?;
    write(
        "var/lib/dpkg/status",
        &read("var/lib/dpkg/status")?.unwrap_or_default(),
    )?;
    // The guest's own keys sign its archive; expired keys are apt's error to report, and `[trusted=yes]` the user's to write.
    for name in root
        .list("etc/apt/trusted.gpg.d")
        .map_err(RecipeError::tree("resolve packages"))?
    {
        let Ok(name) = String::from_utf8(name) else {
            continue;
        };
        if let Some(key) = read(&format!("etc/apt/trusted.gpg.d/{name}"))? {
            write(&format!("etc/apt/trusted.gpg.d/{name}"), &key)?;
        }
    }
    // Where apt kept them before it had a folder for them.
    if let Some(keys) = read("etc/apt/trusted.gpg")? {
        write("etc/apt/trusted.gpg.d/trusted.gpg", &keys)?;
    }
    let architecture = match read("var/lib/dpkg/arch")? {
        Some(list) => str::from_utf8(&list)
            .ok()
            .and_then(|list| list.lines().next().map(str::to_owned)),
        None => dpkg_architecture(&read("var/lib/dpkg/status")?.unwrap_or_default()),
    };
    Ok(apt_options(
        &scratch.display().to_string(),
        architecture.as_deref().unwrap_or("amd64"),
    ))
}

/// Returns the sources with apt's method `copy:` in place of `file:`: packages of the host's own folders are fetched, too.
fn copied(list: &[u8]) -> Vec<u8> {
    let lines = list.split(|&byte| byte == b'\n').map(|line| {
        let words = line.split(|&byte| byte == b' ');
        let words = words.map(|word| match word.strip_prefix(b"file:") {
            Some(path) => [b"copy:", path].concat(),
            None => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(&b' ')
    });
    lines.collect::<Vec<_>>().join(&b'\n')
}

/// Returns the options (apt.conf(5)) that put apt's configuration, lists, cache and dpkg status below `folder`.
fn apt_options(folder: &str, architecture: &str) -> Vec<String> {
    let option = |name: &str, value: &str| ["-o".to_owned(), format!("{name}={value}")];
    let options = [
        option("Dir", folder),
        option(
            "Dir::State::status",
            &format!("{folder}/var/lib/dpkg/status"),
        ),
        option(
            "Dir::Etc::trustedparts",
            &format!("{folder}/etc/apt/trusted.gpg.d"),
        ),
        option("APT::Architecture", architecture),
        option("APT::Architectures", architecture),
        option("APT::Install-Recommends", "false"),
        option("APT::Sandbox::User", "root"),
        option("Acquire::Languages", "none"),
        option(
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled",
            "false",
        ),
        option("Debug::NoLocking", "true"),
    ];
    options.into_iter().flatten().collect()
}

/// Returns the architecture of the first package that is built for one.
fn dpkg_architecture(status: &[u8]) -> Option<String> {
    let lines = status.split(|&byte| byte == b'\n');
    let mut values =
        lines.filter_map(|line| str::from_utf8(line.strip_prefix(b"Architecture: ")?).ok());
    values.find(|value| *value != "all").map(str::to_owned)
}

type Simulation = (BTreeMap<String, String>, Vec<LockedAction>);

/// Reads `Inst name [old] (version …)`, `Conf name (…)` and `Remv name [version]`.
fn parse_simulation(text: &str) -> Result<Simulation, RecipeError> {
    let mut versions = BTreeMap::new();
    let mut actions = Vec::new();
    for line in text.lines() {
        let plan = || RecipeError::Plan {
            line: line.to_owned(),
        };
        let mut words = line.split_whitespace();
        let verb = words.next();
        if !matches!(verb, Some("Inst" | "Conf" | "Remv" | "Purg")) {
            continue;
        }
        let name = words
            .next()
            .filter(|name| is_package_name(name))
            .ok_or_else(plan)?
            .to_owned();
        match verb {
            Some("Inst") => {
                let version = words
                    .find_map(|word| word.strip_prefix('('))
                    .ok_or_else(plan)?;
                versions.insert(name.clone(), version.to_owned());
                actions.push(LockedAction::Unpack(name));
            }
            Some("Conf") => actions.push(LockedAction::Configure(name)),
            _ => actions.push(LockedAction::Remove(name)),
        }
    }
    Ok((versions, actions))
}

/// Moves fetched packages into the cache; returns them as they are locked.
fn store(
    archives: &Path,
    versions: &BTreeMap<String, String>,
    cache: &PackageCache,
) -> Result<Vec<LockedPackage>, RecipeError> {
    fs::create_dir_all(&cache.folder).map_err(RecipeError::file("create", &cache.folder))?;
    let mut files: BTreeMap<(String, String), String> = BTreeMap::new();
    for entry in fs::read_dir(archives).map_err(RecipeError::file("read", archives))? {
        let entry = entry.map_err(RecipeError::file("read", archives))?;
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        let mut parts = file.splitn(3, '_');
        if let (Some(name), Some(version), true) = (
            parts.next(),
            parts.next(),
            Path::new(&file).extension() == Some("deb".as_ref()),
        ) {
            files.insert((name.to_owned(), version.replace("%3a", ":")), file.clone());
        }
    }
    let mut locked = Vec::new();
    for (name, version) in versions {
        let bare = name.split(':').next().unwrap_or(name);
        let key = (bare.to_owned(), version.clone());
        let file = files.get(&key).ok_or_else(|| RecipeError::Plan {
            line: format!("{name} {version} was not fetched"),
        })?;
        let path = archives.join(file);
        let bytes = fs::read(&path).map_err(RecipeError::file("read", &path))?;
        let package = LockedPackage {
            name: name.clone(),
            version: version.clone(),
            file: file.clone(),
            digest: Sha256Digest::of(&bytes).to_string(),
            size: bytes.len() as u64,
        };
        let target = cache.path(&package);
        let fresh = target.with_extension("new");
        fs::write(&fresh, &bytes).map_err(RecipeError::file("write", &fresh))?;
        fs::rename(&fresh, &target).map_err(RecipeError::file("rename", &fresh))?;
        locked.push(package);
    }
    Ok(locked)
}

/// Returns the script that installs the locked packages inside the guest, where they are seen in `folder`.
pub(super) fn install_script(
    locked: &[LockedPackage],
    actions: &[LockedAction],
    folder: &str,
) -> String {
    let files: BTreeMap<&str, &str> = locked
        .iter()
        .map(|package| (package.name.as_str(), package.file.as_str()))
        .collect();
    let mut text = String::from(
        "#!/bin/sh\n# Written by migrate-verify from the lock: no apt, no network, one order.\nset -e\n",
    );
    let mut verb = "";
    for action in actions {
        let (next, argument) = match action {
            LockedAction::Unpack(name) => (
                "--unpack",
                format!(
                    "{folder}/{}",
                    files.get(name.as_str()).copied().unwrap_or(name)
                ),
            ),
            LockedAction::Configure(name) => ("--configure", name.clone()),
            LockedAction::Remove(name) => ("--remove", name.clone()),
        };
        if next != verb {
            text.extend(["\ndpkg ", next]);
            verb = next;
        }
        text.extend([" '", &argument, "'"]);
    }
    text + "\ndpkg --configure --pending\n"
}

/// Returns the packages that a tree has installed, by name, with their versions: dpkg's status file.
pub fn installed_packages(tree: &TreeRoot) -> Result<BTreeMap<String, String>, RecipeError> {
    let status = tree
        .read("var/lib/dpkg/status")
        .map_err(RecipeError::tree("read dpkg's status"))?
        .unwrap_or_default();
    let mut packages = BTreeMap::new();
    let (mut name, mut installed) = (String::new(), false);
    for line in status.split(|&byte| byte == b'\n') {
        let Ok(line) = str::from_utf8(line) else {
            continue;
        };
        if let Some(value) = line.strip_prefix("Package: ") {
            value.clone_into(&mut name);
            installed = false;
        } else if let Some(value) = line.strip_prefix("Status: ") {
            installed = value.ends_with(" ok installed");
        } else if let Some(value) = line.strip_prefix("Version: ")
            && installed
        {
            packages.insert(name.clone(), value.to_owned());
        }
    }
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apts_simulation_gives_versions_and_the_order_of_installation() {
        let text = "Reading package lists...\nInst gawk (1:5.2.1-2 Debian:12/stable [amd64])\n\
            Inst libc6 [2.36-8] (2.36-9 Debian:12/stable [amd64]) []\nConf libc6 (2.36-9 Debian:12/stable [amd64])\n\
            Remv exim4 [4.69-9]\nConf gawk (1:5.2.1-2 Debian:12/stable [amd64])\n";
        let (versions, actions) = parse_simulation(text).unwrap();
        assert_eq!(versions["gawk"], "1:5.2.1-2");
        assert_eq!(versions["libc6"], "2.36-9");
        let lines: Vec<String> = actions.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "unpack gawk",
                "unpack libc6",
                "configure libc6",
                "remove exim4",
                "configure gawk"
            ]
        );
    }

    #[test]
    fn packages_of_a_folder_of_the_host_are_copied_not_used_in_place() {
        let list = b"deb http://mirror/debian lenny main\ndeb [trusted=yes] file:/srv/own ./\n";
        let expected = b"deb http://mirror/debian lenny main\ndeb [trusted=yes] copy:/srv/own ./\n";
        assert_eq!(copied(list), expected);
    }

    #[test]
    fn the_installation_groups_what_stands_together() {
        let package = |name: &str| LockedPackage {
            name: name.to_owned(),
            version: "1".to_owned(),
            file: format!("{name}_1_all.deb"),
            digest: String::new(),
            size: 0,
        };
        let actions = ["unpack a", "unpack b", "configure a", "configure b"]
            .map(|text| LockedAction::try_from(text.to_owned()).unwrap());
        insta::assert_snapshot!(install_script(&[package("a"), package("b")], &actions, "/debs"), @r"
        #!/bin/sh
        # Written by migrate-verify from the lock: no apt, no network, one order.
        set -e

        dpkg --unpack '/debs/a_1_all.deb' '/debs/b_1_all.deb'
        dpkg --configure 'a' 'b'
        dpkg --configure --pending
        ");
    }
}
