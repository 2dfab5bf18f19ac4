//! What GNU tar packs, unpacked: every format, every kind of entry, sparse files in all four ways.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    process::Command,
};

use migrate_verify::{
    image::{self, ImageReference},
    progress::Silent,
    reproducibility::{EntryDifference, compare},
    rootfs::{self, Budget, Profile, Timestamp, TreeRoot},
};
use rustix::fs::{CWD, FileType, Mode, XattrFlags, makedev, mknodat, setxattr};

use crate::env::{ImageBuilder, Packing};

/// Makes a tree with everything in it that a tar of an old server can have.
pub(crate) fn make_tree(root: &Path) {
    fs::create_dir_all(root.join("d").join("x".repeat(120)).join("y".repeat(120))).unwrap();
    fs::write(root.join("file"), "hello").unwrap();
    fs::hard_link(root.join("file"), root.join("hard")).unwrap();
    symlink("t".repeat(150), root.join("link")).unwrap();
    let name = std::ffi::OsString::from("u\u{10d}iteľ");
    fs::write(root.join(name), "").unwrap();
    let mode = Mode::from_raw_mode(0o640);
    for (name, kind, device) in [
        ("fifo", FileType::Fifo, 0),
        ("null", FileType::CharacterDevice, makedev(1, 3)),
        ("disk", FileType::BlockDevice, makedev(8, 0x1_0001)),
    ] {
        mknodat(CWD, root.join(name), kind, mode, device).unwrap();
    }
    setxattr(
        root.join("file"),
        "user.test",
        b"\0\xff\n=",
        XattrFlags::empty(),
    )
    .unwrap();
    let sparse = fs::File::create(root.join("sparse")).unwrap();
    sparse.set_len(3 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"island", 1_500_000).unwrap();
    let tree = TreeRoot::open(root).unwrap();
    for name in ["file", "link", "fifo"] {
        tree.set_owner(name, 3_000_000, 3_000_001).unwrap();
    }
    tree.set_mode("file", 0o6755).unwrap();
    tree.set_mode("d", 0o1777).unwrap();
    let mtime = Timestamp {
        seconds: 1_234_606_272,
        nanoseconds: 123_456_789,
    };
    for name in ["file", "link", "d", "fifo"] {
        tree.set_mtime(name, mtime).unwrap();
    }
}

#[test]
fn privileged_what_gnu_tar_packs_is_unpacked_as_it_was() {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test needs root: it makes devices and changes owners"
    );
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    make_tree(&tree);
    let original = rootfs::walk(&tree).unwrap();
    let pax = ["--format=pax", "--xattrs"];
    let table: [(&[&str], bool); 6] = [
        (&["--format=gnu"], false),
        (&["--format=gnu", "--sparse"], false),
        (&pax, true),
        (&[pax[0], pax[1], "--sparse"], true),
        (&[pax[0], pax[1], "--sparse", "--sparse-version=0.0"], true),
        (&[pax[0], pax[1], "--sparse", "--sparse-version=0.1"], true),
    ];
    for (number, (options, exact)) in table.into_iter().enumerate() {
        #[expect(clippy::disallowed_methods, reason = "the peer that is compared with")]
        let output = Command::new("tar")
            .args(options)
            .arg("-C")
            .arg(&tree)
            .args(["-c", "."])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let layout = folder.path().join(format!("image-{number}"));
        let reference = ImageBuilder::new()
            .raw_layer(output.stdout, Packing::Gzip)
            .write(&layout);
        let image = image::open(&ImageReference::parse(&reference).unwrap()).unwrap();
        let target = folder.path().join(format!("tree-{number}"));
        let unpacked = rootfs::unpack(&image, &target, &Budget::default(), &Silent).unwrap();
        assert_eq!(unpacked.findings, [], "{options:?}");
        let sparse = fs::metadata(target.join("sparse")).unwrap();
        let has_holes = sparse.blocks() * 512 < sparse.len() / 10;
        assert_eq!(has_holes, options.contains(&"--sparse"), "{options:?}");
        if exact {
            assert_eq!(compare(&original, &unpacked.listing), [], "{options:?}");
            continue;
        }
        // GNU's own format has neither nanoseconds nor xattrs.
        let lost = |difference: &EntryDifference| {
            matches!(
                difference,
                EntryDifference::Mtime { .. } | EntryDifference::Xattr { .. }
            )
        };
        assert!(compare(&original, &unpacked.listing).iter().all(lost));
        assert_eq!(
            original.digest(Profile::Content),
            unpacked.listing.digest(Profile::Content)
        );
    }
}
