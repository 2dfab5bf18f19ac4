//! `report`.

use migrate_verify::outcome::Verdict;

use super::{arguments::ReportArguments, context::Context, failure::Failure};

/// Renders a run again.
pub(crate) fn report(_context: &Context, _arguments: &ReportArguments) -> Result<Verdict, Failure> {
    Err(Failure::usage("not built yet"))
}
