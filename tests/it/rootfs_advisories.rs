//! Advisories against other programs, each with the test that shows that this one is not affected.
//!
//! | advisory | what went wrong | test |
//! | --- | --- | --- |
//! | CVE-2021-29136 | a symlink named `/.` | `the_root_can_only_be_a_directory` |
//! | CVE-2021-41190 | a manifest that is an index, too | `a_manifest_that_could_be_an_index_is_refused` |
//! | image-spec #1285 | a negative size, an endless blob | `a_descriptor_is_checked_before_anything_is_read`, `a_blob_is_as_long_as_its_descriptor_says` |
//! | CVE-2026-46703 | a file below a symlink | `a_file_below_a_symlink_is_written_inside_the_tree` |
//! | GHSA-gcpm-8w8q-gp9v | no budget | `a_bomb_goes_off_within_its_budget` |
//! | CVE-2026-33056, RUSTSEC-2018-0002 | chmod of, or writing to, what a link points to | `a_symlink_is_replaced_and_never_written_through` |
//! | CVE-2026-33055, CVE-2025-62518, GHSA-3cv2-h65g-fgmm, GHSA-3pv8-6f4r-ffg2 | sizes that two parsers read differently | `a_pax_size_holds_for_its_file_and_for_nothing_else` |
//! | RUSTSEC-2026-0112, RUSTSEC-2026-0113 | malformed PAX headers that are skipped | `a_malformed_pax_header_is_refused_and_not_skipped` |
//! | CVE-2025-58183 | memory for a sparse file's map | `the_map_of_a_sparse_file_has_a_limit` |
//! | CVE-2024-3727 | a digest as a path | `a_descriptor_is_checked_before_anything_is_read` |
//! | CVE-2024-9676 | `/etc/passwd` that leads to a pipe or out of the tree | `a_hostile_password_file_is_not_read` |
//! | CVE-2024-1753, CVE-2024-45310, CVE-2026-55686, CVE-2026-39860 | directories made through a symlink | `a_directory_is_made_inside_the_tree_whatever_its_parents_are`, `edits_of_a_tree_never_leave_it` |
//! | CVE-2026-33711, CVE-2026-33897, CVE-2026-33945, CVE-2026-48749 | files of the tree that are edited through symlinks | `a_hostile_password_file_is_not_read`, `edits_of_a_tree_never_leave_it` |
//! | Apple containerization | names with `..` | `names_that_climb_are_refused` |

use std::{fs, os::unix::fs::symlink, path::Path, time::Instant};

use migrate_verify::{
    outcome::chain,
    rootfs::{Budget, TreeRoot},
};
use rustix::fs::{FileType, Mode};

use crate::{
    env::{ImageBuilder, Packing, TarMember, seal},
    rootfs_hostile::{Arena, one_layer},
};

#[test]
fn a_malformed_pax_header_is_refused_and_not_skipped() {
    let records: [&[u8]; 5] = [
        b"garbage",
        b"999 path=canary\n",
        b"8 size=x\n",
        b"15 mtime=now..\n\n",
        b"0 path=x\n",
    ];
    for record in records {
        let arena = Arena::new();
        let mut pax = TarMember::new(b'x', "pax");
        pax.content = record.to_vec();
        let error = arena.error(&one_layer(&[pax, TarMember::file("a", "")]));
        assert!(
            error.starts_with("layer 1 can't be read: a pax header is malformed: "),
            "{}: {error}",
            record.escape_ascii()
        );
    }
}

#[test]
fn the_map_of_a_sparse_file_has_a_limit() {
    // The old format goes on in blocks of 21 pieces, each of which says that there is one more.
    let mut header = TarMember::new(b'S', "sparse").header();
    header[257..265].copy_from_slice(b"ustar  \0");
    header[482] = 1;
    header[483..495].copy_from_slice(b"00000000000\0");
    seal(&mut header);
    let mut old = header.to_vec();
    for _ in 0..10_000 {
        let mut block = [0; 512];
        for piece in block[..504].chunks_exact_mut(12) {
            piece.copy_from_slice(b"00000000000\0");
        }
        block[504] = 1;
        old.extend_from_slice(&block);
    }
    // The new one says how many there are and lists them in front of the content.
    let mut pax = TarMember::new(b'x', "pax");
    pax.content =
        b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n26 GNU.sparse.realsize=10\n".to_vec();
    let file = TarMember::file(
        "sparse",
        "99999999999\n0\n0\n".to_owned() + &"0\n".repeat(1000),
    );
    let new = [pax.bytes(), file.bytes(), vec![0; 1024]].concat();
    for bytes in [old, new] {
        let arena = Arena::new();
        let error = arena.error(&ImageBuilder::new().raw_layer(bytes, Packing::Gzip));
        assert_eq!(
            error,
            "layer 1 can't be read: a tar archive's sparse map is too large"
        );
    }
}

