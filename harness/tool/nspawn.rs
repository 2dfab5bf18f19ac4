//! systemd-nspawn, started so that nothing of it stays on the host however it ends.

use std::path::Path;

use super::call::ToolCall;

/// What every call of systemd-nspawn has, in builds, in tests and in production: no file beside the tree changes it, and it
/// writes nothing into the tree itself.
pub const NSPAWN_ARGUMENTS: [&str; 6] = [
    "--quiet",
    "--settings=no",
    "--keep-unit",
    "--resolv-conf=off",
    "--timezone=off",
    "--link-journal=no",
];

/// Versions before 257 give a guest without systemd the old control groups, which new hosts don't have.
pub const NSPAWN_ENVIRONMENT: (&str, &str) = ("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");

/// What systemd-nspawn would leave behind if it were killed (below /tmp and /run/systemd/nspawn) is hidden in a mount
/// namespace of its own; the tree is bound where that does not hide it. Arguments: the tree, where it is bound, the program.
const PRIVATE_MOUNTS: &str = "\
mount --bind \"$1\" \"$2\"; \
mkdir -p /run/systemd/nspawn; mount -t tmpfs -o mode=755 migrate-verify /run/systemd/nspawn; \
mount -t tmpfs -o mode=1777,size=75% migrate-verify /tmp; \
shift 2; exec \"$@\"";

/// Returns the beginning of every call of systemd-nspawn: on `tree`, which is seen at `bound`, an empty folder that is not
/// below /tmp. Paths that are bound into the guest must not be below /tmp either. The tree is looked for in the mount
/// namespace that `namespace` names, by default in this process's own.
pub fn nspawn(tree: &Path, bound: &Path, namespace: Option<&Path>) -> ToolCall {
    let call = match namespace {
        None => ToolCall::new("unshare"),
        Some(namespace) => ToolCall::new("nsenter")
            .arg(format!("--mount={}", namespace.display()))
            .arg("unshare"),
    };
    call.args(["--mount", "--propagation", "slave"])
        .args(["sh", "-ec", PRIVATE_MOUNTS, "sh"])
        .args([tree, bound])
        .arg("systemd-nspawn")
        .args(NSPAWN_ARGUMENTS)
        .arg(format!("--directory={}", bound.display()))
        .env(NSPAWN_ENVIRONMENT.0, NSPAWN_ENVIRONMENT.1)
}
