//! One thing of a tree on disk is changed: it is found, typed and named, however the two trees are compared.

use std::{
    fs::{self, File},
    os::unix::fs::{chown, symlink},
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use migrate_verify::{
    progress::Silent,
    reproducibility::{Aspect, compare},
    rootfs::{self, Budget, Profile, Timestamp, TreeRoot},
};
use rustix::fs::{FileType, Mode, XattrFlags};

use crate::env::{ImageBuilder, TarMember};

/// When everything in the tree was last changed.
const TIME: Timestamp = Timestamp {
    seconds: 1_332_979_200,
    nanoseconds: 123_456_789,
};

/// Everything that is in the tree.
const PATHS: [&str; 10] = [
    "folder/file",
    "folder/large",
    "folder/link",
    "folder/one",
    "folder/two",
    "folder/null",
    "folder/pipe",
    "folder/empty",
    "folder",
    ".",
];

/// What is changed, how, and as what it must be found.
type Change = (&'static str, fn(&Path), &'static [(&'static str, Aspect)]);

/// Every single thing that can change.
const CHANGES: [Change; 24] = [
    ("nothing", |_| {}, &[]),
    (
        "a mode bit",
        |tree| set_mode(tree, "folder/file", 0o645),
        &[("folder/file", Aspect::Mode)],
    ),
    (
        "setuid",
        |tree| set_mode(tree, "folder/file", 0o4644),
        &[("folder/file", Aspect::Mode)],
    ),
    (
        "sticky",
        |tree| set_mode(tree, "folder", 0o1755),
        &[("folder", Aspect::Mode)],
    ),
    (
        "an owner",
        |tree| chown(tree.join("folder/file"), Some(1), None).unwrap(),
        &[("folder/file", Aspect::Owner)],
    ),
    (
        "a group",
        |tree| chown(tree.join("folder/empty"), None, Some(3_000_000)).unwrap(),
        &[("folder/empty", Aspect::Owner)],
    ),
    (
        "a link's owner",
        |tree| std::os::unix::fs::lchown(tree.join("folder/link"), Some(1), None).unwrap(),
        &[("folder/link", Aspect::Owner)],
    ),
    (
        "a nanosecond of a file",
        |tree| later(tree, "folder/file"),
        &[("folder/file", Aspect::Mtime)],
    ),
    (
        "a nanosecond of a directory",
        |tree| later(tree, "folder"),
        &[("folder", Aspect::Mtime)],
    ),
    (
        "a nanosecond of a symlink",
        |tree| later(tree, "folder/link"),
        &[("folder/link", Aspect::Mtime)],
    ),
    (
        "a nanosecond of a pipe",
        |tree| later(tree, "folder/pipe"),
        &[("folder/pipe", Aspect::Mtime)],
    ),
    (
        "an xattr's byte",
        |tree| set_xattr(tree, "folder/file", b"2"),
        &[("folder/file", Aspect::Xattr)],
    ),
    (
        "an xattr",
        |tree| set_xattr(tree, "folder", b""),
        &[("folder", Aspect::Xattr)],
    ),
    (
        "a device number",
        |tree| replace(tree, "folder/null", |path| make_device(path, 1, 5)),
        &[("folder/null", Aspect::Device)],
    ),
    (
        "a hard link",
        |tree| replace(tree, "folder/two", |path| write(path, b"linked")),
        &[("folder/one", Aspect::HardLink)],
    ),
    (
        "a link's target",
        |tree| replace(tree, "folder/link", |path| symlink("filf", path).unwrap()),
        &[("folder/link", Aspect::Target)],
    ),
    (
        "a byte",
        |tree| write(&tree.join("folder/file"), b"contenT"),
        &[("folder/file", Aspect::Content)],
    ),
    (
        "the last byte of much",
        |tree| write(&tree.join("folder/large"), &large(9)),
        &[("folder/large", Aspect::Content)],
    ),
    (
        "a byte more",
        |tree| write(&tree.join("folder/empty"), b"\0"),
        &[("folder/empty", Aspect::Content)],
    ),
    (
        "a byte of two names",
        |tree| write(&tree.join("folder/two"), b"Linked"),
        &[("folder/one", Aspect::Content)],
    ),
    (
        "a name's byte",
        |tree| fs::rename(tree.join("folder/file"), tree.join("folder/filE")).unwrap(),
        &[
            ("folder/filE", Aspect::OnlyInSecond),
            ("folder/file", Aspect::OnlyInFirst),
        ],
    ),
    (
        "a directory more",
        |tree| fs::create_dir_all(tree.join("folder/more/below")).unwrap(),
        &[
            ("folder/more", Aspect::OnlyInSecond),
            ("folder/more/below", Aspect::OnlyInSecond),
        ],
    ),
    (
        "a type",
        |tree| {
            replace(tree, "folder/file", |path| {
                fs::create_dir(path).unwrap();
                write(&path.join("below"), b"");
                set_mode(path, "", 0o644);
                set_xattr(path, "", b"1");
            });
        },
        &[
            ("folder/file", Aspect::Type),
            ("folder/file/below", Aspect::OnlyInSecond),
        ],
    ),
    (
        "an entry less",
        |tree| fs::remove_file(tree.join("folder/pipe")).unwrap(),
        &[("folder/pipe", Aspect::OnlyInFirst)],
    ),
];

fn set_mode(tree: &Path, path: &str, mode: u32) {
    rustix::fs::chmod(tree.join(path), Mode::from_raw_mode(mode)).unwrap();
}

fn set_xattr(tree: &Path, path: &str, value: &[u8]) {
    rustix::fs::setxattr(tree.join(path), "user.x", value, XattrFlags::empty()).unwrap();
}

fn later(tree: &Path, path: &str) {
    set_time(
        tree,
        path,
        Timestamp {
            nanoseconds: TIME.nanoseconds + 1,
            ..TIME
        },
    );
}

fn set_time(tree: &Path, path: &str, time: Timestamp) {
    let tree = TreeRoot::open(tree).unwrap();
    tree.set_mtime(path, time).unwrap();
}

fn make_device(path: &Path, major: u32, minor: u32) {
    let device = rustix::fs::makedev(major, minor);
    let mode = Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path,
        FileType::CharacterDevice,
        mode,
        device,
    )
    .unwrap();
}

/// Writes a file and leaves its time to be set.
fn write(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    let time = UNIX_EPOCH + Duration::new(TIME.seconds.unsigned_abs(), TIME.nanoseconds);
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

/// Puts something else at a path, with the time that was there.
fn replace(tree: &Path, path: &str, make: impl FnOnce(&Path)) {
    fs::remove_file(tree.join(path)).unwrap();
    make(&tree.join(path));
    set_time(tree, path, TIME);
}

/// Larger than what is read at once, and a task of its own.
fn large(last: u8) -> Vec<u8> {
    let mut bytes = vec![7; (3 << 20) + 5];
    *bytes.last_mut().unwrap() = last;
    bytes
}

fn make_tree(tree: &Path) {
    let folder = tree.join("folder");
    fs::create_dir_all(&folder).unwrap();
    write(&folder.join("file"), b"content");
    write(&folder.join("large"), &large(7));
    write(&folder.join("empty"), b"");
    write(&folder.join("one"), b"linked");
    fs::hard_link(folder.join("one"), folder.join("two")).unwrap();
    symlink("file", folder.join("link")).unwrap();
    make_device(&folder.join("null"), 1, 3);
    let mode = Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.join("pipe"),
        FileType::Fifo,
        mode,
        0,
    )
    .unwrap();
    set_xattr(tree, "folder/file", b"1");
    for path in PATHS {
        set_time(tree, path, TIME);
    }
}

#[test]
fn privileged_every_single_mutation_of_a_tree_is_found_typed_and_named() {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test needs root: it makes devices and changes owners"
    );
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    make_tree(&first);
    let known = rootfs::walk(&first).unwrap();
    for (what, change, expected) in CHANGES {
        make_tree(&second);
        change(&second);
        // Making and removing an entry changes its directory's time, which is not what is looked for.
        for path in ["folder", "."] {
            if expected != [(path, Aspect::Mtime)] {
                set_time(&second, path, TIME);
            }
        }
        let changed = rootfs::walk(&second).unwrap();
        let against = rootfs::walk_against(&second, &known).unwrap();
        let beside = rootfs::walk_beside(&first, &second).unwrap();
        let sizes = (known.entries.len(), changed.entries.len());
        assert_eq!(beside.entries, sizes, "{what}");
        assert_eq!(against.len(), sizes.1, "{what}");
        let ways = [
            compare(&known, &changed),
            compare(&against.to_compare(&known), &against.other),
            compare(&beside.first, &beside.second),
        ];
        for differences in &ways {
            let found: Vec<(String, Aspect)> = differences
                .iter()
                .map(|difference| (difference.path().to_string(), difference.aspect()))
                .collect();
            let expected: Vec<(String, Aspect)> = expected
                .iter()
                .map(|(path, aspect)| ((*path).to_owned(), *aspect))
                .collect();
            assert_eq!(found, expected, "{what}");
        }
        let digests = [&known, &changed].map(|listing| listing.digest(Profile::Strict));
        assert_eq!(digests[0] == digests[1], expected.is_empty(), "{what}");
        fs::remove_dir_all(&second).unwrap();
    }
}

#[test]
fn privileged_what_only_the_file_system_differs_in_is_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let image = ImageBuilder::new().layer(&[
        TarMember::directory("./"),
        TarMember::directory("folder"),
        TarMember::file("folder/file", vec![0; 100_000]),
    ]);
    let reference = image.write(&folder.path().join("image"));
    let image = migrate_verify::image::ImageReference::parse(&reference).unwrap();
    let image = migrate_verify::image::open(&image).unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    for target in [&first, &second] {
        rootfs::unpack(&image, target, &Budget::default(), &Silent).unwrap();
    }
    // A directory that has grown, a sparse file, a later access.
    let grown = second.join("folder");
    let names: Vec<String> = (0..500)
        .map(|number| format!("{number}-{}", "x".repeat(100)))
        .collect();
    for name in &names {
        fs::write(grown.join(name), "").unwrap();
    }
    for name in &names {
        fs::remove_file(grown.join(name)).unwrap();
    }
    fs::remove_file(grown.join("file")).unwrap();
    File::create(grown.join("file"))
        .unwrap()
        .set_len(100_000)
        .unwrap();
    let listing = rootfs::walk(&first).unwrap();
    for path in ["folder/file", "folder"] {
        let parsed = rootfs::RootfsPath::parse(path.as_bytes()).unwrap();
        set_time(&second, path, listing.entries.get(&parsed).unwrap().mtime);
    }
    let beside = rootfs::walk_beside(&first, &second).unwrap();
    assert_eq!(compare(&beside.first, &beside.second), []);
    assert_eq!(rootfs::walk(&second).unwrap(), listing);
}
