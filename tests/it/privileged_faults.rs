//! Faults of a guest, planted one by one in a guest that is a static shell: each is told by its name, and nothing stays behind.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use migrate_verify::{
    machine::{BootConfig, Layer, Machine, MachineError, Stop, boot, listeners},
    tool::Toolbox,
};

use crate::env::{ImageBuilder, Packing};

/// A static program that is a whole userland.
const BUSYBOX: &str = "/bin/busybox";

/// The commands that the scripts call.
const COMMANDS: [&str; 12] = [
    "sh", "sleep", "halt", "reboot", "kill", "httpd", "nc", "logger", "true", "cat", "poweroff",
    "ip",
];

/// Time for a guest of this kind to do anything.
const LIMIT: Duration = Duration::from_secs(10);

/// A guest whose /sbin/init is a script.
pub(crate) struct Guest {
    // Not below /tmp, which systemd-nspawn is not shown.
    pub(crate) folder: tempfile::TempDir,
}

impl Guest {
    /// Makes a tree whose init runs `start`, and `on_interrupt` when SIGINT comes.
    pub(crate) fn new(start: &str, on_interrupt: &str) -> Self {
        assert!(
            Path::new(BUSYBOX).exists(),
            "apt-get install busybox-static"
        );
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let guest = Self { folder };
        for name in [
            "bin", "sbin", "dev", "etc", "proc", "run", "sys", "tmp", "usr", "var", "root", "srv",
        ] {
            fs::create_dir_all(guest.tree().join(name)).unwrap();
        }
        fs::copy(BUSYBOX, guest.tree().join("bin/busybox")).unwrap();
        for name in COMMANDS {
            symlink("busybox", guest.tree().join("bin").join(name)).unwrap();
        }
        fs::write(guest.tree().join("etc/os-release"), "ID=test\n").unwrap();
        fs::write(guest.tree().join("srv/index.html"), "ok").unwrap();
        let init = format!(
            "#!/bin/sh\nexport PATH=/bin\ntrap '{on_interrupt}' INT\n{start}\nwhile true; do sleep 1 & wait $!; done\n"
        );
        guest.program("sbin/init", &init);
        guest
    }

    /// Returns its tree.
    pub(crate) fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    fn program(&self, path: &str, text: &str) {
        let path = self.tree().join(path);
        let _link = fs::remove_file(&path);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    async fn boot(&self, name: &str) -> Result<Machine, MachineError> {
        let config = BootConfig {
            tree: self.tree(),
            layer: Layer::ThrowAway,
            machine: format!("mvt-{name}"),
            hostname: "ctr".to_owned(),
            folder: self.folder.path().to_owned(),
            registered: false,
            interfaces: None,
            apart: BTreeSet::new(),
            uplinks: BTreeSet::new(),
        };
        let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from);
        boot(config, LIMIT, &Toolbox::new(folders.into())).await
    }

    /// Runs `boot` of the program on this tree; returns its exit code and what it says.
    fn boot_by_program(&self, before: &str) -> (i32, String) {
        let project = self.folder.path().join("project");
        fs::create_dir_all(&project).unwrap();
        let config = "[rootfs]\nrecipe = \"none\"\n[container]\nmachine = \"ctr\"\nready = \"/index.html\"\nboot_timeout = \"2s\"\nstop_timeout = \"2s\"\n";
        fs::write(project.join("migrate-verify.toml"), config).unwrap();
        let script = format!(
            "ip link set lo up; {before} exec timeout --signal=INT 60 {} boot --quiet --project {} --rootfs {}",
            env!("CARGO_BIN_EXE_migrate-verify"),
            project.display(),
            self.tree().display()
        );
        #[expect(clippy::disallowed_methods, reason = "the program under test")]
        let output = Command::new("unshare")
            .args(["--net", "sh", "-ec", &script])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = text.utf8_chunks().map(|chunk| chunk.valid()).collect();
        (output.status.code().unwrap_or(-1), text)
    }
}

impl Guest {
    /// Does a whole `run` with one scenario that reads; returns the cases of a stage.
    fn run_by_program(&self, stage: &str) -> Vec<serde_json::Value> {
        let report = self.report_by_program("mutates = false");
        let stages = report["stages"].as_array().unwrap();
        let stage = stages.iter().find(|one| one["name"] == stage);
        stage.unwrap()["cases"].as_array().unwrap().clone()
    }

