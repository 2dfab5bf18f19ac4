//! Stacks of layers: the tree on disk is the model's, and nothing outside it is touched.
//!
//! Every member is four bytes: what it is, where, what it is called or what it hides, and where it points to. Few names and
//! few kinds, so that members meet: whiteouts, opaque directories, links through links, files for directories.
#![no_main]

#[path = "../../it/env/image_builder.rs"]
#[expect(dead_code, reason = "the tests of the package use the rest")]
mod image_builder;

use std::{fs, path::PathBuf, sync::LazyLock};

use image_builder::{ImageBuilder, Packing, TarMember, tar};
use libfuzzer_sys::fuzz_target;
use migrate_verify::{
    image::{self, ImageReference},
    progress::Silent,
    rootfs::{self, Budget, FindingKind, Profile},
};

/// Names of directories that members lie in.
const FOLDERS: [&str; 8] = ["", "a/", "b/", "a/b/", "c/", "./", "a/c/d/", "link/"];
/// Last names; the first ones are whiteouts.
const NAMES: [&str; 12] = [
    ".wh.a", ".wh.b", ".wh..wh..opq", ".wh.link", ".wh.", ".wh..wh.plnk", "a", "b", "c", "d", "link", "",
];
/// Targets of links.
const TARGETS: [&str; 12] = [
    "a", "b", "c", "a/b", "../a", "/", "../../../../canary", "link", "a/../../canary", ".", "/canary", "c/d",
];

/// Where images and trees are made, beside a canary.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap().keep();
    fs::create_dir(folder.join("canary")).unwrap();
    fs::write(folder.join("canary/bird"), "alive").unwrap();
    folder
});

fn member(bytes: &[u8; 4]) -> TarMember {
    let pick = |table: &[&'static str], byte: u8| table[usize::from(byte) % table.len()];
    let path = format!("{}{}", pick(&FOLDERS, bytes[1]), pick(&NAMES, bytes[2]));
    let target = pick(&TARGETS, bytes[3]);
    let mut member = match bytes[0] % 8 {
        0 | 1 => TarMember::directory(path),
        2 => TarMember::symlink(path, target),
        3 => TarMember::hard_link(path, target),
        4 => TarMember::new(b'6', path),
        _ => TarMember::file(path, target),
    };
    member.mode = u32::from(bytes[3]) << 4 & 0o7777;
    member
}

fuzz_target!(|data: &[u8]| {
    if data.len() > 400 {
        return;
    }
    let mut layers = vec![Vec::new()];
    for bytes in data.chunks_exact(4) {
        let bytes: &[u8; 4] = bytes.try_into().expect("chunks of four");
        if bytes[0] == 0xff && layers.len() < 6 {
            layers.push(Vec::new());
        } else {
            layers.last_mut().expect("it is never empty").push(member(bytes));
        }
    }
    let mut builder = ImageBuilder::new();
    for layer in &layers {
        builder = builder.raw_layer(tar(layer), Packing::Tar);
    }
    let folder = FOLDER.as_path();
    let (layout, target) = (folder.join("image"), folder.join("tree"));
    let reference = ImageReference::parse(&builder.write(&layout)).unwrap();
    let image = image::open(&reference).expect("the documents are well-formed");
    let budget = Budget::default();
    let before = rootfs::walk(&folder.join("canary")).unwrap();
    let streamed = rootfs::stream(&image, &budget);
    let unpacked = rootfs::unpack(&image, &target, &budget, &Silent);
    match (streamed, unpacked) {
        (Ok((listing, findings)), Ok(unpacked)) => {
            assert_eq!(listing, unpacked.listing);
            assert_eq!(findings, unpacked.findings);
            let kept = |kind: &FindingKind| !matches!(kind, FindingKind::NotKept { .. });
            assert!(unpacked.findings.iter().all(|finding| kept(&finding.kind)));
            let walked = rootfs::walk(&target).unwrap();
            assert_eq!(walked.digest(Profile::Strict), listing.digest(Profile::Strict));
            fs::remove_dir_all(&target).unwrap();
        }
        (Err(streamed), Err(unpacked)) => {
            assert_eq!(streamed.to_string(), unpacked.to_string());
            assert!(!target.exists());
        }
        (streamed, unpacked) => panic!("{streamed:?} and {unpacked:?}"),
    }
    fs::remove_dir_all(&layout).unwrap();
    let names = fs::read_dir(folder).unwrap().count();
    assert_eq!(names, 1, "something was left beside the canary");
    assert_eq!(rootfs::walk(&folder.join("canary")).unwrap(), before);
});
