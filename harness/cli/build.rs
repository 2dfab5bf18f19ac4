//! `rootfs build` and `rootfs verify`: one build for use, two for comparison.

use std::{fs, path::Path};

use migrate_verify::{
    outcome::Verdict,
    recipe,
    rootfs::Profile,
    verification::{self, Plan, build_one},
};

use super::{
    arguments::{VaryArguments, VerifyArguments},
    context::Context,
    failure::Failure,
    output,
};

/// Builds the rootfs at `target`.
pub(super) async fn build(context: &Context, target: &Path) -> Result<Verdict, Failure> {
    if target.exists() {
        return Err(Failure::usage(format!(
            "{} exists: a rootfs is never built over something else",
            target.display()
        )));
    }
    let plan = context.plan(context.project()?)?;
    let inputs = recipe::prepare(&plan.project, &plan.store()).await?;
    // A tree under its final name is a finished one.
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".migrate-verify-partial");
    let partial = target.with_file_name(name);
    let failed = |error: std::io::Error| Failure::inconclusive(&error);
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(failed)?;
    }
    let built = build_one(&plan, &inputs, "first", &partial).await;
    if built.is_err() && partial.exists() {
        fs::remove_dir_all(&partial).map_err(failed)?;
    }
    let built = built?;
    recipe::rename_durably(&partial, target).map_err(failed)?;
    let digest = built.listing.digest(Profile::Strict).to_string();
    if context.json() {
        let steps: Vec<_> = built
            .steps
            .iter()
            .map(|step| serde_json::json!({ "name": step.name, "done": step.done }))
            .collect();
        output::json(&serde_json::json!({
            "schema_version": 1, "digest": digest, "profile": "strict",
            "entries": built.listing.entries.len(), "bytes": built.listing.bytes(), "steps": steps,
        }));
        return Ok(Verdict::Verified);
    }
    if context.global.verbose {
        for line in built.log() {
            output::line(&line);
        }
    }
    output::line(&format!(
        "{digest} {} entries, {} bytes, at {}",
        built.listing.entries.len(),
        built.listing.bytes(),
        target.display()
    ));
    Ok(Verdict::Verified)
}

/// Builds twice and compares.
pub(super) async fn verify(
    context: &Context,
    arguments: VerifyArguments,
) -> Result<Verdict, Failure> {
    let mut plan = context.plan(context.project()?)?;
    vary(&mut plan, arguments.vary);
    plan.comparison.rounds = arguments.rounds;
    plan.comparison.find_cause = arguments.find_cause;
    let (verified, _built) = verification::verify_rootfs(&plan).await;
    output::report(context, &verified.report, false);
    Ok(verified.report.verdict())
}

/// Puts what the command line says of variations into the plan.
pub(super) fn vary(plan: &mut Plan, arguments: VaryArguments) {
    plan.comparison.selection = arguments.vary;
    if let Some(seed) = arguments.seed {
        plan.comparison.seed = seed;
    }
}
