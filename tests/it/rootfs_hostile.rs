//! Hostile images: nothing outside the target is read, written, changed or removed, and nothing is left behind on an error.
//!
//! Each test stands for an advisory against a tool that got it wrong.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use migrate_verify::{
    digest::Sha256Digest,
    image::{self, ImageReference},
    outcome::chain,
    progress::Silent,
    rootfs::{self, Budget, Finding, FindingKind, Listing, RootfsPath, Unpacked},
};

use crate::env::{ImageBuilder, Packing, TarMember, seal, tar};

/// A folder with something that must stay as it is, beside the place where trees are put.
pub(crate) struct Arena {
    folder: tempfile::TempDir,
    before: Listing,
}

impl Arena {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let canary = folder.path().join("canary");
        fs::create_dir(&canary).unwrap();
        fs::write(canary.join("file"), "untouched").unwrap();
        let before = rootfs::walk(&canary).unwrap();
        Self { folder, before }
    }

    pub(crate) fn canary(&self) -> PathBuf {
        self.folder.path().join("canary")
    }

    /// Returns a path of the canary as bytes: for names and link targets.
    fn canary_bytes(&self, name: &str) -> Vec<u8> {
        let path = self.canary().join(name);
        path.into_os_string().into_encoded_bytes()
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// Unpacks; whatever comes of it, the canary is untouched, and an error leaves nothing behind.
    pub(crate) fn unpack(&self, image: &ImageBuilder, budget: &Budget) -> Result<Unpacked, String> {
        let reference = image.write(&self.folder.path().join("image"));
        let reference = ImageReference::parse(&reference).unwrap();
        let result = match image::open(&reference) {
            Ok(image) => rootfs::unpack(&image, &self.target(), budget, &Silent)
                .map_err(|error| chain(&error)),
            Err(error) => Err(chain(&error)),
        };
        assert_eq!(rootfs::walk(&self.canary()).unwrap(), self.before);
        assert_eq!(self.target().exists(), result.is_ok());
        let names = fs::read_dir(self.folder.path()).unwrap().count();
        assert_eq!(names, if result.is_ok() { 3 } else { 2 });
        let temporary = self.folder.path().display().to_string();
        result.map_err(|message| message.replace(&temporary, "[ARENA]"))
    }

    pub(crate) fn error(&self, image: &ImageBuilder) -> String {
        self.unpack(image, &Budget::default()).unwrap_err()
    }

    pub(crate) fn findings(&self, image: &ImageBuilder) -> String {
        let unpacked = self.unpack(image, &Budget::default()).unwrap();
        // What only root can keep is not what these tests are about.
        let kept = |finding: &&Finding| !matches!(finding.kind, FindingKind::NotKept { .. });
        let findings = unpacked.findings.iter().filter(kept);
        let findings: Vec<String> = findings.map(ToString::to_string).collect();
        findings.join("\n")
    }
}

pub(crate) fn one_layer(members: &[TarMember]) -> ImageBuilder {
    ImageBuilder::new().layer(&[&[TarMember::directory("./")], members].concat())
}

#[test]
fn a_file_below_a_symlink_is_written_inside_the_tree() {
    // CVE-2026-46703: `escape -> /tmp`, then `escape/x`.
    let arena = Arena::new();
    let escape = TarMember::symlink("escape", arena.canary_bytes(""));
    let findings = arena.findings(&one_layer(&[
        escape,
        TarMember::file("escape/file", "evil"),
    ]));
    assert!(findings.contains("escape: has a symlink as a parent; followed inside the tree"));
    let inside = arena
        .target()
        .join(arena.canary().strip_prefix("/").unwrap());
    assert_eq!(fs::read(inside.join("file")).unwrap(), b"evil");
}

#[test]
fn a_relative_symlink_does_not_climb_over_the_root() {
    let arena = Arena::new();
    let escape = TarMember::symlink("escape", "../../../../canary");
    arena.findings(&one_layer(&[
        escape,
        TarMember::file("escape/file", "evil"),
    ]));
    assert_eq!(
        fs::read(arena.target().join("canary/file")).unwrap(),
        b"evil"
    );
}

#[test]
fn names_that_climb_are_refused() {
    for name in ["../canary/file", "a/../../canary/file", ".."] {
        let arena = Arena::new();
        let error = arena.error(&one_layer(&[TarMember::file(name, "evil")]));
        assert_eq!(
            error,
            format!("layer 1 has the name `{name}`: it has a `..`")
        );
    }
    let arena = Arena::new();
    let error = arena.error(&one_layer(&[TarMember::hard_link("a", "../canary/file")]));
    insta::assert_snapshot!(error, @"layer 1 has the name `../canary/file`: it has a `..`");
}

