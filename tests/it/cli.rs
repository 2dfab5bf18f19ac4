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

#[test]
fn a_new_project_passes_doctor_and_is_never_overwritten() {
    let env = TestEnv::new();
    insta::assert_snapshot!(env.run(&["init", "school"]), @"
    exit code: 0
    ----- stdout -----
    school/migrate-verify.toml
    school/scenarios/home.toml
    ----- stderr -----
    next: write into migrate-verify.toml what the old server is, and into scenarios/ what people do with it
    next: migrate-verify doctor
    ");
    let report = env.run(&["doctor", "--project", "school", "--format", "json", "-q"]);
    let json = report.split_once("----- stdout -----\n").unwrap().1;
    let json = json.split_once("----- stderr -----").unwrap().0;
    let report: serde_json::Value = serde_json::from_str(json).unwrap();
    let cases = report["stages"][0]["cases"].as_array().unwrap();
    for id in ["preflight/image", "preflight/scenarios"] {
        let case = cases.iter().find(|case| case["id"] == id).unwrap();
        assert_eq!(case["outcome"], "same", "{case}");
    }
    insta::assert_snapshot!(env.run(&["init", "school"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: school/migrate-verify.toml exists
    hint: name another folder: nothing is overwritten
    ");
}

#[test]
fn packagers_get_completions_and_one_manual_page_for_each_command() {
    let env = TestEnv::new();
    let bash = env.run(&["completions", "bash"]);
    assert!(
        bash.starts_with("exit code: 0") && bash.contains("--find-cause"),
        "{bash}"
    );
    let page = env.run(&["man"]);
    assert!(
        page.starts_with("exit code: 0") && page.contains(".TH migrate-verify 1"),
        "{page}"
    );
    assert!(
        env.run(&["man", "--output", "man"])
            .starts_with("exit code: 0")
    );
    assert!(
        env.path()
            .join("man/migrate-verify-rootfs-verify.1")
            .exists()
    );
}

#[test]
fn a_run_that_ends_without_a_report_does_not_leave_the_one_before_as_the_latest() {
    let env = TestEnv::new();
    env.write("migrate-verify.toml", "[image]\nsorce = \"oci:image\"\n");
    let report = r#"{ "schema_version": 1, "verdict": "verified", "id": "old", "subject": "oci:image", "started_at": "2026-01-31T23:59:59Z",
        "stages": [ { "name": "boot", "outcome": "same", "took_ms": 1, "cases": [
            { "id": "boot/ready", "outcome": "same", "reason": "it answers", "differences": [] } ] } ], "not_compared": [] }"#;
    env.write("runs/old/report.json", report);
    std::os::unix::fs::symlink("old", env.path().join("runs/latest")).unwrap();
    assert!(env.run(&["run"]).starts_with("exit code: 2"));
    // Now its verdict is asked for, as CI does.
    env.write("migrate-verify.toml", "");
    insta::assert_snapshot!(env.run(&["report"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: [PROJECT]/runs/latest: is no run: it has no report.json
    hint: no run has ended with a report since the last one was started; earlier ones are in [PROJECT]/runs
    ");
    assert!(env.run(&["report", "old"]).starts_with("exit code: 0"));
}
