//! `lock`: the image's digest and the packages as they are now.

use migrate_verify::{outcome::Verdict, recipe};

use super::{context::Context, failure::Failure, output};

/// Writes `migrate-verify.lock`.
pub(crate) async fn lock(context: &Context) -> Result<Verdict, Failure> {
    let plan = context.plan(context.project()?)?;
    let inputs = recipe::lock(&plan.project, &plan.store()).await?;
    let (image, packages) = (&inputs.lock.image, inputs.lock.locked.len());
    if context.json() {
        output::json(&serde_json::json!({
            "schema_version": 1, "image": image.source, "digest": image.digest, "packages": packages,
        }));
    } else {
        output::line(&format!(
            "locked {} {} and {packages} packages",
            image.source, image.digest
        ));
    }
    Ok(Verdict::Verified)
}
