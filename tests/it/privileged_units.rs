//! The files for production: systemd takes them, the firewall's tools take them, and a host that has them passes `doctor`.

use std::{fs, path::Path, process::Command};

use crate::env::TestEnv;

/// Writes the files for a machine; returns the folder's environment.
fn written(machine: &str) -> TestEnv {
    let env = TestEnv::new();
    let config = format!("[container]\nmachine = \"{machine}\"\n");
    env.write("migrate-verify.toml", config);
    let text = env.run(&["units", "--output", "out"]);
    assert!(text.starts_with("exit code: 0\n"), "{text}");
    env
}

/// Runs a shell script; returns whether it ended well, and all that it printed.
fn shell(program: &[&str], script: &str, folder: &Path) -> (bool, String) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tools of the host, outside of the program under test"
    )]
    let output = Command::new(program[0])
        .args(&program[1..])
        .args(["sh", "-ec", script])
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = str::from_utf8(&text).unwrap().to_owned();
    (output.status.success(), text)
}

#[test]
fn files_for_production_are_listed_and_written_once() {
    let env = written("ctr");
    let text = env.run(&["units", "--output", "out"]);
    insta::assert_snapshot!(text, @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: out is not empty
    hint: name a new folder: files of an earlier time would be mixed up with these
    ");
    let text = env.run(&["units", "--output", "other", "--format", "json", "--quiet"]);
    insta::assert_snapshot!(text, @r#"
    exit code: 0
    ----- stdout -----
    {
      "files": [
        "etc/systemd/system/app-nspawn@.service",
        "etc/systemd/journald@ctr.conf",
        "etc/systemd/network/70-ve-ctr.network",
        "etc/systemd/networkd.conf.d/50-app-nspawn.conf",
        "etc/sysctl.d/60-app-nspawn.conf",
        "etc/nftables.d/app-nspawn.nft",
        "usr/local/sbin/app-nspawn-iptables"
      ],
      "machine": "ctr",
      "schema_version": 1
    }
    ----- stderr -----
    "#);
}

#[test]
fn systemd_takes_the_service_and_misses_what_is_wrong_in_another() {
    let env = written("ctr");
    let folder = env.path().join("out/etc/systemd/system");
    let verify = "SYSTEMD_UNIT_PATH=$PWD:/lib/systemd/system systemd-analyze verify --man=no app-nspawn@ctr.service";
    let (well, text) = shell(&["env"], verify, &folder);
    assert!(well && !text.contains("app-nspawn"), "{text}");
    let path = folder.join("app-nspawn@.service");
    let unit = fs::read_to_string(&path).unwrap();
    fs::write(&path, unit.replace("KillMode=mixed", "KilMode=mixed")).unwrap();
    let (_, text) = shell(&["env"], verify, &folder);
    assert!(text.contains("KilMode"), "{text}");
}

#[test]
fn a_unit_written_by_hand_is_told_what_it_lacks() {
    let env = written("ctr");
    let path = "out/etc/systemd/system/app-nspawn@.service";
    let text = env.run(&["doctor", "--unit", path]);
    assert!(text.starts_with("exit code: 0\n"), "{text}");
    let unit = fs::read_to_string(env.path().join(path)).unwrap();
    env.write(
        "mine.service",
        unit.replace("--kill-signal=SIGINT", "--quiet"),
    );
    let text = env.run(&["doctor", "--unit", "mine.service"]);
    assert!(text.starts_with("exit code: 3\n"), "{text}");
    assert!(
        text.contains("! unit/kill-signal: no --kill-signal; sysvinit ignores"),
        "{text}"
    );
}

#[test]
fn privileged_the_firewalls_take_the_rules_and_a_host_that_drops_lets_a_guest_through_then() {
    let env = written("ctr");
    let networkd = "mount -t tmpfs tmpfs /run; cp /bin/sleep /run/systemd-networkd; /run/systemd-networkd 60 & ip link set lo up;";
    let rules = "iptables -P FORWARD DROP; iptables -P INPUT DROP; iptables -A INPUT -m state --state ESTABLISHED -j ACCEPT;";
    let ours = "out/usr/local/sbin/app-nspawn-iptables";
    let nft = "nft -f out/etc/nftables.d/app-nspawn.nft; nft -f out/etc/nftables.d/app-nspawn.nft";
    let doctor = format!("{} doctor --quiet", env!("CARGO_BIN_EXE_migrate-verify"));
    let apart = [
        "unshare",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
    ];
    let run = |script: &str| {
        shell(
            &apart,
            &format!("{networkd} {rules} {script}; {doctor} || true"),
            env.path(),
        )
        .1
    };
    let before = run("true");
    for name in ["dhcp", "forward-rules"] {
        assert!(before.contains(&format!("! preflight/{name}:")), "{before}");
    }
    let after = run(&format!(
        "{ours} add; {ours} add; test $(iptables -S FORWARD | grep -c ve-) = 2"
    ));
    for name in ["dhcp", "forward-rules", "dhcp-checksum"] {
        assert!(after.contains(&format!("= preflight/{name}:")), "{after}");
    }
    let removed = run(&format!(
        "{ours} add; {ours} remove; test $(iptables-save | grep -c ve-) = 0"
    ));
    assert!(removed.contains("! preflight/forward-rules:"), "{removed}");
    let by_nft = run(nft);
    assert!(by_nft.contains("= preflight/dhcp-checksum:"), "{by_nft}");
}
