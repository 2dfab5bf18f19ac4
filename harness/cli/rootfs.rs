//! `rootfs`.

use migrate_verify::outcome::Verdict;

use super::{arguments::RootfsCommand, context::Context, failure::Failure};

/// Works on root file systems.
pub(crate) async fn rootfs(
    _context: &Context,
    _command: RootfsCommand,
) -> Result<Verdict, Failure> {
    Err(Failure::usage("not built yet"))
}
