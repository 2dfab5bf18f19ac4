//! vsyscall: a libc older than glibc 2.14 calls fixed addresses on x86-64; without them every program of the guest dies.
//!
//! What the kernel offers stands in `/proc/self/maps`: no `[vsyscall]` line is `none`, `--xp` is `xonly`, `r-xp` is
//! `emulate` (the kernel's `vsyscall=` parameter). `xonly` is enough. Whether a call really comes back is found out by a
//! process that makes one: a seccomp filter may refuse what the map shows.

use std::{fs, io, path::Path};

use super::{
    finding::Check,
    guest::{Guest, Libc},
    program::Program,
};
use crate::{
    outcome::Case,
    tool::{ToolCall, ToolError, ToolExit, Toolbox},
};

/// What the kernel's map of a process offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nothing: an old libc is killed with SIGSEGV.
    None,
    /// Calls are emulated, the page can't be read.
    Xonly,
    /// Calls are emulated, the page can be read.
    Emulate,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// It told the time.
    Works,
    /// It came back without the time, or not at all.
    Fails(String),
    /// Nobody could call.
    NotTried(String),
}

/// What this host does with vsyscall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vsyscall {
    /// The map.
    pub(super) mode: Mode,
    /// The call.
    pub(super) called: Called,
}

/// Looks at the map and calls, in a process of its own; `folder` is for the program that calls.
pub(super) async fn probe(folder: &Path, toolbox: &Toolbox) -> io::Result<Vsyscall> {
    let mode = mode_of(&fs::read_to_string("/proc/self/maps")?);
    let called = call(folder, toolbox)
        .await
        .map_or_else(Called::NotTried, what_came);
    Ok(Vsyscall { mode, called })
}

/// Reads how [`Program::CallsVsyscall`] ended.
fn what_came(exit: ToolExit) -> Called {
    match exit {
        ToolExit::Code(0) => Called::Works,
        ToolExit::Code(1) => Called::Fails("a call is refused".to_owned()),
        ToolExit::Code(_) | ToolExit::Signal(_) => {
            Called::Fails(format!("a process that calls it ends with {exit}"))
        }
    }
}

async fn call(folder: &Path, toolbox: &Toolbox) -> Result<ToolExit, String> {
    if !cfg!(target_arch = "x86_64") {
        return Err("this host is not x86-64".to_owned());
    }
    let path = folder.join("calls-vsyscall");
    let failed = |error: &dyn std::fmt::Display| format!("a program that calls: {error}");
    Program::CallsVsyscall
        .write(&path)
        .map_err(|error| failed(&error))?;
    let ended = toolbox
        .run_to_exit(&ToolCall::new(path.display().to_string()))
        .await;
    let _removed = fs::remove_file(&path);
    ended
        .map(|(exit, _)| exit)
        .map_err(|error: ToolError| failed(&error))
}

fn mode_of(maps: &str) -> Mode {
    let line = maps.lines().find(|line| line.ends_with("[vsyscall]"));
    match line.and_then(|line| line.split_whitespace().nth(1)) {
        None => Mode::None,
        Some(permissions) if permissions.starts_with('r') => Mode::Emulate,
        Some(_) => Mode::Xonly,
    }
}

