//! Images that other tools built, unpacked: the tree is the one that GNU tar makes of the same layers.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use migrate_verify::{
    image::{self, ImageReference},
    progress::Silent,
    reproducibility::compare,
    rootfs::{self, Budget, FindingKind, Listing, RootfsPath},
};

use crate::{
    env::{ImageBuilder, Packing},
    rootfs_tar::make_tree,
};

/// Where the builders work.
struct Builders {
    folder: tempfile::TempDir,
    /// Those that are not installed.
    missing: Vec<&'static str>,
}

impl Builders {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a program in the folder; returns the last line that it prints.
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        #[expect(clippy::disallowed_methods, reason = "the peer that is compared with")]
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("BUILDAH_ISOLATION", "chroot")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {output:?}"
        );
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().last().unwrap_or_default().to_owned()
    }

    /// Returns whether a program is installed; in CI every one must be.
    fn has(&mut self, program: &'static str) -> bool {
        let path = std::env::var_os("PATH").unwrap();
        let found = std::env::split_paths(&path).any(|folder| folder.join(program).exists());
        if !found {
            self.missing.push(program);
        }
        found
    }

    /// A store of its own for buildah and podman, which need neither overlayfs nor cgroups then.
    fn store(&self, program: &str, arguments: &[&str]) -> String {
        let (store, run) = (format!("{program}-store"), format!("{program}-run"));
        let (store, run) = (self.path(&store), self.path(&run));
        let store = [
            "--root",
            store.to_str().unwrap(),
            "--runroot",
            run.to_str().unwrap(),
            "--storage-driver",
            "vfs",
        ];
        self.run(program, &[&store, arguments].concat())
    }
}

/// Lets every builder make images of the same tree; returns their references.
fn build(builders: &mut Builders) -> Vec<String> {
    let mut images = Vec::new();
    if builders.has("umoci") {
        builders.run("umoci", &["init", "--layout", "umoci"]);
        builders.run("umoci", &["new", "--image", "umoci:one"]);
        let layer = ["raw", "add-layer", "--image", "umoci:one", "source.tar"];
        builders.run("umoci", &layer);
        builders.run("umoci", &["unpack", "--image", "umoci:one", "bundle"]);
        fs::write(builders.path("bundle/rootfs/d/new"), "umoci's own layer").unwrap();
        builders.run("umoci", &["repack", "--image", "umoci:two", "bundle"]);
        images.extend(["oci:umoci:one", "oci:umoci:two"]);
        if builders.has("skopeo") {
            for target in ["docker-archive:skopeo-docker.tar", "oci-archive:skopeo.tar"] {
                let copy = ["--insecure-policy", "copy", "oci:umoci:two", target];
                builders.run("skopeo", &copy);
                images.push(target);
            }
        }
    }
    if builders.has("buildah") {
        let name = builders.store("buildah", &["from", "scratch"]);
        builders.store("buildah", &["add", "--quiet", &name, "source.tar", "/"]);
        builders.store("buildah", &["commit", "--quiet", &name, "oci:buildah:one"]);
        images.push("oci:buildah:one");
    }
    if builders.has("podman") {
        let name = "localhost/source:one";
        builders.store("podman", &["import", "--quiet", "source.tar", name]);
        for format in ["oci-archive", "docker-archive"] {
            let file = format!("podman-{format}.tar");
            let save = [
                "save", "--quiet", "--format", format, "--output", &file, name,
            ];
            builders.store("podman", &save);
        }
        images.push("oci-archive:podman-oci-archive.tar");
        images.push("docker-archive:podman-docker-archive.tar");
    }
    let mut images: Vec<String> = images.into_iter().map(str::to_owned).collect();
    let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/stand-in/image");
    assert!(
        stand_in.join("index.json").exists(),
        "{} is missing: run ci/stand-in.sh as root",
        stand_in.display()
    );
    images.push(format!("oci:{}:stand-in", stand_in.display()));
    if builders.has("mmdebstrap")
        && let Some(tar) = mmdebstrap(builders)
    {
        let layout = builders.path("mmdebstrap");
        ImageBuilder::new()
            .raw_layer(tar, Packing::Gzip)
            .write(&layout);
        images.push("oci:mmdebstrap".to_owned());
    }
    images
}

