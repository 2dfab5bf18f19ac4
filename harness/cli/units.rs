//! `units`: the files with which the tested guest runs in production; `doctor --unit`: what a hand-written unit lacks of them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use migrate_verify::{
    input::read_text,
    outcome::{Case, Verdict},
    units::{Production, UnitFile, files, lint},
};

use super::{arguments::UnitsArguments, context::Context, failure::Failure, output};

/// Writes the files below a folder that is new or empty, as they lie on the host.
pub(crate) fn units(context: &Context, arguments: &UnitsArguments) -> Result<Verdict, Failure> {
    let project = context.project()?;
    let folder = &arguments.output;
    let is_used = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if is_used {
        let error = Failure::usage(format!("{} is not empty", folder.display()));
        return Err(
            error.hint("name a new folder: files of an earlier time would be mixed up with these")
        );
    }
    let machine = project.container.machine.clone();
    let production = Production {
        tree: arguments.rootfs.clone(),
        stop_timeout: project.container.stop_timeout.0,
        machine: machine.clone(),
    };
    let files = files(&production);
    for file in &files {
        write(folder, file).map_err(|error| {
            let path = folder.join(&file.path);
            Failure::inconclusive(&error).hint(format!("it could not write {}", path.display()))
        })?;
    }
    if context.json() {
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        output::json(
            &serde_json::json!({ "schema_version": 1, "machine": machine, "files": paths }),
        );
        return Ok(Verdict::Verified);
    }
    for file in &files {
        output::line(&folder.join(&file.path).display().to_string());
    }
    let tree = arguments.rootfs.replace("%i", &machine);
    for line in [
        format!("migrate-verify rootfs build --output {tree}"),
        format!("cp --recursive {}/. /", folder.display()),
        "sysctl --system; systemctl daemon-reload; systemctl restart systemd-networkd".to_owned(),
        "nft -f /etc/nftables.d/app-nspawn.nft, or app-nspawn-iptables add: at each boot of the host".to_owned(),
        format!("systemctl enable --now app-nspawn@{machine}.service"),
        format!("migrate-verify doctor --rootfs {tree}"),
    ] {
        output::message("next", &line);
    }
    Ok(Verdict::Verified)
}

fn write(folder: &Path, file: &UnitFile) -> std::io::Result<()> {
    let path = folder.join(&file.path);
    fs::create_dir_all(path.parent().unwrap_or(folder))?;
    fs::write(&path, &file.content)?;
    let mode = if file.executable { 0o755 } else { 0o644 };
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))
}

/// Checks a unit that someone wrote.
pub(crate) fn unit_cases(path: &Path) -> Result<Vec<Case>, Failure> {
    Ok(lint(&read_text(path)?))
}
