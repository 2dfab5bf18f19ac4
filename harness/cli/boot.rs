//! `boot`.

use migrate_verify::outcome::Verdict;

use super::{arguments::BootArguments, context::Context, failure::Failure};

/// Boots the guest.
pub(crate) async fn boot(
    _context: &Context,
    _arguments: BootArguments,
) -> Result<Verdict, Failure> {
    Err(Failure::usage("not built yet"))
}
