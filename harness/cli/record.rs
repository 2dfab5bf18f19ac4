//! `record`.

use migrate_verify::outcome::Verdict;

use super::{arguments::RecordArguments, context::Context, failure::Failure};

/// Records the old server's answers.
pub(crate) async fn record(
    _context: &Context,
    _arguments: RecordArguments,
) -> Result<Verdict, Failure> {
    Err(Failure::usage("not built yet"))
}
