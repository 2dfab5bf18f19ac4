//! Builds that leak what they see of where they run: each leak is named, and its variation is confirmed by building again.

use std::{collections::BTreeMap, fs, path::Path};

use crate::env::{ImageBuilder, TarMember, TestEnv};

/// A static program that is a whole userland.
const BUSYBOX: &str = "/bin/busybox";

/// The commands that the scripts call.
const COMMANDS: [&str; 10] = [
    "sh", "mkdir", "ln", "cp", "chmod", "cat", "hostname", "find", "nproc", "date",
];

/// Writes one leak a file; the file has the name of the variation that must be found guilty.
const LEAKS: &str = "#!/bin/sh
set -e
(umask 0022; mkdir -p /srv/leaks)
cd /srv/leaks
cat /proc/sys/kernel/random/uuid > none
hostname > host-name
date +%Z > time-zone
echo $LC_ALL > locale
echo mode > umask
chmod 0644 none host-name time-zone locale
umask 0022
echo \"$CAPTURE_ENVIRONMENT\" > environment
echo \"$HOME\" > user
echo \"$0\" > build-path
find /srv/names > readdir-order
nproc > processors
";

/// Returns whether this host can build; where it can't, says why, and fails in CI.
#[expect(clippy::print_stderr, reason = "a test that was not run must say so")]
fn can_build() -> bool {
    let root = rustix::process::geteuid().is_root();
    let able = root && Path::new(BUSYBOX).exists();
    assert!(
        able || option_env!("CI").is_none(),
        "CI must run this as root, with busybox-static"
    );
    if !able {
        eprintln!("not run: it needs root, and /bin/busybox of the package busybox-static");
    }
    able
}

/// Writes a project whose image is a static shell and a folder of many names.
fn project(script: &str) -> TestEnv {
    let env = TestEnv::new();
    let mut members: Vec<TarMember> = [
        "bin",
        "dev",
        "etc",
        "proc",
        "run",
        "srv",
        "srv/names",
        "sys",
        "tmp",
        "usr",
        "var",
    ]
    .into_iter()
    .map(TarMember::directory)
    .collect();
    members.push(TarMember {
        mode: 0o755,
        ..TarMember::file("bin/busybox", fs::read(BUSYBOX).unwrap())
    });
    members.extend(COMMANDS.map(|name| TarMember::symlink(format!("bin/{name}"), "busybox")));
    members.extend((0..40).map(|name| TarMember::file(format!("srv/names/{name}"), "")));
    ImageBuilder::new()
        .layer(&members)
        .write(&env.path().join("image"));
    env.write("leaks.sh", script);
    env.write(
        "migrate-verify.toml",
        "[image]\nsource = \"oci:image\"\n\n[rootfs]\nsource_date_epoch = 1332979200\nrecipe = \"none\"\nscripts = [\"leaks.sh\"]\n",
    );
    env
}

/// Runs `rootfs verify`; returns the exit code and the report.
fn verify(env: &TestEnv, arguments: &[&str]) -> (String, serde_json::Value) {
    let arguments = [&["rootfs", "verify", "--format", "json", "-q"], arguments].concat();
    let text = env.run(&arguments);
    let (code, rest) = text.split_once("\n----- stdout -----\n").unwrap();
    let (json, stderr) = rest.split_once("----- stderr -----\n").unwrap();
    let report =
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}{stderr}"));
    (code.to_owned(), report)
}

/// Returns the cases of the stage that compares, by id.
fn cases(report: &serde_json::Value) -> BTreeMap<String, serde_json::Value> {
    let stages = report["stages"].as_array().unwrap();
    let stage = stages
        .iter()
        .find(|stage| stage["name"] == "reproducibility")
        .unwrap();
    let cases = stage["cases"].as_array().unwrap();
    cases
        .iter()
        .map(|case| (case["id"].as_str().unwrap().to_owned(), case.clone()))
        .collect()
}

#[test]
fn privileged_each_leak_is_named_and_its_variation_confirmed() {
    if !can_build() {
        return;
    }
    let env = project(LEAKS);
    let (code, report) = verify(&env, &["--seed", "5", "--find-cause"]);
    assert_eq!(code, "exit code: 1", "{report:#}");
    let compared = cases(&report);
    let differences = compared["reproducibility/two-builds"]["differences"]
        .as_array()
        .unwrap();
    let causes: BTreeMap<&str, &str> = differences
        .iter()
        .map(|one| {
            let path = one["locus"].as_str().unwrap();
            let name = path.strip_prefix("srv/leaks/").unwrap_or(path);
            (name, one["cause"].as_str().unwrap_or_default())
        })
        .collect();
    let table = [
        ("build-path", "the build path leaked (`i-capture-the-"),
        ("host-name", "the host name leaked (`i-capture-the-"),
        ("time-zone", "the time zone leaked (`i-capture-the-"),
        ("locale", "the locale leaked (`"),
        ("umask", "the umask leaked (0022 and 0002)"),
        ("environment", "the environment leaked (`i-capture-the-"),
        ("user", "user or home leaked (`i-capture-the-"),
        ("readdir-order", "the same lines in another order"),
        ("processors", "line 1: `"),
        ("none", "line 1: `"),
    ];
    for (name, class) in table {
        let cause = causes.get(name).copied().unwrap_or_default();
        assert!(cause.contains(class), "{name}: {cause}\n{report:#}");
        let confirmed = match name {
            "none" => "confirmed: no variation".to_owned(),
            variation => format!("confirmed: differs with this alone: {variation}"),
        };
        assert!(cause.contains(&confirmed), "{name}: {cause}\n{report:#}");
    }
    assert_eq!(causes.len(), table.len(), "{report:#}");
}

#[test]
fn privileged_a_variation_that_was_asked_for_and_cannot_be_done_is_never_green() {
    if !can_build() {
        return;
    }
    let env = project("#!/bin/sh\numask 0022; echo nothing leaks > /srv/same\n");
    let (code, report) = verify(&env, &["--seed", "5", "--rounds", "2"]);
    assert_eq!(code, "exit code: 0", "{report:#}");
    assert_eq!(cases(&report)["reproducibility/round-2"]["outcome"], "same");
    // No library can be preloaded into a static program, whether the host has it or not.
    let (code, report) = verify(&env, &["--seed", "5", "--vary", "-locale,+time"]);
    assert_eq!(code, "exit code: 3", "{report:#}");
    let cases = cases(&report);
    assert_eq!(
        cases["reproducibility/variation/time"]["outcome"],
        "not_run"
    );
    assert_eq!(cases["reproducibility/two-builds"]["outcome"], "same");
    assert!(!cases.contains_key("reproducibility/variation/locale"));
    assert!(report.to_string().contains("(locale): switched off"));
}
