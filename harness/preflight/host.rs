//! What the host must offer.

use std::{fs, path::Path};

use crate::{
    outcome::{Case, CaseId, Outcome},
    preflight::vsyscall::{VsyscallMode, vsyscall_mode},
    tool::{ToolCall, Toolbox},
};

/// Two trees of a whole server, the packages, and the run's evidence.
const DISK_NEEDED: u64 = 4 << 30;

/// systemd-nspawn's throw-away layer is memory; the tree's metadata and what the guest writes go there.
const MEMORY_NEEDED: u64 = 2 << 30;

/// The first version with `--private-users-ownership=map`.
const OLDEST_NSPAWN: u32 = 249;

/// Programs that a run starts, with the package that brings them.
const PROGRAMS: [(&str, &str); 6] = [
    ("systemd-nspawn", "systemd-container"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("ip", "iproute2"),
    ("apt-get", "apt"),
    ("mount", "mount"),
];

/// Checks the host; `folder` is where trees will be.
pub async fn host(folder: &Path, toolbox: &Toolbox) -> Vec<Case> {
    let mut cases = vec![
        root(),
        programs(toolbox),
        nspawn(toolbox).await,
        user_namespaces(toolbox).await,
    ];
    cases.extend([
        vsyscall(),
        control_groups(),
        mount_flags(folder),
        disk(folder),
        memory(),
    ]);
    cases
}

fn id(name: &str) -> CaseId {
    CaseId::new(&["preflight", name])
}

/// A finding: what was seen, why it matters, what mends it.
fn finding(name: &str, seen: &str, why: &str, fix: &str) -> Case {
    Case {
        id: id(name),
        outcome: Outcome::Broken,
        reason: format!("{seen}; {why}. Fix: {fix}"),
    }
}

fn root() -> Case {
    if rustix::process::geteuid().is_root() {
        return Case::same(id("root"), "running as root");
    }
    finding(
        "root",
        "not running as root",
        "unpacking owners and booting a guest need it",
        "run it with sudo",
    )
}

fn programs(toolbox: &Toolbox) -> Case {
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| toolbox.find(program).is_err())
        .collect();
    if missing.is_empty() {
        return Case::same(
            id("programs"),
            format!("found {}", PROGRAMS.map(|(program, _)| program).join(", ")),
        );
    }
    let names: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    finding(
        "programs",
        &format!("not installed: {}", names.join(", ")),
        "a run starts them",
        &format!("apt-get install {}", packages.join(" ")),
    )
}

async fn nspawn(toolbox: &Toolbox) -> Case {
    let output = match toolbox
        .run(&ToolCall::new("systemd-nspawn").arg("--version"))
        .await
    {
        Ok(output) => output.text(),
        Err(error) => return Case::broken(id("systemd-nspawn"), &error),
    };
    let version = output.split_whitespace().nth(1).and_then(|word| {
        word.split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse::<u32>()
            .ok()
    });
    match version {
        Some(version) if version >= OLDEST_NSPAWN => {
            Case::same(id("systemd-nspawn"), format!("version {version}"))
        }
        Some(version) => finding(
            "systemd-nspawn",
            &format!("version {version}"),
            "private users by idmapped mounts exist since 249",
            "use a newer Debian on the host",
        ),
        None => finding(
            "systemd-nspawn",
            "its version can't be read",
            "flags differ from version to version",
            "apt-get install --reinstall systemd-container",
        ),
    }
}

async fn user_namespaces(toolbox: &Toolbox) -> Case {
    match toolbox
        .run(&ToolCall::new("unshare").args(["--user", "--map-root-user", "true"]))
        .await
    {
        Ok(_output) => Case::same(id("user-namespaces"), "one was made"),
        Err(error) => finding(
            "user-namespaces",
            &error.to_string(),
            "without them the guest's shutdown scripts reach the host's mounts",
            "sysctl -w user.max_user_namespaces=65536",
        ),
    }
}

fn vsyscall() -> Case {
    match vsyscall_mode() {
        Ok(VsyscallMode::None) => Case::same(
            id("vsyscall"),
            "the kernel offers none: enough for a guest whose libc is 2.14 or newer, checked when its tree is built",
        ),
        Ok(VsyscallMode::Xonly) => Case::same(id("vsyscall"), "xonly: enough for any guest"),
        Ok(VsyscallMode::Emulate) => Case::same(
            id("vsyscall"),
            "emulate: enough for any guest (xonly would be safer)",
        ),
        Err(error) => Case::broken(id("vsyscall"), &error),
    }
}

fn control_groups() -> Case {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
        || Path::new("/sys/fs/cgroup/unified/cgroup.controllers").exists()
    {
        return Case::same(id("cgroups"), "the unified hierarchy is mounted");
    }
    finding(
        "cgroups",
        "no unified hierarchy below /sys/fs/cgroup",
        "systemd-nspawn needs one",
        "boot the host with systemd.unified_cgroup_hierarchy=1",
    )
}

/// Returns the nearest folder that exists.
fn existing(folder: &Path) -> &Path {
    folder
        .ancestors()
        .find(|ancestor| ancestor.exists())
        .unwrap_or(Path::new("/"))
}

fn mount_flags(folder: &Path) -> Case {
    use rustix::fs::StatVfsMountFlags as Flags;
    let flags = match rustix::fs::statvfs(existing(folder)) {
        Ok(found) => found.f_flag,
        Err(error) => return Case::broken(id("mount-flags"), &std::io::Error::from(error)),
    };
    let bad: Vec<&str> = [
        (Flags::NOSUID, "nosuid"),
        (Flags::NODEV, "nodev"),
        (Flags::NOEXEC, "noexec"),
        (Flags::RDONLY, "ro"),
    ]
    .into_iter()
    .filter(|(flag, _)| flags.contains(*flag))
    .map(|(_, name)| name)
    .collect();
    if bad.is_empty() {
        return Case::same(
            id("mount-flags"),
            format!(
                "{} is mounted without nosuid, nodev, noexec",
                folder.display()
            ),
        );
    }
    finding(
        "mount-flags",
        &format!("{} is mounted with {}", folder.display(), bad.join(",")),
        "su, ping and devices of the guest would not work",
        &format!(
            "mount -o remount,suid,dev,exec,rw {}",
            existing(folder).display()
        ),
    )
}

fn disk(folder: &Path) -> Case {
    match rustix::fs::statvfs(existing(folder)) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let text = format!("{} MiB free below {}", free >> 20, folder.display());
            if free >= DISK_NEEDED {
                return Case::same(id("disk"), text);
            }
            finding(
                "disk",
                &text,
                &format!(
                    "two trees and the packages need about {} MiB",
                    DISK_NEEDED >> 20
                ),
                "make room",
            )
        }
        Err(error) => Case::broken(id("disk"), &std::io::Error::from(error)),
    }
}

fn memory() -> Case {
    let available = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text
            .lines()
            .find(|line| line.starts_with("MemAvailable:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    match available {
        Some(kibibytes) if kibibytes << 10 >= MEMORY_NEEDED => {
            Case::same(id("memory"), format!("{} MiB available", kibibytes >> 10))
        }
        Some(kibibytes) => finding(
            "memory",
            &format!("{} MiB available", kibibytes >> 10),
            "the guest's throw-away layer is memory",
            "stop something, or add swap",
        ),
        None => finding(
            "memory",
            "/proc/meminfo can't be read",
            "the guest's throw-away layer is memory",
            "mount /proc",
        ),
    }
}
