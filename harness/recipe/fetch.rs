//! An image of a registry is copied once, by skopeo, into an OCI layout; every other image is used where it is.

use std::{fs, path::Path, time::Duration};

use super::{durable::rename_durably, error::RecipeError};
use crate::{
    digest::Sha256Digest,
    image::ImageReference,
    tool::{ToolCall, Toolbox},
};

/// A slow line and a large image; skopeo itself gives up on a dead connection.
const COPY_LIMIT: Duration = Duration::from_secs(1800);

/// Returns an image that can be opened: the same, or the copy of a registry's below `cache`.
///
/// A copy is made again for every call with `fresh`, because a tag may have moved; its digest is compared with the lock.
pub(super) async fn fetch_image(
    source: &str,
    relative_to: &Path,
    cache: &Path,
    fresh: bool,
    toolbox: &Toolbox,
) -> Result<ImageReference, RecipeError> {
    let failed = |source_error| RecipeError::Image {
        image: source.to_owned(),
        source: source_error,
    };
    let reference = ImageReference::parse(source).map_err(failed)?;
    let ImageReference::Registry { .. } = reference else {
        return Ok(reference.relative_to(relative_to));
    };
    let folder = cache
        .join("images")
        .join(Sha256Digest::of(source.as_bytes()).hex());
    if fresh || !folder.join("index.json").exists() {
        let copy = folder.with_extension("new");
        remove(&copy)?;
        fs::create_dir_all(&copy).map_err(RecipeError::file("create", &copy))?;
        let call = ToolCall::new("skopeo")
            .args(["copy", "--quiet", source])
            .arg(format!("oci:{}:image", copy.display()))
            .limit(COPY_LIMIT);
        toolbox
            .run(&call)
            .await
            .map_err(RecipeError::tool("fetch the image"))?;
        remove(&folder)?;
        rename_durably(&copy, &folder).map_err(RecipeError::file("rename", &copy))?;
    }
    ImageReference::parse(&format!("oci:{}:image", folder.display())).map_err(failed)
}

fn remove(folder: &Path) -> Result<(), RecipeError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(RecipeError::file("remove", folder))?;
    }
    Ok(())
}
