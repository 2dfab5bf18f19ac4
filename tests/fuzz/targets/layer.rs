//! Hostile layers: whatever the bytes are, reading them ends in a listing or in an error, within its budgets.
//!
//! The first byte says what the layer is packed with; the others are the blob. Its digests are right, where they can be, so
//! that nothing ends early.
#![no_main]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use libfuzzer_sys::fuzz_target;
use migrate_verify::{
    digest::Sha256Digest,
    image::{self, ImageReference},
    rootfs::{self, Budget},
};

/// Where the image is written, again and again.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap().keep();
    fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    folder
});

/// Writes a blob and returns its descriptor.
fn blob(folder: &Path, media_type: &str, bytes: &[u8]) -> (PathBuf, String) {
    let digest = Sha256Digest::of(bytes);
    let path = folder.join("blobs/sha256").join(digest.hex());
    fs::write(&path, bytes).unwrap();
    let size = bytes.len();
    let descriptor =
        format!(r#"{{"mediaType":"application/vnd.oci.image.{media_type}","digest":"{digest}","size":{size}}}"#);
    (path, descriptor)
}

fuzz_target!(|data: &[u8]| {
    let Some((&packing, bytes)) = data.split_first() else {
        return;
    };
    let packing = ["tar", "tar+gzip", "tar+zstd", "tar+xz"][usize::from(packing % 4)];
    let folder = FOLDER.as_path();
    let diff_id = Sha256Digest::of(bytes);
    let (layer_path, layer) = blob(folder, &format!("layer.v1.{packing}"), bytes);
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
    );
    let (config_path, config) = blob(folder, "config.v1+json", config.as_bytes());
    let manifest = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#);
    let (manifest_path, manifest) = blob(folder, "manifest.v1+json", manifest.as_bytes());
    fs::write(
        folder.join("index.json"),
        format!(r#"{{"schemaVersion":2,"manifests":[{manifest}]}}"#),
    )
    .unwrap();
    let reference = ImageReference::parse(&format!("oci:{}", folder.display())).unwrap();
    // A layer that is not packed as its media type says is refused before it is read.
    let image = image::open(&reference);
    let budget = Budget {
        bytes: 64 << 20,
        entries: 10_000,
        ..Budget::default()
    };
    if let Ok(image) = image
        && let Ok((listing, _)) = rootfs::stream(&image, &budget)
    {
        assert!(listing.entries.len() as u64 <= budget.entries * budget.depth);
        assert!(listing.bytes() <= budget.bytes);
    }
    for path in [layer_path, config_path, manifest_path] {
        fs::remove_file(path).unwrap();
    }
});
