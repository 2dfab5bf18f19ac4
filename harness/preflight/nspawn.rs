//! systemd-nspawn: what its version needs, and whether it runs a program with private users on the very file system of the
//! trees: the only proof of user namespaces, idmapped mounts, control groups and mounts at once.

use std::{fs, io, path::Path};

use super::{
    finding::{Check, host_check},
    program::{Program, RAN},
};
use crate::{
    outcome::{Case, chain},
    tool::{ToolCall, ToolExit, Toolbox, nspawn},
};

/// The first version with `--private-users-ownership=map`.
const OLDEST: u32 = 249;

/// What changed in which version, as far as an old guest or its unit feels it (systemd's NEWS).
const SINCE: [(u32, &str); 4] = [
    (250, "knows idmapped binds (:idmap)"),
    (
        255,
        "knows SYSTEMD_NSPAWN_CHECK_OS_RELEASE and SYSTEMD_NSPAWN_NETWORK_MAC",
    ),
    (
        256,
        "its networkd forwards per link: the uplink needs IPv4Forwarding=yes in networkd.conf",
    ),
    (258, "has no control groups of version 1"),
];

/// Below this version a guest without systemd is given control groups of version 1 unless `SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1`,
/// which every call here sets.
const UNIFIED: u32 = 257;

/// What came of running programs with and without private users.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ran {
    /// With `--private-users=pick --private-users-ownership=map`; else why not.
    mapped: Result<(), String>,
    /// Without private users; else why not. Only tried where the first failed.
    plain: Result<(), String>,
    /// A user namespace alone; else why not. Only tried where the first failed.
    namespace: Result<(), String>,
}

/// Checks version, user namespaces and idmapped mounts; `folder` is on the file system where trees are.
pub(super) async fn checks(folder: &Path, toolbox: &Toolbox) -> Vec<Case> {
    let output = toolbox
        .run(&ToolCall::new("systemd-nspawn").arg("--version"))
        .await;
    let text = output
        .map(|output| output.text())
        .map_err(|error| chain(&error));
    let mut cases = vec![version_case(
        host_check("systemd-nspawn"),
        text.as_deref().map_err(String::as_str),
    )];
    let checks = [host_check("user-namespaces"), host_check("idmapped-mounts")];
    let tried = if rustix::process::geteuid().is_root() {
        run(folder, toolbox).await
    } else {
        Err("only root can try".to_owned())
    };
    match tried {
        Ok(ran) => cases.extend(decide(checks, &ran)),
        Err(why) => cases.extend(checks.map(|check| check.not_made(&why))),
    }
    cases
}

