//! Hosts that lack something, made of this one by namespaces: each lack is a finding, and what can't be looked at is not run.

use std::{collections::BTreeMap, process::Command};

use crate::env::TestEnv;

/// A host's own mounts, network and processes; the links, rules and mounts of this one are not touched.
const APART: [&str; 6] = [
    "--mount",
    "--net",
    "--pid",
    "--fork",
    "--mount-proc",
    "--kill-child",
];

/// A process that looks like systemd-networkd: the kernel keeps 15 characters of its name.
const NETWORKD: &str = "cp /bin/sleep /run/systemd-networkd; /run/systemd-networkd 60 & ";

/// Findings by the name of the check: outcome and reason.
type Findings = BTreeMap<String, (String, String)>;

/// Runs `doctor` on a host that a shell script has prepared, in namespaces of its own.
fn doctor(namespaces: &[&str], script: &str) -> Findings {
    let env = TestEnv::new();
    env.write("migrate-verify.toml", "[container]\nmachine = \"ctr\"\n");
    let program = env!("CARGO_BIN_EXE_migrate-verify");
    // A /run of its own, as a booted host would have it.
    let script = format!(
        "mount -t tmpfs tmpfs /run; ip link set lo up || true; {script}; exec {program} doctor --quiet --format json"
    );
    #[expect(clippy::disallowed_methods, reason = "the program under test")]
    let output = Command::new("unshare")
        .args(namespaces)
        .args(["sh", "-ec", &script])
        .current_dir(env.path())
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = str::from_utf8(&text).unwrap();
    let document: serde_json::Value =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let cases = document["stages"][0]["cases"].as_array().unwrap();
    cases
        .iter()
        .map(|case| {
            let word = |key: &str| case[key].as_str().unwrap().to_owned();
            let name = word("id").trim_start_matches("preflight/").to_owned();
            (name, (word("outcome"), word("reason")))
        })
        .collect()
}

/// Asserts that a check has an outcome and says some words.
#[track_caller]
fn assert_finding(findings: &Findings, name: &str, outcome: &str, words: &str) {
    let (found, reason) = &findings[name];
    assert!(
        found == outcome && reason.contains(words),
        "{name}: {found}: {reason}"
    );
}

#[test]
fn privileged_a_host_without_lacks_passes_every_check_of_its_own() {
    let findings = doctor(&APART, "true");
    for (name, (outcome, reason)) in &findings {
        // The project of this test has neither image nor scenarios.
        let of_the_project = ["image", "scenarios"].contains(&name.as_str());
        let expected = if of_the_project { "broken" } else { "same" };
        assert_eq!(outcome, expected, "{name}: {reason}");
    }
    assert_finding(&findings, "forwarding", "same", "does not apply");
    assert_finding(&findings, "traffic", "same", "was answered");
    assert_finding(&findings, "vsyscall", "same", "a call tells the time");
}

#[test]
fn privileged_packets_that_the_host_drops_are_findings_with_the_rule() {
    let rules = "iptables -P FORWARD DROP; iptables -A INPUT -p udp --dport 67 -j DROP";
    let findings = doctor(
        &APART,
        &format!(
            "{NETWORKD} ip link add eth0 type veth peer name eth1; ip link set eth0 up; ip link set eth1 up; ip route add default dev eth0; echo 0 > /proc/sys/net/ipv4/ip_forward; {rules}"
        ),
    );
    assert_finding(&findings, "traffic", "same", "was answered");
    assert_finding(&findings, "dhcp", "broken", "--dport 67");
    assert_finding(&findings, "forwarding", "broken", "ip_forward is 0");
    assert_finding(&findings, "forward-rules", "broken", "FORWARD DROP");
    assert_finding(&findings, "dhcp-checksum", "not_run", "--rootfs DIR");

    let fill =
        "iptables -t mangle -A POSTROUTING -o ve-+ -p udp --dport 68 -j CHECKSUM --checksum-fill";
    let findings = doctor(
        &APART,
        &format!("{NETWORKD} echo 1 > /proc/sys/net/ipv4/ip_forward; {fill}"),
    );
    for name in ["dhcp", "forwarding", "forward-rules", "dhcp-checksum"] {
        assert_finding(&findings, name, "same", "");
    }

    let findings = doctor(&APART, "iptables -A INPUT -i ve-+ -j DROP");
    assert_finding(&findings, "traffic", "broken", "-A INPUT -i ve-+ -j DROP");
}

#[test]
fn privileged_an_address_that_networkd_takes_away_at_first_is_no_packet_dropped() {
    // What systemd-networkd does with a foreign address when it first sees a link that it manages.
    let takes_away = "(until link=$(ls /sys/class/net | grep ve-mvp); do sleep 0.005; done; \
        for time in $(seq 40); do ip -4 address flush dev $link; sleep 0.01; done) & ";
    let findings = doctor(&APART, &format!("{takes_away} {NETWORKD} true"));
    for name in ["traffic", "dhcp", "forward-rules"] {
        assert_finding(&findings, name, "same", "");
    }
    let drops = "iptables -A OUTPUT -o ve-+ -j DROP";
    let findings = doctor(&APART, &format!("{takes_away} {NETWORKD} {drops}"));
    assert_finding(&findings, "traffic", "broken", "OUTPUT -o ve-+ -j DROP");
}

#[test]
fn privileged_a_file_system_that_is_small_or_mounted_otherwise_is_a_finding() {
    let mount = |options: &str| {
        doctor(
            &APART,
            &format!(
                "mkdir -p /var/lib/migrate-verify; mount -t tmpfs -o {options} tmpfs /var/lib/migrate-verify"
            ),
        )
    };
    let findings = mount("nosuid,nodev,size=100m,nr_inodes=5000");
    assert_finding(
        &findings,
        "mount-flags",
        "broken",
        "mounted with nosuid,nodev",
    );
    assert_finding(&findings, "disk", "broken", "MiB free");
    assert_finding(&findings, "inodes", "broken", "inodes free");
    assert_finding(&findings, "idmapped-mounts", "same", "");

    let overlay = "mkdir -p /run/upper /run/work /var/lib/migrate-verify; mount -t overlay -o lowerdir=/usr/share/doc,upperdir=/run/upper,workdir=/run/work overlay /var/lib/migrate-verify";
    let findings = doctor(&APART, overlay);
    assert_finding(&findings, "user-namespaces", "same", "one was made");
    assert_finding(&findings, "idmapped-mounts", "broken", "ID mapped mounts");
}

#[test]
fn privileged_a_host_without_user_namespaces_is_a_finding_and_no_guest_is_started() {
    // The limit counts in the user namespace in which it is set: this host keeps its own.
    let namespaces = [&["--user", "--map-root-user"], &APART[..]].concat();
    let findings = doctor(
        &namespaces,
        "mkdir -p /run/state; mount -t tmpfs tmpfs /var/lib; echo 0 > /proc/sys/user/max_user_namespaces",
    );
    assert_finding(
        &findings,
        "user-namespaces",
        "broken",
        "max_user_namespaces",
    );
    assert_finding(&findings, "idmapped-mounts", "not_run", "");
}
