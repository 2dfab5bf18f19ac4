//! vsyscall: a libc older than glibc 2.14 calls fixed addresses on x86-64; without them every program of the guest dies.
//!
//! What the kernel offers stands in `/proc/self/maps`: no `[vsyscall]` line is `none`, `--xp` is `xonly`, `r-xp` is
//! `emulate` (the kernel's `vsyscall=` parameter). `xonly` is enough.

use std::{fs, io};

/// What the kernel offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VsyscallMode {
    /// Nothing: an old libc is killed with SIGSEGV.
    None,
    /// Calls are emulated, the page can't be read.
    Xonly,
    /// Calls are emulated, the page can be read.
    Emulate,
}

/// Returns what the kernel offers this process.
pub fn vsyscall_mode() -> io::Result<VsyscallMode> {
    fs::read_to_string("/proc/self/maps").map(|maps| mode_of(&maps))
}

fn mode_of(maps: &str) -> VsyscallMode {
    let line = maps.lines().find(|line| line.ends_with("[vsyscall]"));
    match line.and_then(|line| line.split_whitespace().nth(1)) {
        None => VsyscallMode::None,
        Some(permissions) if permissions.starts_with('r') => VsyscallMode::Emulate,
        Some(_) => VsyscallMode::Xonly,
    }
}

/// Tells whether a guest needs vsyscall: its `/sbin/init` is for x86-64 (ELF, `e_machine` 62) and its libc is older than 2.14.
pub fn needs_vsyscall(init: &[u8], libc_version: Option<&str>) -> bool {
    let machine = init
        .get(18..20)
        .map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let is_x86_64 = init.starts_with(b"\x7fELF") && machine == Some(62);
    // A version that can't be read is an old one: the check must not be left out by mistake.
    is_x86_64
        && libc_version
            .and_then(parse)
            .is_none_or(|version| version < (2, 14))
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version
        .split(|c: char| !c.is_ascii_digit())
        .map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_read_from_the_maps_of_a_process() {
        let line = |permissions| {
            format!(
                "ffffffffff600000-ffffffffff601000 {permissions} 00000000 00:00 0                  [vsyscall]\n"
            )
        };
        assert_eq!(mode_of(&line("--xp")), VsyscallMode::Xonly);
        assert_eq!(mode_of(&line("r-xp")), VsyscallMode::Emulate);
        assert_eq!(
            mode_of("7ffd-7ffe r-xp 0 0:0 0 [vdso]\n"),
            VsyscallMode::None
        );
    }

    #[test]
    fn only_an_old_libc_on_x86_64_needs_it() {
        let mut init = vec![0; 64];
        init[..4].copy_from_slice(b"\x7fELF");
        init[18] = 62;
        let table = [
            (Some("2.7-18lenny7"), true),
            (Some("2.13-38"), true),
            (Some("2.36-9+deb12u14"), false),
            (Some("odd"), true),
            (None, true),
        ];
        for (version, needed) in table {
            assert_eq!(needs_vsyscall(&init, version), needed, "{version:?}");
        }
        init[18] = 3;
        assert!(!needs_vsyscall(&init, Some("2.7-18lenny7")));
    }
}
