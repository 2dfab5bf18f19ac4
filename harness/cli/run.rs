//! `run`.

use migrate_verify::outcome::Verdict;

use super::{context::Context, failure::Failure};

/// Runs everything.
pub(crate) async fn run(_context: &Context) -> Result<Verdict, Failure> {
    Err(Failure::usage("not built yet"))
}
