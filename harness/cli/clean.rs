//! `clean`.

use migrate_verify::outcome::Verdict;

use super::{context::Context, failure::Failure};

/// Removes what a killed run left.
pub(crate) fn clean(_context: &Context) -> Result<Verdict, Failure> {
    Err(Failure::usage("not built yet"))
}
