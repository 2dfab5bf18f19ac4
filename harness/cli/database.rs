//! `database`.

use migrate_verify::outcome::Verdict;

use super::{arguments::DatabaseCommand, context::Context, failure::Failure};

/// Works on databases.
pub(crate) async fn database(
    _context: &Context,
    _command: DatabaseCommand,
) -> Result<Verdict, Failure> {
    Err(Failure::usage("not built yet"))
}
