//! The edits that let an old sysvinit guest boot, run and halt under systemd-nspawn without a user noticing.
//!
//! Each has its reason beside it. What the guest never had is not touched; an edit stands in the report whether it was
//! needed or not.

use rustix::fs::FileType;

use super::{edit::Edit, inittab};
use crate::rootfs::{TreeError, TreeRoot};

/// rc scripts for hardware that a container has not, or that the host does for it.
const HARDWARE_SCRIPTS: [(&str, &str); 26] = [
    ("hwclock.sh", "the clock is the host's"),
    ("hwclockfirst.sh", "the clock is the host's"),
    ("checkroot.sh", "there is no disk to check"),
    ("checkfs.sh", "there is no disk to check"),
    ("checkroot-bootclean.sh", "there is no disk to check"),
    ("mountall.sh", "the host mounts what there is"),
    ("mountoverflowtmp", "the host mounts what there is"),
    ("mount-configfs", "the host mounts what there is"),
    (
        "umountfs",
        "mounts are the host's, and without user namespaces this would reach them",
    ),
    (
        "umountroot",
        "remounts the root read-only, which without user namespaces would reach the host",
    ),
    ("umountnfs.sh", "mounts are the host's"),
    ("udev", "there are no devices to manage"),
    ("udev-mtab", "there are no devices to manage"),
    ("udev-finish", "there are no devices to manage"),
    ("kmod", "modules are the host's"),
    ("module-init-tools", "modules are the host's"),
    ("modutils", "modules are the host's"),
    ("brightness", "there is no screen"),
    ("keymap.sh", "there is no keyboard"),
    ("console-screen.sh", "there is no screen"),
    ("mtab.sh", "/etc/mtab is a link"),
    ("mountnfs.sh", "mounts are the host's"),
    ("procps", "kernel settings are the host's"),
    ("klogd", "the kernel's log is the host's"),
    ("sysklogd", "/dev/log is the host's socket"),
    ("rsyslog", "/dev/log is the host's socket"),
];

/// Decides the edits for a tree.
pub(super) fn edits(tree: &TreeRoot, machine: &str) -> Result<Vec<Edit>, TreeError> {
    let mut edits = identity(tree, machine)?;
    edits.extend(init(tree)?);
    edits.extend(rc_scripts(tree)?);
    edits.extend(mounts(tree)?);
    edits.extend(network(tree, machine)?);
    edits.extend(leftovers(tree)?);
    Ok(edits)
}

/// What systemd-nspawn looks at before it boots a tree.
fn identity(tree: &TreeRoot, machine: &str) -> Result<Vec<Edit>, TreeError> {
    let mut edits = vec![Edit::text(
        "etc/hostname",
        format!("{machine}\n"),
        "the name of the machine, not of the image's builder",
    )];
    if !tree.exists("etc/os-release")? && !tree.exists("usr/lib/os-release")? {
        let version = tree.read("etc/debian_version")?.unwrap_or_default();
        let version = version.escape_ascii().to_string().replace("\\n", "");
        let text = format!(
            "ID=debian\nVERSION_ID=\"{version}\"\nPRETTY_NAME=\"Debian GNU/Linux {version}\"\n"
        );
        edits.push(Edit::text(
            "etc/os-release",
            text,
            "systemd-nspawn --boot refuses a tree without it",
        ));
    }
    if !tree.exists("run")? {
        edits.push(Edit::Directory {
            path: "run".to_owned(),
            why: "systemd-nspawn would make it, and change the tree",
        });
    }
    Ok(edits)
}

fn init(tree: &TreeRoot) -> Result<Vec<Edit>, TreeError> {
    let mut edits = Vec::new();
    if let Some(inittab) = tree.read("etc/inittab")? {
        // The file is ASCII wherever it works; other bytes stand in comments and are escaped there.
        let text = inittab
            .utf8_chunks()
            .map(|chunk| chunk.valid())
            .collect::<Vec<_>>()
            .join("?");
        let why = "SIGINT halts instead of rebooting; one getty on the console, none on terminals that don't exist";
        edits.push(Edit::text("etc/inittab", inittab::for_guest(&text), why));
    }
    if tree.exists("etc/shutdown.allow")? {
        edits.push(Edit::remove(
            "etc/shutdown.allow",
            "it would keep SIGINT from halting the guest",
        ));
    }
    if let Some(content) = tree.read("etc/securetty")?
        && !content
            .split(|&byte| byte == b'\n')
            .any(|line| line == b"pts/0")
    {
        let content = [
            content.as_slice(),
            b"\n# The console of a container is a pseudo-terminal.\nconsole\npts/0\n",
        ]
        .concat();
        edits.push(Edit::text(
            "etc/securetty",
            content,
            "root may log in on the console, which is a pseudo-terminal",
        ));
    }
    Ok(edits)
}