    /// Makes an image of the tree and does a whole `run` of it, with one scenario and no database; returns the report.
    fn report_by_program(&self, line: &str) -> serde_json::Value {
        let folder = self.folder.path();
        let mut layer = tar::Builder::new(Vec::new());
        layer.follow_symlinks(false);
        layer.append_dir_all(".", self.tree()).unwrap();
        let image = ImageBuilder::new()
            .raw_layer(layer.into_inner().unwrap(), Packing::Gzip)
            .write(&folder.join("image"));
        let project = folder.join("project");
        fs::create_dir_all(project.join("scenarios")).unwrap();
        let config = format!(
            "[image]\nsource = \"{image}\"\n[rootfs]\nsource_date_epoch = 1332979200\nrecipe = \"none\"\n[container]\nmachine = \"ctr\"\nexpose = [80]\nready = \"/index.html\"\nboot_timeout = \"5s\"\nstop_timeout = \"5s\"\n[run]\nwithout = [\"database\"]\n"
        );
        fs::write(project.join("migrate-verify.toml"), config).unwrap();
        let scenario = format!(
            "title = \"A page\"\n{line}\n[[step]]\nname = \"page\"\nrequest = \"GET /index.html\"\n"
        );
        fs::write(project.join("scenarios/page.toml"), scenario).unwrap();
        let program = |arguments: &[&str]| {
            #[expect(clippy::disallowed_methods, reason = "the program under test")]
            let output = Command::new(env!("CARGO_BIN_EXE_migrate-verify"))
                .args(arguments)
                .arg("--project")
                .arg(&project)
                .env_clear()
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .output()
                .unwrap();
            output.stdout
        };
        program(&["lock", "--quiet"]);
        let json = program(&["run", "--quiet", "--vary=-all", "--format", "json"]);
        serde_json::from_slice(&json).unwrap()
    }
}

/// Boots, lets the guest come up, stops it.
async fn stopped(guest: &Guest, name: &str, limit: Duration) -> (Stop, String) {
    let mut machine = guest.boot(name).await.unwrap();
    let deadline = std::time::Instant::now() + LIMIT;
    while !machine.journal.console_tail(50).contains("init is up") {
        machine
            .still_runs("come up", deadline, LIMIT)
            .await
            .unwrap();
    }
    let (stop, journal) = machine.stop(limit).await.unwrap();
    (stop, journal.console_tail(50))
}

#[tokio::test]
async fn privileged_the_ways_in_which_a_guest_ends_are_told_apart() {
    let start = "echo init is up";
    let two = Duration::from_secs(2);
    let halts = Guest::new(start, "echo halting; poweroff -f");
    let (stop, console) = stopped(&halts, "halts", LIMIT).await;
    assert_eq!(stop, Stop::Halted, "{console}");
    assert!(console.contains("halting"), "{console}");

    // What `ctrlaltdel:/sbin/shutdown -r` comes to.
    let reboots = Guest::new(start, "reboot -f");
    let (stop, console) = stopped(&reboots, "reboots", LIMIT).await;
    assert_eq!(stop, Stop::Rebooted, "{console}");

    let ignores = Guest::new(start, "");
    let (stop, console) = stopped(&ignores, "ignores", two).await;
    assert_eq!(stop, Stop::Hung, "{console}");

    let fails = Guest::new(start, "exit 3");
    let (stop, console) = stopped(&fails, "fails", LIMIT).await;
    assert_eq!(stop, Stop::Ended("exit code 3".to_owned()), "{console}");

    let machine = halts.boot("killed").await.unwrap();
    let leader = rustix::process::Pid::from_raw(machine.leader.cast_signed()).unwrap();
    rustix::process::kill_process(leader, rustix::process::Signal::KILL).unwrap();
    let (stop, _journal) = machine.stop(LIMIT).await.unwrap();
    let Stop::Killed(how) = &stop else {
        panic!("{stop:?}");
    };
    assert!(how.contains("init was killed by KILL"), "{how}");
}

#[tokio::test]
async fn privileged_a_foreign_listener_is_seen_and_a_dead_syslog_too() {
    let start = "nc -l -p 3306 & nc -l -p 3307 -s 127.0.0.1 & echo init is up";
    let guest = Guest::new(start, "poweroff -f");
    // Its messages go nowhere: something in the guest has replaced /dev/log.
    guest.program("bin/logger", "#!/bin/sh\nexit 0\n");
    let machine = guest.boot("foreign").await.unwrap();
    let mut found = listeners(machine.leader).unwrap();
    let deadline = std::time::Instant::now() + LIMIT;
    while found.is_empty() && std::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
        found = listeners(machine.leader).unwrap();
    }
    let found: BTreeSet<u16> = found.iter().map(|one| one.port).collect();
    assert_eq!(found, [3306].into());
    assert_eq!(machine.syslog_round_trip("lost").await.unwrap(), None);
    machine.stop(LIMIT).await.unwrap();

    let guest = Guest::new("echo init is up", "poweroff -f");
    let machine = guest.boot("syslog").await.unwrap();
    assert!(
        machine
            .syslog_round_trip("arrives")
            .await
            .unwrap()
            .is_some()
    );
    machine.stop(LIMIT).await.unwrap();
}