/// Returns the version in what `systemd-nspawn --version` prints.
pub(super) fn version(text: &str) -> Option<u32> {
    let word = text.split_whitespace().nth(1)?;
    word.split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn version_case(check: Check<'_>, text: Result<&str, &str>) -> Case {
    let text = match text {
        Ok(text) => text,
        Err(why) => return check.not_made(why),
    };
    match version(text) {
        Some(version) if version >= OLDEST => {
            let mut notes = vec![format!("version {version}")];
            let since = SINCE.iter().filter(|(since, _)| version >= *since);
            notes.extend(since.map(|(since, what)| format!("{what} (since {since})")));
            if version < UNIFIED {
                notes.push("is given SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 for an old guest, in tests and in `units`".to_owned());
            }
            check.fine(notes.join("; "))
        }
        Some(version) => check.finding(
            &format!("version {version}"),
            "private users by idmapped mounts exist since 249; before, every owner in the tree is changed",
            "use Debian 12 or newer on the host",
        ),
        None => check.not_made(&format!("its version can't be read: {}", text.trim().escape_debug())),
    }
}

async fn run(folder: &Path, toolbox: &Toolbox) -> Result<Ran, String> {
    let here = folder.join("preflight");
    let made = || -> io::Result<()> {
        fs::create_dir_all(here.join("bound"))?;
        fs::create_dir_all(here.join("tree/usr"))?;
        Program::Runs.write(&here.join("tree/probe"))
    };
    made().map_err(|error| format!("{}: {error}", here.display()))?;
    let maps = ["--private-users=pick", "--private-users-ownership=map"];
    let mapped = attempt(&here, &maps, toolbox).await;
    let (mut plain, mut namespace) = (Ok(()), Ok(()));
    if mapped.is_err() {
        plain = attempt(&here, &[], toolbox).await;
        let call = ToolCall::new("unshare").args(["--user", "--map-root-user", "true"]);
        namespace = toolbox
            .run(&call)
            .await
            .map(drop)
            .map_err(|error| chain(&error));
    }
    fs::remove_dir_all(&here).map_err(|error| format!("{}: {error}", here.display()))?;
    Ok(Ran {
        mapped,
        plain,
        namespace,
    })
}

async fn attempt(here: &Path, users: &[&str], toolbox: &Toolbox) -> Result<(), String> {
    let call = nspawn(&here.join("tree"), &here.join("bound"), None)
        .args([
            "--register=no",
            "--private-network",
            "--machine=mv-preflight",
        ])
        .args(users)
        .args(["--pipe", "/probe"]);
    match toolbox.run_to_exit(&call).await {
        Ok((ToolExit::Code(RAN), _)) => Ok(()),
        Ok((exit, output)) => Err(format!(
            "{exit}: {}",
            output.stderr.trim().replace('\n', " ")
        )),
        Err(error) => Err(chain(&error)),
    }
}

fn decide([users, mounts]: [Check<'_>; 2], ran: &Ran) -> [Case; 2] {
    if ran.mapped.is_ok() {
        return [
            users.fine("systemd-nspawn ran a program with private users"),
            mounts.fine("systemd-nspawn mapped owners on the trees' own file system"),
        ];
    }
    let mapped = ran.mapped.as_ref().err().map_or("", String::as_str);
    let unknown = "systemd-nspawn runs nothing here, with or without private users";
    match (&ran.namespace, &ran.plain) {
        (Err(why), _) => [
            users.finding(
                why,
                "without them the guest's shutdown scripts reach the host's mounts and can turn them read-only",
                "sysctl -w user.max_user_namespaces=65536, and in a container let it make namespaces",
            ),
            mounts.not_made("there are no user namespaces to map owners for"),
        ],
        (Ok(()), Err(why)) => [
            users.finding(
                &format!("{unknown}: {why}"),
                "no guest can be built or booted",
                "mend what it names; in a container it needs CAP_SYS_ADMIN and a writable /sys/fs/cgroup",
            ),
            mounts.not_made(unknown),
        ],
        (Ok(()), Ok(())) => [
            users.fine("one was made"),
            mounts.finding(
                mapped,
                "every owner in the tree would have to be changed, which is not the tree that was verified",
                "put /var/lib/migrate-verify and the production tree on ext4, xfs or btrfs, with Linux 5.12 (btrfs: 5.15) or newer",
            ),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn each_version_says_what_it_needs() {
        let of = |version: u32| {
            version_case(
                host_check("x"),
                Ok(&format!("systemd {version} ({version}.39-1)\n+PAM")),
            )
        };
        assert_eq!(of(247).outcome, Outcome::Broken);
        insta::assert_snapshot!(
            [249, 252, 256, 258].map(|version| of(version).reason).join("\n"), @r"
        version 249; is given SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 for an old guest, in tests and in `units`
        version 252; knows idmapped binds (:idmap) (since 250); is given SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 for an old guest, in tests and in `units`
        version 256; knows idmapped binds (:idmap) (since 250); knows SYSTEMD_NSPAWN_CHECK_OS_RELEASE and SYSTEMD_NSPAWN_NETWORK_MAC (since 255); its networkd forwards per link: the uplink needs IPv4Forwarding=yes in networkd.conf (since 256); is given SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 for an old guest, in tests and in `units`
        version 258; knows idmapped binds (:idmap) (since 250); knows SYSTEMD_NSPAWN_CHECK_OS_RELEASE and SYSTEMD_NSPAWN_NETWORK_MAC (since 255); its networkd forwards per link: the uplink needs IPv4Forwarding=yes in networkd.conf (since 256); has no control groups of version 1 (since 258)
        ");
        for odd in [Ok("nothing"), Ok("systemd x"), Err("it is not installed")] {
            assert_eq!(version_case(host_check("x"), odd).outcome, Outcome::NotRun);
        }
    }

    #[test]
    fn what_fails_is_told_apart_from_what_can_not_be_tried() {
        let no = || Err("no".to_owned());
        let outcomes = |mapped, plain, namespace| {
            let ran = Ran {
                mapped,
                plain,
                namespace,
            };
            decide([host_check("u"), host_check("m")], &ran).map(|case| case.outcome)
        };
        let (same, broken, not_run) = (Outcome::Same, Outcome::Broken, Outcome::NotRun);
        assert_eq!(
            outcomes(Ok(()), Ok(()), Ok(())),
            [same.clone(), same.clone()]
        );
        assert_eq!(outcomes(no(), Ok(()), Ok(())), [same, broken.clone()]);
        assert_eq!(
            outcomes(no(), Ok(()), no()),
            [broken.clone(), not_run.clone()]
        );
        assert_eq!(outcomes(no(), no(), Ok(())), [broken, not_run]);
    }

    #[tokio::test]
    async fn privileged_a_program_is_really_run_with_private_users() {
        // Not below /tmp, which systemd-nspawn is not shown.
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let toolbox = Toolbox::new(vec![
            "/usr/sbin".into(),
            "/usr/bin".into(),
            "/sbin".into(),
            "/bin".into(),
        ]);
        let ran = run(folder.path(), &toolbox).await.unwrap();
        assert_eq!(ran.mapped, Ok(()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
