//! A command inside the tree, during the build: systemd-nspawn without init, without network, with private users.
//!
//! Private users and `map` keep a maintainer script from reaching the host and the tree from being chowned; where the file
//! system has no idmapped mounts, systemd-nspawn refuses and says so.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::tool::{ToolCall, nspawn};

/// Packages of a whole server, configured on a slow disk.
const LIMIT: Duration = Duration::from_secs(1200);

/// Where files of the host appear inside the guest: a tmpfs, so that no mount point stays in the tree.
pub(super) const INSIDE: &str = "/run/migrate-verify";

/// A script to be run inside a tree.
#[derive(Clone, Debug)]
pub(super) struct GuestScript<'a> {
    /// The tree.
    pub(super) tree: &'a Path,
    /// An empty folder of the run, where the tree is bound.
    pub(super) bound: &'a Path,
    /// The machine's name.
    pub(super) machine: &'a str,
    /// The script; seen inside as `INSIDE/script`.
    pub(super) script: &'a Path,
    /// A folder that the script reads; seen inside as `INSIDE/files`.
    pub(super) files: Option<PathBuf>,
    /// The epoch that scripts may use.
    pub(super) source_date_epoch: i64,
}

/// Returns the call that runs the script.
pub(super) fn script_call(script: &GuestScript<'_>) -> ToolCall {
    let bind = |from: &Path, name: &str| format!("--bind-ro={}:{INSIDE}/{name}", from.display());
    let mut call = nspawn(script.tree, script.bound)
        .args(["--register=no", "--private-network"])
        .arg(format!("--machine={}", script.machine))
        .args(["--private-users=pick", "--private-users-ownership=map"])
        .arg("--suppress-sync=yes")
        .arg(bind(script.script, "script"));
    if let Some(files) = &script.files {
        call = call.arg(bind(files, "files"));
    }
    call.args([
        "--setenv=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "--setenv=DEBIAN_FRONTEND=noninteractive",
        "--setenv=DEBCONF_NONINTERACTIVE_SEEN=true",
        "--setenv=LC_ALL=C",
        "--setenv=TZ=UTC",
    ])
    .arg(format!(
        "--setenv=SOURCE_DATE_EPOCH={}",
        script.source_date_epoch
    ))
    .args(["--pipe", "/bin/sh", "-c"])
    // By its #! line where it has one; dash and the shell of the guest both take it as an argument otherwise.
    .arg(format!(
        "cp {INSIDE}/script /run/script && chmod 755 /run/script && exec /run/script"
    ))
    .limit(LIMIT)
}