/// Returns the tar of a few packages; `None` where the host has no package sources.
fn mmdebstrap(builders: &Builders) -> Option<Vec<u8>> {
    let sources = Path::new("/etc/apt/sources.list.d/debian.sources");
    let release = fs::read_to_string("/etc/os-release").unwrap();
    let suite = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    if !sources.exists() {
        return None;
    }
    let packages = "--include=base-files,base-passwd,login";
    let options = ["--quiet", "--variant=extract", packages, "--format=tar"];
    let target = [suite, "mmdebstrap.tar", sources.to_str().unwrap()];
    builders.run("mmdebstrap", &[&options[..], &target].concat());
    Some(fs::read(builders.path("mmdebstrap.tar")).unwrap())
}

/// Unpacks an image's layers with GNU tar, one over the other.
fn unpack_with_tar(builders: &Builders, image: &image::Image, target: &Path) -> Listing {
    fs::create_dir(target).unwrap();
    for layer in &image.layers {
        let mut reader = image.read(layer).unwrap();
        let mut tar = fs::File::create(builders.path("layer.tar")).unwrap();
        std::io::copy(&mut reader, &mut tar).unwrap();
        let options = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf"];
        let target = ["layer.tar", "-C", target.to_str().unwrap()];
        builders.run("tar", &[&options[..], &target].concat());
    }
    rootfs::walk(target).unwrap()
}

#[test]
fn privileged_images_of_other_builders_are_unpacked_as_gnu_tar_unpacks_them() {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test needs root: it makes devices and changes owners"
    );
    let mut builders = Builders {
        folder: tempfile::tempdir_in("/var/tmp").unwrap(),
        missing: Vec::new(),
    };
    make_tree(&builders.path("source"));
    let pack = [
        "--format=pax",
        "--xattrs",
        "-C",
        "source",
        "-cf",
        "source.tar",
        ".",
    ];
    builders.run("tar", &pack);
    let images = build(&mut builders);
    let mut counts = BTreeMap::new();
    for (number, name) in images.iter().enumerate() {
        let (kind, path) = name.split_once(':').unwrap();
        let reference = format!("{kind}:{}", builders.path(path).display());
        let image = image::open(&ImageReference::parse(&reference).unwrap()).unwrap();
        let target = builders.path(&format!("ours-{number}"));
        let unpacked = rootfs::unpack(&image, &target, &Budget::default(), &Silent).unwrap();
        let kept = |kind: &FindingKind| !matches!(kind, FindingKind::NotKept { .. });
        let findings = &unpacked.findings;
        assert!(
            findings.iter().all(|one| kept(&one.kind)),
            "{name}: {findings:?}"
        );
        let target = builders.path(&format!("tar-{number}"));
        let (mut ours, mut tars) = (
            unpacked.listing,
            unpack_with_tar(&builders, &image, &target),
        );
        // Not every builder writes the root itself, and tar leaves it as it was made then.
        for listing in [&mut ours, &mut tars] {
            listing.entries.remove(&RootfsPath::root());
        }
        assert_eq!(compare(&tars, &ours), [], "{name}");
        counts.insert(name, ours.entries.len());
    }
    assert!(counts.values().all(|&entries| entries > 8), "{counts:?}");
    let missing = &builders.missing;
    assert!(
        missing.is_empty() || std::env::var_os("CI").is_none(),
        "in CI every builder must be installed: {missing:?}"
    );
    #[expect(
        clippy::print_stderr,
        reason = "a test that leaves something out says so"
    )]
    if !missing.is_empty() {
        eprintln!("not installed, and not compared: {missing:?}");
    }
}