/// Makes the scripts do nothing, but leaves them and their links: `halt` waits for `umountroot`, and a link that is
/// missing lets the guest halt while its database still stops.
fn rc_scripts(tree: &TreeRoot) -> Result<Vec<Edit>, TreeError> {
    let mut edits = Vec::new();
    // Where /var/run is systemd-nspawn's own /run, cleaning it at boot only fails; where it is on disk, it is needed.
    let run_is_the_hosts = tree.kind("var/run")? == Some(FileType::Symlink);
    for name in tree
        .list("etc/init.d")?
        .iter()
        .filter_map(|name| str::from_utf8(name).ok())
    {
        let known = HARDWARE_SCRIPTS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, why)| *why);
        let cleans = run_is_the_hosts && name.ends_with("-bootclean.sh");
        let Some(why) =
            known.or(cleans.then_some("what it cleans is made afresh by systemd-nspawn"))
        else {
            continue;
        };
        let path = format!("etc/init.d/{name}");
        let content = silenced(&tree.read(&path)?.unwrap_or_default());
        edits.push(Edit::Write {
            path,
            content,
            mode: 0o755,
            why,
        });
    }
    Ok(edits)
}

/// Returns a script that keeps its LSB header, which orders the others, and does nothing.
fn silenced(script: &[u8]) -> Vec<u8> {
    const END: &[u8] = b"### END INIT INFO";
    let header = script
        .windows(END.len())
        .position(|window| window == END)
        .map(|start| &script[..start + END.len()]);
    [
        header.unwrap_or(b"#!/bin/sh"),
        b"\n# Silenced by migrate-verify: this is the host's work.\nexit 0\n",
    ]
    .concat()
}

fn mounts(tree: &TreeRoot) -> Result<Vec<Edit>, TreeError> {
    let mut edits = vec![
        Edit::text(
            "etc/fstab",
            "# Everything is mounted by the host.\n",
            "the old server's disks are not there",
        ),
        Edit::Symlink {
            path: "etc/mtab".to_owned(),
            target: "/proc/mounts".to_owned(),
            why: "nobody in the guest mounts",
        },
    ];
    for flag in ["fastboot", "forcefsck", "etc/nologin"] {
        if tree.exists(flag)? {
            edits.push(Edit::remove(
                flag,
                "left by a boot or a shutdown that did not finish",
            ));
        }
    }
    Ok(edits)
}

fn network(tree: &TreeRoot, machine: &str) -> Result<Vec<Edit>, TreeError> {
    let hosts = format!(
        "127.0.0.1\tlocalhost\n127.0.1.1\t{machine}\n::1\tlocalhost ip6-localhost ip6-loopback\n"
    );
    let mut edits = vec![
        Edit::text("etc/hosts", hosts, "old servers look their own name up"),
        Edit::text(
            "etc/resolv.conf",
            "",
            "written by the DHCP client; the image's resolver belongs to its builder",
        ),
    ];
    if tree.exists("etc/network")? {
        let text = "auto lo\niface lo inet loopback\n\nauto host0\niface host0 inet dhcp\n";
        edits.push(Edit::text(
            "etc/network/interfaces",
            text,
            "the guest's end of the veth pair is host0, its address comes by DHCP",
        ));
    }
    for rules in [
        "etc/udev/rules.d/70-persistent-net.rules",
        "etc/udev/rules.d/z25_persistent-net.rules",
    ] {
        if tree.exists(rules)? {
            edits.push(Edit::remove(
                rules,
                "names of the old server's network cards",
            ));
        }
    }
    Ok(edits)
}

/// What the image's builder left, and what would go wrong silently later.
fn leftovers(tree: &TreeRoot) -> Result<Vec<Edit>, TreeError> {
    let mut edits = Vec::new();
    if tree.exists("usr/sbin/policy-rc.d")? {
        edits.push(Edit::remove(
            "usr/sbin/policy-rc.d",
            "it would keep logrotate and cron from restarting services in production",
        ));
    }
    Ok(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silenced_script_keeps_the_header_that_orders_the_others() {
        let script = b"#!/bin/sh\n### BEGIN INIT INFO\n# Required-Stop: $local_fs\n### END INIT INFO\nmount -o remount,ro /\n";
        let silenced = String::from_utf8(silenced(script)).unwrap();
        assert!(
            silenced.contains("# Required-Stop: $local_fs\n### END INIT INFO\n#"),
            "{silenced}"
        );
        assert!(
            !silenced.contains("remount") && silenced.ends_with("exit 0\n"),
            "{silenced}"
        );
    }
}
