//! Builds that leak what they see of where they run: each leak is named, and its variation is confirmed by building again.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use migrate_verify::digest::Sha256Digest;

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
        (
            "build-path",
            "build path: the build path leaked (`i-capture-the-",
        ),
        (
            "host-name",
            "sentinel: the host name leaked (`i-capture-the-",
        ),
        (
            "time-zone",
            "sentinel: the time zone leaked (`i-capture-the-",
        ),
        ("locale", "locale: the locale leaked (`"),
        ("umask", "sentinel: the umask leaked (0022 and 0002)"),
        (
            "environment",
            "sentinel: the environment leaked (`i-capture-the-",
        ),
        ("user", "sentinel: user or home leaked (`i-capture-the-"),
        ("readdir-order", "order: the same lines in another order"),
        ("processors", "are the numbers of processors; line 1: `"),
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
    let (code, report) = verify(
        &env,
        &["--seed", "5", "--rounds", "2", "--vary", "-time,-locale"],
    );
    assert_eq!(code, "exit code: 0", "{report:#}");
    assert_eq!(cases(&report)["reproducibility/round-2"]["outcome"], "same");
    // No library can be preloaded into a static program, whether the host has it or not.
    let (code, report) = verify(&env, &["--seed", "5", "--vary", "-locale"]);
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

/// Writes one leak a file, in a Debian tree; the file has the name of what must be named.
const CAUSES: &str = r#"#!/bin/sh
set -e
umask 0022
mkdir -p /srv/leaks /srv/names
cd /srv/leaks
date +%s > epoch
LC_ALL=C date > words
date +%F > day
date +%Y > year
perl -e 'print pack("xV", time)' > little
perl -e 'print pack("xN", time)' > big
perl -e '@t = gmtime; print pack("xvv", $t[2] << 11 | $t[1] << 5 | $t[0] >> 1, ($t[5] - 80) << 9 | ($t[4] + 1) << 5 | $t[3])' > dos
ls -i epoch | cut -d" " -f1 > inode
stat -c %d . > device
perl -ne 'print if s/^processes //' /proc/stat > counter
printf -- "-----BEGIN RSA PRIVATE KEY-----\n%s\n-----END RSA PRIVATE KEY-----\n" "$(cat /proc/sys/kernel/random/uuid)" > key
for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do : > "/srv/names/$number"; done
find /srv/names > order
printf '\305\276iak\n' | iconv -f UTF-8 -t "$(locale charmap)" > charset
printf '%s\n' "$0" > build-path
printf '%s\n' "$LC_ALL" > locale
hostname > sentinel
for user in one two three; do : > "user-$user"; chown "leak-$user" "user-$user"; done
"#;