#[test]
fn privileged_a_guest_that_never_answers_says_why_on_its_console() {
    let web = "httpd -f -p 80 -h /srv";
    // No service; one that ends with the whole guest; a port that another one has; packets that the host drops.
    let never = Guest::new("echo no service here", "poweroff -f");
    let crashes = Guest::new("echo starting; exit 7", "poweroff -f");
    let taken = Guest::new(
        &format!("nc -ll -p 80 -e echo no & sleep 1; {web} &"),
        "poweroff -f",
    );
    let fine = Guest::new(&format!("{web} &"), "poweroff -f");
    let drops = "iptables -A INPUT -i ve-+ -j DROP;";
    let table: [(&Guest, &str, &[&str]); 4] = [
        (&never, "", &["did not answer http://", "no service here"]),
        (
            &crashes,
            "",
            &["systemd-nspawn ended with exit code 7 before the guest was up"],
        ),
        (
            &taken,
            "",
            &["did not answer http://", "Address already in use"],
        ),
        (&fine, drops, &["did not answer http://"]),
    ];
    for (guest, before, words) in table {
        let (code, text) = guest.boot_by_program(before);
        assert_eq!(code, 3, "{words:?}: {text}");
        for words in words {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}

/// What the stage `shutdown` says of the second boot of a guest that does `start`: outcomes, and what was found.
fn second_boot(start: &str) -> String {
    let cases = Guest::new(start, "poweroff -f").run_by_program("shutdown");
    let told = |case: &serde_json::Value| {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let (outcome, difference) = (text(&case["outcome"]), &case["differences"][0]);
        let found = match outcome.as_str() {
            "different" => format!(
                "{}: {}",
                text(&difference["locus"]),
                text(&difference["actual"])
            ),
            "broken" => text(&case["reason"]),
            _ => String::new(),
        };
        format!("{} {outcome} {found}", text(&case["id"]))
            .trim()
            .to_owned()
    };
    let lines = cases.iter().map(told).filter(|line| line.contains("-boot"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn privileged_who_does_without_the_database_is_told_what_else_is_not_looked_at() {
    let guest = Guest::new("httpd -f -p 80 -h /srv &", "poweroff -f");
    let report = guest.report_by_program("mutates = true");
    let told = |line: &&serde_json::Value| line.as_str().unwrap().starts_with("side effects");
    let lines = report["not_compared"].as_array().unwrap().iter();
    let lines: Vec<_> = lines.filter(told).collect();
    let expected = "side effects of scenarios (rows, files, mail): run.without names `database`, and nobody looked at them";
    assert_eq!(lines, [expected]);
}

#[test]
fn privileged_a_fault_that_only_a_second_boot_shows_is_named() {
    let web = "httpd -f -p 80 -h /srv &";
    insta::assert_snapshot!(second_boot(web), @"
    shutdown/second-boot/halt same
    shutdown/second-boot/listeners same
    shutdown/second-boot/errors same
    shutdown/second-boot/tree same
    ");
    // A script that goes another way where it has been before: the first boot of every tree looks right.
    let again = |what: &str| {
        format!(
            "{web} if [ -e /etc/was-here ]; then {what} fi; [ -e /etc/was-here ] || echo x > /etc/was-here"
        )
    };
    insta::assert_snapshot!(second_boot(&again("nc -ll -p 8080 -e echo no &")), @"
    shutdown/second-boot/halt same
    shutdown/second-boot/listeners different tcp port 8080 on ::: listens
    shutdown/second-boot/errors same
    shutdown/second-boot/tree same
    ");
    insta::assert_snapshot!(second_boot(&again("logger -t mysqld -p daemon.err table is marked as crashed;")), @"
    shutdown/second-boot/halt same
    shutdown/second-boot/listeners same
    shutdown/second-boot/errors different syslog of mysqld: table is marked as crashed
    shutdown/second-boot/tree same
    ");
    insta::assert_snapshot!(second_boot(&again("echo y > /etc/second;")), @"
    shutdown/second-boot/halt same
    shutdown/second-boot/listeners same
    shutdown/second-boot/errors same
    shutdown/second-boot/tree different etc/second: file
    ");
    // A lock that a stop leaves keeps the service away.
    let locked = "if [ ! -e /etc/lock ]; then echo x > /etc/lock; httpd -f -p 80 -h /srv & fi";
    let found = second_boot(locked);
    let expected = "shutdown/second-boot broken a tree that was booted before: second boot: the guest did not answer http://";
    assert!(found.starts_with(expected), "{found}");
}
