//! The `rootfs` commands as their users see them, and edits of hostile trees.

use std::{fs, os::unix::fs::symlink};

use migrate_verify::{digest::Sha256Digest, rootfs::TreeRoot};

use crate::env::{ImageBuilder, TarMember, TestEnv, archive, tar};

fn image(env: &TestEnv, name: &str, members: &[TarMember]) {
    let root = TarMember::directory("./");
    ImageBuilder::new()
        .layer(&[&[root], members].concat())
        .write(&env.path().join(name));
}

#[test]
fn privileged_an_image_and_its_tree_have_one_digest() {
    let env = TestEnv::new();
    image(
        &env,
        "image",
        &[
            TarMember::file("u\u{10d}iteľ", "a"),
            TarMember::directory("etc"),
        ],
    );
    insta::assert_snapshot!(env.run(&["rootfs", "digest", "oci:image"]), @"
    exit code: 0
    ----- stdout -----
    sha256:980839a21861387d5aaf7bd81c30e7a8cd8b666f63355fd698015abef5ae92f6
    ----- stderr -----
    ");
    insta::assert_snapshot!(env.run(&["rootfs", "unpack", "oci:image", "tree"]), @"
    exit code: 0
    ----- stdout -----
    sha256:980839a21861387d5aaf7bd81c30e7a8cd8b666f63355fd698015abef5ae92f6
    3 entries, 1 bytes in tree
    ----- stderr -----
    ");
    insta::assert_snapshot!(env.run(&["rootfs", "digest", "tree", "--format", "json"]), @r#"
    exit code: 0
    ----- stdout -----
    {
      "bytes": 1,
      "digest": "sha256:980839a21861387d5aaf7bd81c30e7a8cd8b666f63355fd698015abef5ae92f6",
      "entries": 3,
      "profile": "strict",
      "schema_version": 1
    }
    ----- stderr -----
    "#);
    insta::assert_snapshot!(env.run(&["rootfs", "diff", "oci:image", "tree"]), @"
    exit code: 0
    ----- stdout -----
    verified: 0 differences in 3 and 3 entries, the same tree
    ----- stderr -----
    ");
    insta::assert_snapshot!(env.run(&["rootfs", "unpack", "oci:image", "tree"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: tree already exists
    ");
}

/// A small tree of a package, a list, a secret and a hostile name.
fn members(day: &str, order: [&str; 2], mode: u32) -> Vec<TarMember> {
    let mut file = TarMember::file("usr/bin/su", "binary");
    file.mode = mode;
    vec![
        TarMember::directory("etc"),
        TarMember::file("etc/shadow", format!("root:secret:{day}:0:99999:7:::\n")),
        TarMember::directory("srv"),
        TarMember::file("srv/list", order.join("\n")),
        TarMember::file("srv/u\u{e8}".to_owned() + "\u{1b}[2J", day),
        TarMember::directory("usr"),
        TarMember::directory("usr/bin"),
        file,
        TarMember::directory("var"),
        TarMember::directory("var/lib"),
        TarMember::directory("var/lib/dpkg"),
        TarMember::directory("var/lib/dpkg/info"),
        TarMember::file(
            "var/lib/dpkg/info/login.list",
            "/.\n/usr\n/usr/bin\n/usr/bin/su\n",
        ),
    ]
}

#[test]
fn privileged_differences_are_grouped_and_explained_and_secrets_are_not_shown() {
    let env = TestEnv::new();
    image(&env, "first", &members("14000", ["a", "b"], 0o4755));
    image(&env, "second", &members("14001", ["b", "a"], 0o755));
    for name in ["first", "second"] {
        let unpacked = env.run(&[
            "rootfs",
            "unpack",
            &format!("oci:{name}"),
            &format!("{name}-tree"),
        ]);
        assert!(unpacked.starts_with("exit code: 0"), "{unpacked}");
    }
    insta::assert_snapshot!(env.run(&["rootfs", "diff", "first-tree", "second-tree"]), @"
    exit code: 1
    ----- stdout -----
    cause: order
      directory srv:
        srv/list: content: 3 bytes, sha256:7e18f737311b2dc3b2f269dd78396b0351f14fb66efa879f768cb23181883c78 -> 3 bytes, sha256:c4a78e5bdf318c857b19a6ae4678d9fc8ab0d9bf2b7dd11b41a06c4c1047d943
          order: the same lines in another order
    cause: the day of the last password change is in it
      directory etc:
        etc/shadow: content: 31 bytes, sha256:dcd97cff7155a049364a8a7b548b129191902a54382d2756165f80a17159ff71 -> 31 bytes, sha256:a7bb1ecdb954f9cac558ad1fe4835136dde9bf0ac2c9d6f5a76a566db93ecd6f
          the day of the last password change is in it (remedy: name `shadow-days` in rootfs.normalise); contents of a secret file are not shown
    cause: not known
      directory srv:
        srv/uè%1B[2J: content: 5 bytes, sha256:e1b9c8731585bef2f9226397155c207bddc584d1664772da3c66d9d07b0b042e -> 5 bytes, sha256:6ef1e6909e5d2029cb8543ed1776ca3ff7332e15fe51a576e0825b7ec4bc0e88
          line 1: `14000` became `14001`
      package login:
        usr/bin/su: mode: 4755 -> 0755
    different: 4 differences in 14 and 14 entries
    ----- stderr -----
    ");
}

#[test]
fn differences_as_json_keep_their_format() {
    let env = TestEnv::new();
    image(&env, "first", &members("14000", ["a", "b"], 0o4755));
    image(&env, "second", &members("14001", ["b", "a"], 0o755));
    insta::assert_snapshot!(env.run(&["rootfs", "diff", "oci:first", "oci:second", "--format", "json"]), @r#"
    exit code: 1
    ----- stdout -----
    {
      "differences": [
        {
          "aspect": "content",
          "cause": "the day of the last password change is in it (remedy: name `shadow-days` in rootfs.normalise); contents of a secret file are not shown",
          "first": "31 bytes, sha256:dcd97cff7155a049364a8a7b548b129191902a54382d2756165f80a17159ff71",
          "path": "etc/shadow",
          "second": "31 bytes, sha256:a7bb1ecdb954f9cac558ad1fe4835136dde9bf0ac2c9d6f5a76a566db93ecd6f"
        },
        {
          "aspect": "content",
          "cause": "order: the same lines in another order",
          "first": "3 bytes, sha256:7e18f737311b2dc3b2f269dd78396b0351f14fb66efa879f768cb23181883c78",
          "path": "srv/list",
          "second": "3 bytes, sha256:c4a78e5bdf318c857b19a6ae4678d9fc8ab0d9bf2b7dd11b41a06c4c1047d943"
        },
        {
          "aspect": "content",
          "cause": "line 1: `14000` became `14001`",
          "first": "5 bytes, sha256:e1b9c8731585bef2f9226397155c207bddc584d1664772da3c66d9d07b0b042e",
          "path": "srv/uè%1B[2J",
          "second": "5 bytes, sha256:6ef1e6909e5d2029cb8543ed1776ca3ff7332e15fe51a576e0825b7ec4bc0e88"
        },
        {
          "aspect": "mode",
          "cause": null,
          "first": "4755",
          "path": "usr/bin/su",
          "second": "0755"
        }
      ],
      "schema_version": 1,
      "verdict": "different"
    }
    ----- stderr -----
    "#);
    insta::assert_snapshot!(env.run(&["rootfs", "diff", "oci:first", "oci:first", "--format", "json"]), @r#"
    exit code: 0
    ----- stdout -----
    {
      "differences": [],
      "schema_version": 1,
      "verdict": "verified"
    }
    ----- stderr -----
    "#);
}

#[test]
fn what_is_no_tree_and_no_image_is_named() {
    let env = TestEnv::new();
    insta::assert_snapshot!(env.run(&["rootfs", "digest", "nowhere"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: can't open nowhere: No such file or directory (os error 2)
    hint: name a directory, or an image as oci:DIR[:REF], oci-archive:FILE or docker-archive:FILE
    ");
    insta::assert_snapshot!(env.run(&["rootfs", "digest", "oci:nowhere"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: can't open nowhere: No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(env.run(&["rootfs", "unpack", "docker://debian/eol:lenny", "tree"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: docker://debian/eol:lenny must be copied to an oci: directory before it can be read
    ");
    insta::assert_snapshot!(env.run(&["rootfs", "unpack", "image", "tree"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: `image` is no image: it is named oci:DIR[:REF], oci-archive:FILE[:REF], docker-archive:FILE[:REF] or docker://NAME
    ");
}

#[test]
fn an_image_is_the_same_in_a_directory_an_archive_and_as_docker_saves_it() {
    let env = TestEnv::new();
    let root = TarMember::directory("./");
    let layer = [root, TarMember::file("etc", "a")];
    ImageBuilder::new()
        .layer(&layer)
        .write(&env.path().join("image"));
    archive(&env.path().join("image"), &env.path().join("oci.tar"));
    let layer = tar(&layer);
    let config = format!(
        r#"{{"architecture":"386","os":"linux","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        Sha256Digest::of(&layer)
    );
    let name = Sha256Digest::of(config.as_bytes()).hex();
    let manifest = format!(
        r#"[{{"Config":"{name}.json","RepoTags":["debian/eol:lenny"],"Layers":["copy/layer.tar"]}}]"#
    );
    let members = [
        TarMember::file("manifest.json", &manifest),
        TarMember::file(format!("{name}.json"), &config),
        TarMember::file("id/layer.tar", &layer),
        TarMember::symlink("copy/layer.tar", "../id/layer.tar"),
    ];
    env.write("docker.tar", tar(&members));
    let digest = env.run(&["rootfs", "digest", "oci:image"]);
    assert!(digest.starts_with("exit code: 0"), "{digest}");
    for reference in [
        "oci-archive:oci.tar",
        "docker-archive:docker.tar",
        "docker-archive:docker.tar:debian/eol:lenny",
    ] {
        assert_eq!(env.run(&["rootfs", "digest", reference]), digest);
    }
    insta::assert_snapshot!(env.run(&["rootfs", "digest", "docker-archive:docker.tar:other"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: there is no such image; there is debian/eol:lenny
    ");
    insta::assert_snapshot!(env.run(&["rootfs", "diff", "oci:image", "docker-archive:docker.tar"]), @"
    exit code: 0
    ----- stdout -----
    verified: 0 differences in 2 and 2 entries, the same layer tars: their blobs are packed differently
    ----- stderr -----
    ");
    let outside = [
        TarMember::file("manifest.json", &manifest),
        TarMember::file(format!("{name}.json"), &config),
        TarMember::symlink("copy/layer.tar", "/etc/passwd"),
    ];
    env.write("docker.tar", tar(&outside));
    insta::assert_snapshot!(env.run(&["rootfs", "digest", "docker-archive:docker.tar"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: the image has no copy/layer.tar
    ");
}

#[test]
fn edits_of_a_tree_never_leave_it() {
    let env = TestEnv::new();
    let canary = env.write("canary/file", "untouched");
    let root = env.path().join("tree");
    fs::create_dir(&root).unwrap();
    symlink(env.path().join("canary"), root.join("absolute")).unwrap();
    symlink("../canary", root.join("relative")).unwrap();
    symlink(&canary, root.join("file")).unwrap();
    symlink("../canary/file", root.join("other")).unwrap();
    let tree = TreeRoot::open(&root).unwrap();
    assert_eq!(tree.read("file").unwrap(), None);
    assert_eq!(tree.read("relative/file").unwrap(), None);
    tree.write("file", b"edited", 0o4640).unwrap();
    assert_eq!(tree.read("file").unwrap().unwrap(), b"edited");
    tree.write("relative/file", b"edited", 0o644).unwrap_err();
    tree.create_dir_all("canary").unwrap();
    tree.write("relative/file", b"edited", 0o644).unwrap();
    assert_eq!(fs::read(root.join("canary/file")).unwrap(), b"edited");
    assert!(!tree.remove_file("absolute/file").unwrap());
    assert!(tree.remove_tree("relative").unwrap());
    tree.set_mode("other", 0o777).unwrap_err();
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    tree.set_owner("other", user.as_raw(), group.as_raw())
        .unwrap();
    assert_eq!(
        tree.read("../canary/file").unwrap_err().to_string(),
        "`../canary/file` is no path below a root"
    );
    assert_eq!(
        tree.list(".").unwrap(),
        [&b"absolute"[..], b"canary", b"file", b"other"]
    );
    assert_eq!(fs::read(&canary).unwrap(), b"untouched");
    assert_eq!(fs::metadata(&canary).unwrap().len(), 9);
}