#[test]
fn a_blob_is_as_long_as_its_descriptor_says() {
    type Change = fn(&Path);
    let longer: Change = |blob| {
        let mut bytes = fs::read(blob).unwrap();
        bytes.resize(bytes.len() + 5000, 0);
        fs::write(blob, bytes).unwrap();
    };
    let endless: Change = |blob| {
        fs::remove_file(blob).unwrap();
        symlink("/dev/zero", blob).unwrap();
    };
    let pipe: Change = |blob| {
        fs::remove_file(blob).unwrap();
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, blob, FileType::Fifo, mode, 0).unwrap();
    };
    for change in [longer, endless, pipe] {
        let arena = Arena::new();
        let folder = arena.canary().parent().unwrap().join("image");
        let image = one_layer(&[TarMember::file("a", "content")]);
        image.write(&folder);
        for blob in fs::read_dir(folder.join("blobs/sha256")).unwrap() {
            change(&blob.unwrap().path());
        }
        let reference = format!("oci:{}", folder.display());
        let reference = migrate_verify::image::ImageReference::parse(&reference).unwrap();
        let error = chain(&migrate_verify::image::open(&reference).unwrap_err());
        assert!(
            [
                "bytes, its descriptor says",
                "can't open",
                "the image has no"
            ]
            .iter()
            .any(|text| error.contains(text)),
            "{error}"
        );
    }
}

#[test]
fn a_hostile_password_file_is_not_read() {
    let arena = Arena::new();
    let mut passwd = vec![
        TarMember::directory("etc"),
        TarMember::new(b'6', "etc/passwd"),
        TarMember::symlink(
            "etc/group",
            arena
                .canary()
                .join("file")
                .into_os_string()
                .into_encoded_bytes(),
        ),
        TarMember::symlink("etc/shadow", "../../../../../../canary/file"),
        TarMember::symlink("etc/loop", "loop"),
    ];
    passwd.push(TarMember::symlink("host", "/proc/self/root"));
    arena
        .unpack(&one_layer(&passwd), &Budget::default())
        .unwrap();
    let tree = TreeRoot::open(&arena.target()).unwrap();
    let started = Instant::now();
    assert_eq!(
        tree.read("etc/passwd").unwrap_err().to_string(),
        "etc/passwd is not a file"
    );
    assert_eq!(tree.read("etc/group").unwrap(), None);
    assert_eq!(tree.read("etc/shadow").unwrap(), None);
    tree.read("etc/loop").unwrap_err();
    assert_eq!(tree.read("host/etc/hostname").unwrap(), None);
    assert!(started.elapsed().as_secs() < 5);
    tree.write("etc/group", b"edited", 0o644).unwrap();
    tree.write("etc/shadow", b"edited", 0o640).unwrap();
    assert_eq!(fs::read(arena.canary().join("file")).unwrap(), b"untouched");
}

#[test]
fn a_directory_is_made_inside_the_tree_whatever_its_parents_are() {
    let arena = Arena::new();
    let work = TarMember::symlink("work", arena.canary().into_os_string().into_encoded_bytes());
    let climbing = TarMember::symlink("climbing", "../../../../canary");
    let below = [
        TarMember::directory("work/made"),
        TarMember::file("work/made/file", "evil"),
        TarMember::directory("climbing/made"),
        TarMember::new(b'6', "climbing/made/pipe"),
        TarMember::hard_link("climbing/file", "work/made/file"),
    ];
    let image = one_layer(&[work, climbing]).layer(&below);
    arena.unpack(&image, &Budget::default()).unwrap();
    let tree = TreeRoot::open(&arena.target()).unwrap();
    tree.create_dir_all("work/deeper/still").unwrap();
    tree.create_dir_all("climbing/deeper").unwrap();
    assert!(
        arena
            .target()
            .join("canary/made/pipe")
            .symlink_metadata()
            .is_ok()
    );
    assert_eq!(fs::read_dir(arena.canary()).unwrap().count(), 1);
}
