//! A disk that is full: told with what helps, and nothing stays.

use std::{fs, process::Command};

use crate::env::{ImageBuilder, Packing};

#[test]
fn privileged_a_full_disk_is_told_with_what_helps_and_nothing_is_left_behind() {
    let project = tempfile::tempdir_in("/var/tmp").unwrap();
    let mut layer = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(8 << 20);
    header.set_mode(0o644);
    layer
        .append_data(&mut header, "large", vec![7; 8 << 20].as_slice())
        .unwrap();
    let image = ImageBuilder::new()
        .raw_layer(layer.into_inner().unwrap(), Packing::Gzip)
        .write(&project.path().join("image"));
    let config = format!(
        "[image]\nsource = \"{image}\"\n[rootfs]\nsource_date_epoch = 1332979200\nrecipe = \"none\"\n"
    );
    fs::write(project.path().join("migrate-verify.toml"), config).unwrap();
    let script = "\
        \"$1\" lock --quiet --project \"$2\" > /dev/null\n\
        mkdir -p /var/lib/migrate-verify\n\
        mount -t tmpfs -o size=4M tmpfs /var/lib/migrate-verify\n\
        \"$1\" rootfs build --quiet --project \"$2\" --output /var/lib/migrate-verify/built || echo \"exit code $?\"\n\
        find /var/lib/migrate-verify -mindepth 1 | sort";
    #[expect(clippy::disallowed_methods, reason = "the program under test")]
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-ec", script, "sh"])
        .arg(env!("CARGO_BIN_EXE_migrate-verify"))
        .arg(project.path())
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    let text = [output.stderr, output.stdout].concat();
    let text: String = text.utf8_chunks().map(|chunk| chunk.valid()).collect();
    let text = text.replace(&project.path().display().to_string(), "PROJECT");
    insta::assert_snapshot!(text, @r"
    error: can't unpack the image oci:PROJECT/image: the tree can't be made: can't write large: No space left on device (os error 28)
    hint: a file system is full: trees stand below /var/lib/migrate-verify while a run works, packages and images of registries below /var/cache/migrate-verify; `df -h` and `df -i` show which it is, `migrate-verify clean` removes what dead runs left
    exit code 3
    /var/lib/migrate-verify/work
    /var/lib/migrate-verify/work.lock
    ");
}
