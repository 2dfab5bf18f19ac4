//! `lock`.

use migrate_verify::outcome::Verdict;

use super::{context::Context, failure::Failure};

/// Resolves image and packages.
pub(crate) async fn lock(_context: &Context) -> Result<Verdict, Failure> {
    Err(Failure::usage("not built yet"))
}
