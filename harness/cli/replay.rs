//! `replay`.

use migrate_verify::outcome::Verdict;

use super::{arguments::ReplayArguments, context::Context, failure::Failure};

/// Compares a candidate's answers.
pub(crate) async fn replay(
    _context: &Context,
    _arguments: ReplayArguments,
) -> Result<Verdict, Failure> {
    Err(Failure::usage("not built yet"))
}
