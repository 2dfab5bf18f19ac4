//! The command line: usage, errors in project files, exit codes.

use crate::env::TestEnv;

#[test]
fn a_folder_without_a_project_is_named_with_the_way_out() {
    let env = TestEnv::new();
    insta::assert_snapshot!(env.run(&["run"]), @"");
}

#[test]
fn a_mistake_in_the_project_file_is_named_with_line_and_column() {
    let env = TestEnv::new();
    env.write("migrate-verify.toml", "[image]\nsorce = \"oci:image\"\n");
    insta::assert_snapshot!(env.run(&["run"]), @"");
}
