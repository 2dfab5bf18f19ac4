//! A command inside the tree, during the build: systemd-nspawn without init, without network, with private users.
//!
//! Private users and `map` keep a maintainer script from reaching the host and the tree from being chowned; where the file
//! system has no idmapped mounts, systemd-nspawn refuses and says so.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::surroundings::Surroundings;
use crate::tool::{ToolCall, nspawn};

/// Packages of a whole server, configured on a slow disk.
const LIMIT: Duration = Duration::from_secs(1200);

/// Where files of the host appear inside the guest: a tmpfs, so that no mount point stays in the tree.
const INSIDE: &str = "/run/migrate-verify";

/// The name of libfaketime there.
const CLOCK_LIBRARY: &str = "libfaketime.so.1";

/// A script to be run inside a tree.
#[derive(Clone, Debug)]
pub(super) struct GuestScript<'a> {
    /// The tree.
    pub(super) tree: &'a Path,
    /// The mount namespace in which the tree is, where it isn't this process's.
    pub(super) namespace: Option<PathBuf>,
    /// An empty folder of the run, where the tree is bound.
    pub(super) bound: &'a Path,
    /// The machine's name.
    pub(super) machine: &'a str,
    /// What the script sees of where it runs.
    pub(super) surroundings: &'a Surroundings,
    /// The script; seen inside as `script` in the build's folder.
    pub(super) script: &'a Path,
    /// A folder that the script reads; seen inside as `files` in the build's folder.
    pub(super) files: Option<PathBuf>,
    /// The epoch that scripts may use.
    pub(super) source_date_epoch: i64,
}

/// Returns the call that runs the script.
pub(super) fn script_call(script: &GuestScript<'_>) -> ToolCall {
    let surroundings = script.surroundings;
    let bind = |from: &Path, name: &str| format!("--bind-ro={}:{INSIDE}/{name}", from.display());
    let mut call = nspawn(script.tree, script.bound, script.namespace.as_deref())
        .args(["--register=no", "--private-network"])
        .arg(format!("--machine={}", script.machine))
        .arg(format!("--hostname={}", surroundings.hostname))
        .args(["--private-users=pick", "--private-users-ownership=map"])
        .arg("--suppress-sync=yes")
        .arg(bind(script.script, "script"));
    if let Some(files) = &script.files {
        call = call.arg(bind(files, "files"));
    }
    if let Some(clock) = &surroundings.clock {
        call = call.arg(bind(&clock.library, CLOCK_LIBRARY));
    }
    if let Some(processor) = surroundings.processor {
        call = call.arg(format!("--cpu-affinity={processor}"));
    }
    for (name, value) in environment(surroundings, script.source_date_epoch) {
        call = call.arg(format!("--setenv={name}={value}"));
    }
    call.args(["--pipe", "/bin/sh", "-c"])
        .arg(start(surroundings))
        .limit(LIMIT)
}

fn environment(surroundings: &Surroundings, source_date_epoch: i64) -> Vec<(String, String)> {
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut variables = vec![
        variable(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        variable("DEBIAN_FRONTEND", "noninteractive"),
        variable("DEBCONF_NONINTERACTIVE_SEEN", "true"),
        variable("LC_ALL", &surroundings.locale.name),
        variable("TZ", &surroundings.time_zone),
        variable("HOME", &surroundings.home),
        variable("USER", &surroundings.user),
        variable("LOGNAME", &surroundings.user),
        variable("SOURCE_DATE_EPOCH", &source_date_epoch.to_string()),
    ];
    variables.extend(surroundings.variables.iter().cloned());
    if let Some(clock) = &surroundings.clock {
        let library = format!("{INSIDE}/{CLOCK_LIBRARY}");
        variables.extend([
            variable("LD_PRELOAD", &library),
            variable("FAKETIME", &format!("+{}d", clock.days)),
            // Times of files stay true, or make and tar would see files of the future; waits stay as long as they are.
            variable("NO_FAKE_STAT", "1"),
            variable("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]);
    }
    variables
}

/// Returns the shell command that prepares what no option of systemd-nspawn does, and becomes the script.
fn start(surroundings: &Surroundings) -> String {
    let folder = &surroundings.folder;
    let locale = match &surroundings.locale.made_of {
        None => String::new(),
        Some((source, map)) => format!(
            "mkdir locales; if LC_ALL=C localedef -c -i {source} -f {map} locales/{} >/dev/null 2>&1; \
             then export LOCPATH={folder}/locales; fi; ",
            surroundings.locale.name
        ),
    };
    // The folder is the guest's own, unlike the one of the mount points. The script goes by its #! line where it has one; dash
    // and the shell of the guest both take it as an argument otherwise.
    format!(
        "set -e; mkdir {folder}; cd {folder}; ln -s {INSIDE}/files files; cp {INSIDE}/script script; chmod 755 script; \
         {locale}umask {:04o}; exec {folder}/script",
        surroundings.umask
    )
}
