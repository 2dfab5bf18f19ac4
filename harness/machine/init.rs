//! How far sysvinit is, by what its processes are called.

use std::{fs, io::Read};

/// A longer command line is no rc script's.
const LONGEST_TITLE: u64 = 4096;

/// Returns the runlevel that sysvinit shows in its title, `init [2]`; nothing while it boots.
pub(super) fn runlevel(leader: u32) -> Option<String> {
    let title = bounded(&format!("/proc/{leader}/cmdline"))?;
    let title = str::from_utf8(&title).ok()?.trim_end_matches(['\0', ' ']);
    let level = title.strip_prefix("init [")?.strip_suffix(']')?;
    level
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| level.to_owned())
}

/// Tells whether a child of init still runs rc scripts.
pub(super) fn rc_runs(leader: u32) -> bool {
    let children =
        fs::read_to_string(format!("/proc/{leader}/task/{leader}/children")).unwrap_or_default();
    children.split_whitespace().any(|child| {
        bounded(&format!("/proc/{child}/cmdline")).is_some_and(|line| {
            line.split(|&byte| byte == 0)
                .any(|word| word == b"/etc/init.d/rc" || word == b"/etc/init.d/rcS")
        })
    })
}

/// Reads the beginning of a file that the guest decides on: a process may make its command line as long as it likes.
fn bounded(path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).ok()?;
    file.take(LONGEST_TITLE).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
