//! What the host must offer, whatever the guest; and what it must offer to one guest.

use std::{fs, path::Path};

use super::{
    finding::{Check, host_check},
    guest::Guest,
    journald, kernel, names, network, nspawn, space, vsyscall,
};
use crate::{outcome::Case, tool::Toolbox};

/// Programs that a run starts, with the package that brings them.
const PROGRAMS: [(&str, &str); 8] = [
    ("systemd-nspawn", "systemd-container"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("ip", "iproute2"),
    ("apt-get", "apt"),
    ("mount", "mount"),
    ("bash", "bash"),
    ("timeout", "coreutils"),
];

/// What the host is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// A folder on the file system where trees are; of the run's own, so that nothing stays in it.
    pub folder: &'a Path,
    /// A few characters that no other run has.
    pub seed: &'a str,
    /// The name of the production machine.
    pub machine: Option<&'a str>,
    /// A tree that was built before.
    pub tree: Option<&'a Path>,
}

/// Checks the host, whatever the guest.
pub async fn host(host: &Host<'_>, toolbox: &Toolbox) -> Vec<Case> {
    let mut cases = vec![
        root(host_check("root")),
        programs(host_check("programs"), toolbox),
    ];
    cases.extend(nspawn::checks(host.folder, toolbox).await);
    cases.push(control_groups(host_check("cgroups")));
    cases.extend(space::checks(host.folder));
    cases.extend(network::checks(host.seed, toolbox).await);
    cases.push(journald::decide(host_check("journald"), host.machine));
    cases.push(names::name(host_check("machine-name"), host.machine));
    cases.push(names::settings(
        host_check("nspawn-files"),
        host.machine,
        host.tree,
    ));
    cases
}

/// Checks what the host must offer to this guest; without one, only what is enough for any. The cases are of `stage`.
pub async fn for_guest(
    stage: &str,
    guest: Option<&Guest>,
    folder: &Path,
    toolbox: &Toolbox,
) -> Vec<Case> {
    let check = |name| Check { stage, name };
    let vsyscall = match vsyscall::probe(folder, toolbox).await {
        Ok(seen) => vsyscall::decide(check("vsyscall"), &seen, guest),
        Err(error) => check("vsyscall").not_made(&format!("/proc/self/maps: {error}")),
    };
    let release = fs::read_to_string("/proc/sys/kernel/osrelease");
    let release = match release {
        Ok(release) => kernel::decide(check("kernel-release"), release.trim(), guest),
        Err(error) => {
            check("kernel-release").not_made(&format!("/proc/sys/kernel/osrelease: {error}"))
        }
    };
    vec![
        vsyscall,
        release,
        network::checksum(check("dhcp-checksum"), guest, toolbox).await,
        space::inode_numbers(check("inode-numbers"), folder, guest),
    ]
}

/// Checks what `rootfs verify` and `run` vary builds with; what is missing makes them inconclusive, unless it is not to be varied.
pub fn variations(toolbox: &Toolbox) -> Case {
    let library = |folder: &Path| folder.join("faketime/libfaketime.so.1").exists();
    let folders = fs::read_dir("/usr/lib").into_iter().flatten();
    let faketime = folders
        .filter_map(Result::ok)
        .any(|folder| library(&folder.path()));
    variations_case(
        host_check("variations"),
        faketime,
        toolbox.find("mke2fs").is_ok(),
    )
}

fn variations_case(check: Check<'_>, faketime: bool, mke2fs: bool) -> Case {
    let missing: Vec<(&str, &str)> = [
        (faketime, "faketime", "time"),
        (mke2fs, "e2fsprogs", "readdir-order"),
    ]
    .into_iter()
    .filter(|(there, ..)| !there)
    .map(|(_, package, variation)| (package, variation))
    .collect();
    if missing.is_empty() {
        return check.fine("libfaketime and mke2fs are there: two builds can differ in time and in the order of directories");
    }
    let packages: Vec<&str> = missing.iter().map(|(package, _)| *package).collect();
    let names: Vec<&str> = missing.iter().map(|(_, variation)| *variation).collect();
    check.finding(
        &format!("not installed: {}", packages.join(", ")),
        &format!(
            "two builds can't differ in {}, so that `run` and `rootfs verify` are inconclusive",
            names.join(" and ")
        ),
        &format!(
            "apt-get install {}, or --vary -{}",
            packages.join(" "),
            names.join(",-")
        ),
    )
}

fn root(check: Check<'_>) -> Case {
    if rustix::process::geteuid().is_root() {
        return check.fine("running as root");
    }
    check.finding(
        "not running as root",
        "unpacking owners and booting a guest need it",
        "run it with sudo",
    )
}

fn programs(check: Check<'_>, toolbox: &Toolbox) -> Case {
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| toolbox.find(program).is_err())
        .collect();
    if missing.is_empty() {
        return check.fine(format!(
            "found {}",
            PROGRAMS.map(|(program, _)| program).join(", ")
        ));
    }
    let names: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    check.finding(
        &format!("not installed: {}", names.join(", ")),
        "a run starts them",
        &format!("apt-get install {}", packages.join(" ")),
    )
}

fn control_groups(check: Check<'_>) -> Case {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
        || Path::new("/sys/fs/cgroup/unified/cgroup.controllers").exists()
    {
        return check.fine("the unified hierarchy is mounted");
    }
    check.finding(
        "no unified hierarchy below /sys/fs/cgroup",
        "systemd-nspawn needs one",
        "boot the host with systemd.unified_cgroup_hierarchy=1",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn what_is_missing_for_variations_is_named_with_its_package() {
        let of = |faketime, mke2fs| variations_case(host_check("variations"), faketime, mke2fs);
        assert_eq!(of(true, true).outcome, Outcome::Same);
        insta::assert_snapshot!(of(false, false).reason, @"not installed: faketime, e2fsprogs; two builds can't differ in time and readdir-order, so that `run` and `rootfs verify` are inconclusive. Fix: apt-get install faketime e2fsprogs, or --vary -time,-readdir-order");
        assert_eq!(of(true, false).outcome, Outcome::Broken);
    }

    #[test]
    fn programs_that_are_nowhere_are_named_with_their_packages() {
        let case = programs(host_check("programs"), &Toolbox::new(Vec::new()));
        assert_eq!(case.outcome, Outcome::Broken);
        assert!(
            case.reason.contains("apt-get install systemd-container"),
            "{}",
            case.reason
        );
    }
}
