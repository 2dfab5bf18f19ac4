//! `doctor`.

use migrate_verify::outcome::Verdict;

use super::{context::Context, failure::Failure};

/// Checks the host.
pub(crate) async fn doctor(_context: &Context) -> Result<Verdict, Failure> {
    Err(Failure::usage("not built yet"))
}