#[test]
fn a_whiteout_through_a_symlink_removes_nothing_outside() {
    for whiteout in ["escape/.wh.file", "escape/.wh..wh..opq"] {
        let arena = Arena::new();
        let escape = TarMember::symlink("escape", arena.canary_bytes(""));
        let image = one_layer(&[escape]).layer(&[TarMember::file(whiteout, "")]);
        arena.unpack(&image, &Budget::default()).unwrap();
    }
}

#[test]
fn a_whiteout_of_dots_is_refused() {
    for whiteout in ["a/.wh.", "a/.wh..", "a/.wh...", ".wh.a/b"] {
        let arena = Arena::new();
        let error = arena.error(&one_layer(&[TarMember::file(whiteout, "")]));
        assert!(error.contains("whiteout"), "{whiteout}: {error}");
    }
}

#[test]
fn a_hard_link_to_a_file_outside_finds_nothing() {
    let arena = Arena::new();
    let link = TarMember::hard_link("link", arena.canary_bytes("file"));
    let error = arena.error(&one_layer(&[link]));
    insta::assert_snapshot!(error, @"layer 1 has link, a hard link to what is not there");
}

#[test]
fn a_symlink_is_replaced_and_never_written_through() {
    // RUSTSEC-2018-0002 and CVE-2026-33056: write to, or chmod, what a link points to.
    let arena = Arena::new();
    let mut directory = TarMember::directory("folder");
    directory.mode = 0o777;
    let image = one_layer(&[
        TarMember::symlink("file", arena.canary_bytes("file")),
        TarMember::hard_link("second", "file"),
        TarMember::file("file", "evil"),
        TarMember::symlink("folder", arena.canary_bytes("")),
        directory,
    ]);
    let findings = arena.findings(&image);
    insta::assert_snapshot!(findings, @r"
    file: is in one layer twice; the later one holds
    folder: is in one layer twice; the later one holds
    ");
    let folder = fs::symlink_metadata(arena.target().join("folder")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o7777, 0o777);
}

#[test]
fn replacing_one_name_of_a_file_leaves_the_other() {
    let arena = Arena::new();
    let image = one_layer(&[TarMember::file("a", "old"), TarMember::hard_link("b", "a")])
        .layer(&[TarMember::file("a", "new and longer")]);
    arena.unpack(&image, &Budget::default()).unwrap();
    assert_eq!(fs::read(arena.target().join("b")).unwrap(), b"old");
}

#[test]
fn a_hard_link_to_what_the_same_layer_hides_gets_it() {
    for swapped in [false, true] {
        let arena = Arena::new();
        let mut upper = vec![TarMember::file(".wh.a", ""), TarMember::hard_link("b", "a")];
        if swapped {
            upper.reverse();
        }
        let image = one_layer(&[TarMember::file("a", "kept")]).layer(&upper);
        let unpacked = arena.unpack(&image, &Budget::default()).unwrap();
        assert_eq!(fs::read(arena.target().join("b")).unwrap(), b"kept");
        assert_eq!(unpacked.listing.entries.len(), 2);
    }
}

#[test]
fn the_root_can_only_be_a_directory() {
    // CVE-2021-29136: a symlink named `/.`, through which later layers go.
    for name in ["/.", "./", "."] {
        let arena = Arena::new();
        let root = TarMember::symlink(name, arena.canary_bytes(""));
        let error = arena.error(&ImageBuilder::new().layer(&[root]));
        assert_eq!(error, "layer 1 has ., which is no directory");
    }
}

#[test]
fn a_parent_that_is_a_file_is_refused_in_one_layer_and_replaced_over_a_lower_one() {
    let arena = Arena::new();
    let file = TarMember::file("a", "");
    let below = TarMember::file("a/b", "");
    let error = arena.error(&one_layer(&[file.clone(), below.clone()]));
    insta::assert_snapshot!(error, @"layer 1 has a, below a file of the same layer");
    let findings = arena.findings(&one_layer(&[file]).layer(&[below]));
    insta::assert_snapshot!(findings, @r"
    a: was a file of a lower layer and has entries below it; replaced by a directory
    a: has no entry of its own; made with mode 0755, owner 0:0 and time 0
    ");
}

#[test]
fn a_descriptor_is_checked_before_anything_is_read() {
    type Change = fn(String) -> String;
    // CVE-2024-3727: a digest as a path. image-spec #1285: a negative size.
    let table: [(Change, &str); 5] = [
        (
            |manifest| manifest.replace("sha256:", "sha256:../../../canary/"),
            "the manifest is malformed: Invalid encoded value ../../../canary/",
        ),
        (
            |manifest| manifest.replace("sha256:", "sha512:"),
            "malformed",
        ),
        (
            |manifest| manifest.replace("\"size\":", "\"size\":-"),
            "malformed",
        ),
        (
            |manifest| manifest.replace("\"size\":", "\"size\":9000000000000"),
            "more than the 8388608 allowed",
        ),
        (
            |manifest| manifest.replace(".layer.v1.tar+gzip", ".layer.v1.tar"),
            "is not of its media type",
        ),
    ];
    for (change, expected) in table {
        let arena = Arena::new();
        let image = one_layer(&[TarMember::file("a", "")]).with_manifest(change);
        let error = arena.error(&image);
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_manifest_that_could_be_an_index_is_refused() {
    // CVE-2021-41190.
    let arena = Arena::new();
    let image = one_layer(&[]).with_manifest(|manifest| {
        manifest.replacen(
            "\"schemaVersion\":2",
            "\"schemaVersion\":2,\"manifests\":[]",
            1,
        )
    });
    insta::assert_snapshot!(arena.error(&image), @"the manifest is not of its media type `application/vnd.oci.image.manifest.v1+json`: it has `manifests`");
}

#[test]
fn a_damaged_blob_is_named_by_its_digest() {
    for packing in Packing::ALL {
        let arena = Arena::new();
        let folder = arena.folder.path().join("image");
        let members = [TarMember::directory("./"), TarMember::file("a", [7; 5000])];
        let image = ImageBuilder::new().raw_layer(tar(&members), packing);
        let reference = image.write(&folder);
        let image = image::open(&ImageReference::parse(&reference).unwrap()).unwrap();
        let digest = image.layers[0].descriptor.digest.unwrap();
        let blob = folder.join("blobs/sha256").join(digest.hex());
        let mut bytes = fs::read(&blob).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&blob, &bytes).unwrap();
        let result = rootfs::unpack(&image, &arena.target(), &Budget::default(), &Silent);
        let error = chain(&result.unwrap_err());
        let actual = Sha256Digest::of(&bytes);
        let promised = [
            format!("has the digest {actual}, expected {digest}"),
            format!("expected {}", image.layers[0].diff_id),
        ];
        assert!(
            promised.iter().any(|text| error.contains(text)),
            "{packing:?}: {error}"
        );
        assert!(!arena.target().exists());
    }
}

#[test]
fn what_is_wrong_with_a_layer_does_not_depend_on_which_thread_is_faster() {
    let members = [
        TarMember::directory("./"),
        TarMember::file("a", vec![7; 9 << 20]),
    ];
    let mut malformed = tar(&members);
    malformed[0] ^= 1;
    for _ in 0..8 {
        // Its digests are right: the tar is what is wrong.
        let arena = Arena::new();
        let image = ImageBuilder::new().raw_layer(malformed.clone(), Packing::Gzip);
        assert_eq!(
            arena.error(&image),
            "layer 1 can't be read: a tar header at byte 0 has a wrong checksum"
        );
        // Its digests are wrong, which says more than what is wrong with the tar because of it.
        let arena = Arena::new();
        let folder = arena.folder.path().join("image");
        let image = ImageBuilder::new().raw_layer(tar(&members), Packing::Tar);
        let reference = ImageReference::parse(&image.write(&folder)).unwrap();
        let image = image::open(&reference).unwrap();
        let digest = image.layers[0].diff_id;
        fs::write(folder.join("blobs/sha256").join(digest.hex()), &malformed).unwrap();
        let result = rootfs::unpack(&image, &arena.target(), &Budget::default(), &Silent);
        let error = chain(&result.unwrap_err());
        assert!(error.contains(&format!("expected {digest}")), "{error}");
    }
}

#[test]
fn a_bomb_goes_off_within_its_budget() {
    // GHSA-gcpm-8w8q-gp9v: a small layer, a large tree.
    let small = Budget {
        bytes: 10 << 20,
        entries: 50,
        xattr_bytes: 100,
        metadata_bytes: 10_000,
        depth: 8,
        ..Budget::default()
    };
    let many: Vec<TarMember> = (0..60)
        .map(|number| TarMember::file(number.to_string(), ""))
        .collect();
    let mut with_xattr = TarMember::file("a", "");
    with_xattr.xattrs.insert(b"user.x".to_vec(), vec![0; 200]);
    let long: Vec<TarMember> = (0..40)
        .map(|number| TarMember::symlink(number.to_string(), "x".repeat(300)))
        .collect();
    let table = [
        (
            vec![TarMember::file("a", vec![0; 20 << 20])],
            "the image has more than 10485760 bytes",
        ),
        (many, "the image has more than 50 entries"),
        (
            vec![with_xattr],
            "the image has more than 100 bytes of xattrs of one entry",
        ),
        (
            long,
            "the image has more than 10000 bytes of names and xattrs",
        ),
        (
            vec![TarMember::file("a/".repeat(9), "")],
            "the image has more than 8 directories above an entry",
        ),
    ];
    for (members, expected) in table {
        let arena = Arena::new();
        let error = arena.unpack(&one_layer(&members), &small).unwrap_err();
        assert_eq!(error, expected);
    }
}

#[test]
fn a_sparse_file_costs_what_it_seems_to_have() {
    let arena = Arena::new();
    let mut header = TarMember::new(b'S', "sparse").header();
    header[257..265].copy_from_slice(b"ustar  \0");
    header[483..495].copy_from_slice(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
    seal(&mut header);
    let mut bytes = header.to_vec();
    bytes.resize(bytes.len() + 1024, 0);
    let error = arena.error(&ImageBuilder::new().raw_layer(bytes, Packing::Gzip));
    insta::assert_snapshot!(error, @"the image has more than 68719476736 bytes");
}

#[test]
fn a_pax_size_holds_for_its_file_and_for_nothing_else() {
    // CVE-2026-33055 and GHSA-3cv2-h65g-fgmm: sizes that two parsers read differently.
    let arena = Arena::new();
    let inner = TarMember::file("smuggled", "evil").bytes();
    let pax = TarMember {
        content: format!("{} size={}\n", 13, inner.len()).into_bytes(),
        ..TarMember::new(b'x', "pax")
    };
    assert_eq!(pax.content.len(), 13);
    let long_name = TarMember {
        content: b"carrier\0".to_vec(),
        ..TarMember::new(b'L', "././@LongLink")
    };
    let mut bytes = [pax.bytes(), long_name.bytes()].concat();
    bytes.extend_from_slice(&TarMember::file("short", "").header());
    bytes.extend_from_slice(&inner);
    bytes.resize(bytes.len() + 1024, 0);
    let image = ImageBuilder::new().raw_layer(bytes, Packing::Tar);
    let unpacked = arena.unpack(&image, &Budget::default()).unwrap();
    let names: Vec<String> = unpacked
        .listing
        .entries
        .keys()
        .map(RootfsPath::to_string)
        .collect();
    assert_eq!(names, [".", "carrier"]);
    assert_eq!(fs::read(arena.target().join("carrier")).unwrap(), inner);
}

#[test]
fn malformed_tars_are_read_by_one_policy() {
    let whole = tar(&[TarMember::directory("./"), TarMember::file("a", "abc")]);
    let members = whole.len() - 1024;
    let with_tail = |tail: &[u8]| [&whole[..], tail].concat();
    let table = [
        (
            whole[..members].to_vec(),
            Ok("layer 1: the tar has no end marker"),
        ),
        (
            whole[..members + 512].to_vec(),
            Ok("layer 1: the tar has half an end marker"),
        ),
        // Debian 12's umoci writes layers like this.
        (
            whole[..members - 509].to_vec(),
            Ok("layer 1: the tar's last member is not padded\nlayer 1: the tar has no end marker"),
        ),
        (
            with_tail(b"more"),
            Ok("layer 1: the tar has bytes behind its end marker, which are ignored"),
        ),
        (with_tail(&[0; 9216]), Ok("")),
        (
            whole[..members - 510].to_vec(),
            Err("layer 1 can't be read: the tar stream ends inside a file's content"),
        ),
        (
            [&whole[..members + 512], &whole[..]].concat(),
            Err(
                "layer 1 can't be read: a single block of zeros at byte 1536 is followed by more members",
            ),
        ),
        (
            [&whole[..600], b"x", &whole[601..]].concat(),
            Err("layer 1 can't be read: a tar header at byte 512 has a wrong checksum"),
        ),
    ];
    for (bytes, expected) in table {
        let arena = Arena::new();
        let image = ImageBuilder::new().raw_layer(bytes, Packing::Gzip);
        match expected {
            Ok(findings) => assert_eq!(arena.findings(&image), findings),
            Err(message) => assert_eq!(arena.error(&image), message),
        }
    }
}

#[test]
fn an_owner_that_means_no_change_to_the_system_is_refused() {
    let arena = Arena::new();
    let mut file = TarMember::file("a", "");
    file.uid = u64::from(u32::MAX);
    insta::assert_snapshot!(arena.error(&one_layer(&[file])), @"layer 1 can't be read: a tar header has no usable uid");
}
