//! The whole product on a real guest: a right copy is verified, a wrong one named, and whatever is killed leaves nothing.

use std::{
    fs,
    path::Path,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::env::DemoProject;

/// Waits until a file holds some words.
fn await_words(path: &Path, words: &str) {
    let deadline = Instant::now() + Duration::from_secs(240);
    while !fs::read_to_string(path).unwrap_or_default().contains(words) {
        assert!(
            Instant::now() < deadline,
            "no `{words}` in {}",
            fs::read_to_string(path).unwrap_or_default()
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the id of the run that wrote these messages.
fn run_id(messages: &Path) -> String {
    let text = fs::read_to_string(messages).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("progress: run "));
    line.unwrap_or_else(|| panic!("no run in {text}"))
        .to_owned()
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// What a run leaves while it lives: marked processes, its link, its folder, mounts, temporary folders of systemd-nspawn.
fn traces(run: &str) -> Vec<String> {
    let machine = format!("mv-{}", run.rsplit('-').next().unwrap());
    let mark = format!("MIGRATE_VERIFY_RUN={run}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment
            .split(|&byte| byte == 0)
            .any(|one| one == mark.as_bytes())
        {
            found.push(format!("process {}", entry.path().display()));
        }
    }
    for (folder, part) in [
        ("/sys/class/net", machine.as_str()),
        ("/var/lib/migrate-verify/work", run),
        ("/run/systemd/nspawn/propagate", &machine),
        ("/tmp", "nspawn-"),
    ] {
        let entries = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        found.extend(
            names
                .filter(|name| name.contains(part))
                .map(|name| format!("{folder}/{name}")),
        );
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let of_ours = mounts
        .lines()
        .filter(|line| line.contains("migrate-verify"));
    found.extend(of_ours.map(|line| format!("mount {line}")));
    found
}

/// Makes seven things go wrong at once.
fn damage(project: &DemoProject) {
    let site = "tests/legacy/overlay/etc/apache2/sites-available/skola.conf";
    project.edit(site, b"AddDefaultCharset Off", b"AddDefaultCharset UTF-8");
    project.edit("tests/legacy/dump.sql", b"Kremnica", b"Kremnice");
    project.edit(
        "tests/legacy/dump.sql",
        b"'2004-09-15 09:26:58'",
        b"'2004-09-15 09:27:58'",
    );
    let page = "tests/legacy/overlay/var/www/skola/subory.php";
    project.edit(page, b"mail('riaditel@", b"mail('tajomnik@");
    project.edit(
        page,
        br#"move_uploaded_file($s['tmp_name'], "$adresar/$cesta")"#,
        br#"file_put_contents("$adresar/$cesta", file_get_contents($s['tmp_name']) . '!')"#,
    );
    let prepare = fs::read_to_string(project.path("tests/legacy/prepare.sh")).unwrap();
    let azores = prepare.replace("Europe/Bratislava", "Atlantic/Azores");
    fs::write(project.path("tests/legacy/prepare.sh"), azores).unwrap();
    let packages = fs::read_to_string(project.path("target/demo/packages.txt")).unwrap();
    let line = packages
        .lines()
        .find(|line| line.starts_with("php8.2-mysql "))
        .unwrap();
    project.edit(
        "target/demo/packages.txt",
        line.as_bytes(),
        b"php8.2-mysql 5.2.6.dfsg.1-1+lenny3",
    );
}

/// What must be named of them.
const NAMED: [&str; 8] = [
    "package php8.2-mysql",
    "AddDefaultCharset",
    "time zone shifted by",
    "Kremnice",
    "log[id=2].kedy",
    "To: tajomnik@",
    "created file.line",
    "it is not the server's clock, in the old server's time zone",
];

#[test]
fn privileged_a_right_copy_is_verified_and_a_wrong_one_is_named() {
    let project = DemoProject::with_pristine_server();
    project.record_and_lock();
    // A second in a column that may differ by two.
    project.edit(
        "tests/legacy/dump.sql",
        b"'2004-09-08 08:13:29'",
        b"'2004-09-08 08:13:30'",
    );
    project.edit(
        "migrate-verify.toml",
        b"[effects]",
        b"[[database.tolerance]]\ncolumn = \"log.kedy\"\nwithin = \"2s\"\nreason = \"x\"\n\n[effects]",
    );
    let (code, text) = project.run(&["run"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("VERIFIED"), "{text}");
    let (_, json) = project.run(&["report", "latest", "--format", "json"]);
    for expected in [
        "database/effects/uprava-ziaka/04-ulozenie",
        "database: log.kedy: 1 cell differs by at most 2 s (x)",
    ] {
        assert!(json.contains(expected), "{expected}: {json}");
    }

    for done in ["created file", "sent mail"] {
        let effects = fs::read_to_string(project.path("snapshots/vlozenie-suboru/effects.txt"));
        assert!(effects.unwrap().contains(done), "{done}");
    }

    damage(&project);
    let (code, text) = project.run(&["run", "--format", "json"]);
    assert_eq!(code, 1, "{text}");
    for expected in NAMED {
        assert!(text.contains(expected), "{expected} is not named: {text}");
    }
}

#[test]
fn privileged_a_killed_run_leaves_nothing_after_clean() {
    let project = DemoProject::new();
    let messages = project.path("messages");
    let moments = [
        ("run", "second build: unpack", 300),
        ("run", "second build: packages", 2000),
        ("boot", "runlevel: 2", 100),
        ("run", "progress: database …", 50),
        ("run", "progress: second boot …", 4000),
    ];
    for (command, words, milliseconds) in moments {
        let mut child = project.start(&[command, "-v"], &messages);
        await_words(&messages, words);
        thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        let run = run_id(&messages);
        assert!(
            !traces(&run).is_empty(),
            "killed at `{words}`, nothing was there to leave"
        );
        let (code, text) = project.run(&["clean"]);
        assert_eq!(
            (code, traces(&run)),
            (0, Vec::<String>::new()),
            "killed at `{words}`: {text}"
        );
    }
}

#[test]
fn privileged_a_signal_while_it_builds_ends_it_and_a_second_one_at_once() {
    let project = DemoProject::new();
    let messages = project.path("messages");
    for (words, second) in [
        ("second build: packages", None),
        ("second build: unpack", Some(Signal::INT)),
    ] {
        let mut child = project.start(&["run", "-v"], &messages);
        await_words(&messages, words);
        signal(&child, Signal::HUP);
        if let Some(second) = second {
            await_words(&messages, "progress: waiting for what is being written");
            signal(&child, second);
        }
        let status = child.wait().unwrap();
        let text = fs::read_to_string(&messages).unwrap();
        assert_eq!(status.code(), Some(3), "{text}");
        assert!(text.contains("interrupted by SIG"), "{text}");
        let run = run_id(&messages);
        if second.is_some() {
            assert!(text.contains("migrate-verify clean"), "{text}");
            let (code, text) = project.run(&["clean"]);
            assert_eq!(code, 0, "{text}");
        }
        assert_eq!(traces(&run), Vec::<String>::new(), "{words}");
    }
}

#[test]
fn privileged_ctrl_c_stops_a_booted_guest_cleanly_and_leaves_nothing() {
    let project = DemoProject::new();
    let messages = project.path("messages");
    let mut child = project.start(&["boot", "-v"], &messages);
    await_words(&messages, "runlevel: 2");
    thread::sleep(Duration::from_secs(2));
    signal(&child, Signal::INT);
    let status = child.wait().unwrap();
    let text = fs::read_to_string(&messages).unwrap();
    assert_eq!(status.code(), Some(0), "{text}");
    assert!(text.contains("the guest has halted"), "{text}");
    assert_eq!(traces(&run_id(&messages)), Vec::<String>::new());
}
