//! `rootfs`: build, unpack, digest, diff, verify.

use std::{path::Path, sync::Arc};

use migrate_verify::{
    outcome::Verdict,
    progress::Observer,
    rootfs::{self, Budget, Finding, FindingKind, Profile},
};
use serde_json::json;

use super::{
    arguments::{ProfileName, RootfsCommand},
    build,
    context::Context,
    failure::Failure,
    output, rootfs_diff,
    rootfs_subject::{Subject, open, unpack_failure},
};

/// Works on root file systems.
pub(crate) async fn rootfs(context: &Context, command: RootfsCommand) -> Result<Verdict, Failure> {
    let json = context.json();
    let observer = Arc::clone(&context.observer);
    match command {
        RootfsCommand::Build { output } => build::build(context, &output).await,
        RootfsCommand::Verify(arguments) => build::verify(context, arguments).await,
        RootfsCommand::Unpack { image, directory } => {
            blocking(move || unpack(json, observer.as_ref(), &image, &directory)).await
        }
        RootfsCommand::Digest {
            tree_or_image,
            profile,
        } => blocking(move || digest(json, &tree_or_image, profile)).await,
        RootfsCommand::Diff { first, second } => {
            blocking(move || rootfs_diff::diff(json, &first, &second)).await
        }
    }
}

/// Keeps work that hashes and writes for seconds away from the tasks.
async fn blocking(
    work: impl FnOnce() -> Result<Verdict, Failure> + Send + 'static,
) -> Result<Verdict, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Failure::inconclusive(&error)),
    }
}

fn unpack(
    json: bool,
    observer: &dyn Observer,
    image: &str,
    directory: &Path,
) -> Result<Verdict, Failure> {
    let image = open(image)?;
    let unpacked = rootfs::unpack(&image, directory, &Budget::default(), observer)
        .map_err(|error| unpack_failure(&error))?;
    let digest = unpacked.listing.digest(Profile::Strict);
    let entries = unpacked.listing.entries.len();
    if json {
        let findings: Vec<String> = unpacked.findings.iter().map(ToString::to_string).collect();
        output::json(&json!({
            "schema_version": 1,
            "digest": digest.to_string(),
            "profile": Profile::Strict.as_str(),
            "entries": entries,
            "bytes": unpacked.listing.bytes(),
            "findings": findings,
        }));
    } else {
        output::line(&digest.to_string());
        output::line(&format!(
            "{entries} entries, {} bytes in {}",
            unpacked.listing.bytes(),
            directory.display()
        ));
        for finding in &unpacked.findings {
            output::line(&format!("finding: {finding}"));
        }
    }
    let kept = |finding: &Finding| !matches!(finding.kind, FindingKind::NotKept { .. });
    // A tree that lacks something of its image must not pass for it.
    Ok(if unpacked.findings.iter().all(kept) {
        Verdict::Verified
    } else {
        Verdict::Inconclusive
    })
}

fn digest(json: bool, name: &str, profile: ProfileName) -> Result<Verdict, Failure> {
    let profile = match profile {
        ProfileName::Strict => Profile::Strict,
        ProfileName::Oci => Profile::Oci,
        ProfileName::Content => Profile::Content,
    };
    let subject = Subject::open(name)?;
    let listing = subject.list()?;
    let digest = listing.digest(profile);
    if json {
        output::json(&json!({
            "schema_version": 1,
            "digest": digest.to_string(),
            "profile": profile.as_str(),
            "entries": listing.entries.len(),
            "bytes": listing.bytes(),
        }));
    } else {
        output::line(&digest.to_string());
    }
    Ok(Verdict::Verified)
}