/// Makes a package that adds a user when it is configured, and its paragraph of a package list.
fn package(folder: &Path, name: &str) -> String {
    let tree = folder.join(name);
    fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    let control = format!(
        "Package: leak-{name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: adds a user\n"
    );
    fs::write(tree.join("DEBIAN/control"), &control).unwrap();
    let script = tree.join("DEBIAN/postinst");
    fs::write(
        &script,
        format!("#!/bin/sh\nuseradd --system leak-{name}\n"),
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let file = format!("leak-{name}_1_all.deb");
    #[expect(clippy::disallowed_methods, reason = "a package for the test")]
    let mut command = std::process::Command::new("dpkg-deb");
    let made = command
        .args(["--build", "--root-owner-group"])
        .arg(&tree)
        .arg(folder.join(&file))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let bytes = fs::read(folder.join(&file)).unwrap();
    format!(
        "{control}Filename: ./{file}\nSize: {}\nSHA256: {}\n\n",
        bytes.len(),
        sha256(&bytes)
    )
}

fn sha256(bytes: &[u8]) -> String {
    Sha256Digest::of(bytes).to_string().replace("sha256:", "")
}

/// Writes a project on the stand-in image that installs three packages and leaks in every way.
fn debian_project() -> TestEnv {
    let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/stand-in/image");
    assert!(
        image.join("index.json").exists(),
        "{} is missing: run ci/stand-in.sh as root",
        image.display()
    );
    let env = TestEnv::new();
    let repository = env.path().join("repository");
    let list: String = ["one", "two", "three"]
        .map(|name| package(&repository, name))
        .concat();
    fs::write(repository.join("Packages"), list).unwrap();
    env.write("causes.sh", CAUSES);
    env.write(
        "migrate-verify.toml",
        format!(
            "[image]\nsource = \"oci:{}:stand-in\"\n\n[rootfs]\nsource_date_epoch = 1332979200\nrecipe = \"none\"\n\
             sources = [\"deb [trusted=yes] file:{} ./\"]\npackages = [\"leak-one\", \"leak-two\", \"leak-three\"]\nscripts = [\"causes.sh\"]\n",
            image.display(),
            repository.display()
        ),
    );
    let locked = env.run(&["lock", "-q"]);
    assert!(locked.starts_with("exit code: 0"), "{locked}");
    env
}

/// Returns the causes of what differs below /srv/leaks, by name.
fn leaks(report: &serde_json::Value) -> BTreeMap<String, String> {
    let compared = cases(report);
    let differences = compared["reproducibility/two-builds"]["differences"].as_array();
    let leak = |one: &serde_json::Value| {
        let name = one["locus"].as_str()?.strip_prefix("srv/leaks/")?;
        Some((name.to_owned(), one["cause"].as_str()?.to_owned()))
    };
    differences.unwrap().iter().filter_map(leak).collect()
}

#[test]
fn privileged_each_class_of_causes_is_named_in_a_debian_tree() {
    let env = debian_project();
    let (code, report) = verify(&env, &["--seed", "3"]);
    assert_eq!(code, "exit code: 1", "{report:#}");
    for (id, case) in cases(&report) {
        assert_ne!(case["outcome"], "not_run", "{id}: {case}");
    }
    let causes = leaks(&report);
    let table = [
        ("epoch", "time: `"),
        ("words", "time: `"),
        ("day", "time: `"),
        ("year", "time: 20"),
        ("little", "time: seconds since 1970, little-endian"),
        ("big", "time: seconds since 1970, big-endian"),
        ("dos", "time: a DOS time"),
        ("inode", "inode number: "),
        ("device", "device number: "),
        ("counter", "counter: "),
        ("key", "key material (RSA PRIVATE KEY)"),
        ("order", "order: the same lines in another order"),
        ("charset", "locale: the same text, in UTF-8 and in CP1250"),
        ("build-path", "build path: the build path leaked (`"),
        ("locale", "locale: the locale leaked (`"),
        ("sentinel", "sentinel: the host name leaked (`"),
    ];
    for (name, class) in table {
        let cause = causes.get(name).map_or("", String::as_str);
        assert!(cause.contains(class), "{name}: {cause}\n{report:#}");
    }
    let users: Vec<_> = causes
        .iter()
        .filter(|(name, _)| name.starts_with("user-"))
        .collect();
    assert!(!users.is_empty(), "{report:#}");
    for (name, cause) in users {
        assert!(
            cause.contains("uid allocation: user `leak-"),
            "{name}: {cause}"
        );
    }
}

#[test]
fn privileged_time_and_installation_order_are_confirmed_by_building_again() {
    let env = debian_project();
    let varied = "-all,+time,+installation-order";
    let (code, report) = verify(&env, &["--seed", "3", "--vary", varied, "--find-cause"]);
    assert_eq!(code, "exit code: 1", "{report:#}");
    let causes = leaks(&report);
    for (name, confirmed) in [
        ("day", "confirmed: differs with this alone: time"),
        ("year", "confirmed: differs with this alone: time"),
        ("epoch", "confirmed: no variation"),
        ("key", "confirmed: no variation"),
        (
            "user-one",
            "confirmed: differs with this alone: installation-order",
        ),
    ] {
        let cause = causes.get(name).map_or("", String::as_str);
        assert!(cause.contains(confirmed), "{name}: {cause}\n{report:#}");
    }
}
