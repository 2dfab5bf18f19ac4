//! The command line: usage, errors in project files, exit codes.

use crate::env::TestEnv;

#[test]
fn a_folder_without_a_project_is_named_with_the_way_out() {
    let env = TestEnv::new();
    insta::assert_snapshot!(env.run(&["run"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: [PROJECT]: is in no project: there is no migrate-verify.toml here or above
    hint: go to the project, or name it with --project DIR
    ");
}

#[test]
fn a_mistake_in_the_project_file_is_named_with_line_and_column() {
    let env = TestEnv::new();
    env.write("migrate-verify.toml", "[image]\nsorce = \"oci:image\"\n");
    insta::assert_snapshot!(env.run(&["run"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: [PROJECT]/migrate-verify.toml:2:1: unknown field `sorce`, expected `source`
    ");
}

#[test]
fn data_that_the_disk_does_not_take_is_no_success() {
    let env = TestEnv::new();
    env.write("tree/file", "content");
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    #[expect(clippy::disallowed_methods, reason = "the program under test")]
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_migrate-verify"))
        .args(["rootfs", "digest", "tree", "--format", "json"])
        .current_dir(env.path())
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        str::from_utf8(&output.stderr).unwrap(),
        "error: standard output cannot be written: No space left on device (os error 28)\n"
    );
}
