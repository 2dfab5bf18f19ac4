//! `clean`: what killed runs left behind.

use migrate_verify::{outcome::Verdict, workspace::remove_dead};

use super::{context::Context, failure::Failure, output};

/// Removes what dead runs left, and says what that was.
pub(crate) fn clean(context: &Context) -> Result<Verdict, Failure> {
    let (removed, alive) = remove_dead(Context::state_folder())
        .map_err(|error| Failure::inconclusive(&error).hint("run it with sudo"))?;
    if context.json() {
        let removed: Vec<_> = removed
            .iter()
            .map(|one| serde_json::json!({ "run": one.run, "what": one.what }))
            .collect();
        output::json(
            &serde_json::json!({ "schema_version": 1, "removed": removed, "alive": alive }),
        );
        return Ok(Verdict::Verified);
    }
    for one in &removed {
        output::line(&format!("{}: removed {}", one.run, one.what));
    }
    for run in &alive {
        output::line(&format!("{run}: alive, not touched"));
    }
    if removed.is_empty() {
        output::line("nothing was left behind");
    }
    Ok(Verdict::Verified)
}