/// Decides for a guest.
pub(super) fn decide(check: Check<'_>, seen: &Vsyscall, guest: Option<&Guest>) -> Case {
    let offered = match seen.mode {
        Mode::None => "the kernel's map has none",
        Mode::Xonly => "the kernel's map says xonly",
        Mode::Emulate => "the kernel's map says emulate (xonly would be enough, and safer)",
    };
    let libc = guest.map(Guest::needs_vsyscall);
    match (&seen.called, libc) {
        (Called::Works, _) => check.fine(format!("{offered}, and a call tells the time: enough for any guest")),
        (_, Some(Libc::New(why))) => check.does_not_apply(&why),
        (Called::Fails(how), Some(Libc::Old(why))) => check.finding(
            &format!("{offered}; {how}"),
            &format!("{why}: every program of it would be killed"),
            "boot the host with vsyscall=xonly, and a kernel that has CONFIG_X86_VSYSCALL_EMULATION; in a container, let its seccomp filter pass time, gettimeofday and getcpu",
        ),
        (Called::Fails(how), None) => check.not_made(&format!(
            "{offered}; {how}: enough only for a guest whose libc is 2.14 or newer, and its tree is not known here (--rootfs DIR)"
        )),
        (Called::NotTried(why), _) => check.not_made(&format!("{offered}, but no call was made: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::Outcome, tool::nspawn};

    #[test]
    fn the_mode_is_read_from_the_maps_of_a_process() {
        let line = |permissions| {
            format!(
                "ffffffffff600000-ffffffffff601000 {permissions} 00000000 00:00 0                  [vsyscall]\n"
            )
        };
        assert_eq!(mode_of(&line("--xp")), Mode::Xonly);
        assert_eq!(mode_of(&line("r-xp")), Mode::Emulate);
        assert_eq!(mode_of("7ffd-7ffe r-xp 0 0:0 0 [vdso]\n"), Mode::None);
    }

    #[test]
    fn what_a_call_does_counts_and_only_for_a_guest_that_makes_it() {
        let lenny = Guest::example(62, Some("2.7-18lenny7"));
        let squeeze = Guest::example(62, Some("2.13-38"));
        let bookworm = Guest::example(62, Some("2.36-9+deb12u14"));
        let unknown = Guest::example(62, None);
        let i386 = Guest::example(3, Some("2.7-18lenny7"));
        let fails = Called::Fails("a process that calls it ends with signal 11".to_owned());
        let not_tried = Called::NotTried("no room".to_owned());
        let table = [
            (Mode::Xonly, &Called::Works, Some(&lenny), Outcome::Same),
            (Mode::None, &fails, Some(&lenny), Outcome::Broken),
            (Mode::None, &fails, Some(&squeeze), Outcome::Broken),
            // A version that can't be read is an old one: the check must not be left out by mistake.
            (Mode::None, &fails, Some(&unknown), Outcome::Broken),
            (Mode::None, &fails, Some(&bookworm), Outcome::Same),
            (Mode::None, &fails, Some(&i386), Outcome::Same),
            (Mode::None, &fails, None, Outcome::NotRun),
            // The map promises what a filter refuses.
            (Mode::Xonly, &fails, Some(&lenny), Outcome::Broken),
            (Mode::Emulate, &fails, None, Outcome::NotRun),
            (Mode::Xonly, &not_tried, Some(&lenny), Outcome::NotRun),
            (Mode::Xonly, &not_tried, Some(&bookworm), Outcome::Same),
        ];
        for (mode, called, guest, expected) in table {
            let seen = Vsyscall {
                mode,
                called: called.clone(),
            };
            let check = Check {
                stage: "build",
                name: "vsyscall",
            };
            let case = decide(check, &seen, guest);
            assert_eq!(case.outcome, expected, "{seen:?} {guest:?}: {case:?}");
        }
    }

    #[tokio::test]
    async fn a_call_is_really_made() {
        let folder = tempfile::tempdir().unwrap();
        let toolbox = Toolbox::new(vec!["/usr/bin".into(), "/bin".into()]);
        let seen = probe(folder.path(), &toolbox).await.unwrap();
        // Whatever this kernel does, map and call agree, where nothing filters.
        assert_eq!(
            seen.mode == Mode::None,
            seen.called != Called::Works,
            "{seen:?}"
        );
        assert!(!matches!(seen.called, Called::NotTried(_)), "{seen:?}");
    }

    #[tokio::test]
    async fn privileged_a_call_that_a_seccomp_filter_refuses_fails_though_the_map_offers_it() {
        // Not below /tmp, which systemd-nspawn is not shown.
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let (tree, bound) = (folder.path().join("tree"), folder.path().join("bound"));
        fs::create_dir_all(tree.join("usr")).unwrap();
        fs::create_dir_all(&bound).unwrap();
        Program::CallsVsyscall.write(&tree.join("probe")).unwrap();
        let toolbox = Toolbox::new(
            ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
                .map(Into::into)
                .into(),
        );
        let call = |filter: &str| {
            nspawn(&tree, &bound, None)
                .args([
                    "--register=no",
                    "--private-network",
                    "--machine=mv-vsyscall",
                    filter,
                ])
                .args(["--pipe", "/probe"])
        };
        let (passes, _) = toolbox
            .run_to_exit(&call("--system-call-filter=time"))
            .await
            .unwrap();
        let (refuses, _) = toolbox
            .run_to_exit(&call("--system-call-filter=~time"))
            .await
            .unwrap();
        let offers = mode_of(&fs::read_to_string("/proc/self/maps").unwrap()) != Mode::None;
        assert_eq!(what_came(passes) == Called::Works, offers);
        let called = what_came(refuses);
        assert!(matches!(called, Called::Fails(_)), "{called:?}");
        let check = Check {
            stage: "build",
            name: "vsyscall",
        };
        let lenny = Guest::example(62, Some("2.7-18lenny7"));
        let mode = Mode::Xonly;
        let case = decide(check, &Vsyscall { mode, called }, Some(&lenny));
        assert_eq!(case.outcome, Outcome::Broken);
    }
}
