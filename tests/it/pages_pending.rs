//! Answers that differ wait for a person: listed, accepted for a reason, rejected; none makes anything green in silence.

use std::fs;

use crate::env::{LegacyServer, Reply, TestEnv};

/// Two pages get the same new footer, a third one loses a header.
fn changed(path: &str, reply: &mut Reply) {
    if path.starts_with("/static.html") || path.starts_with("/login.php") {
        reply.body.extend_from_slice(b"<p>footer of 2026</p>\n");
    } else if path.starts_with("/crc.php") {
        reply.header("Content-Type", Some("text/plain"));
    }
}

/// Records three pages from an old server.
fn recorded() -> (TestEnv, LegacyServer) {
    let (env, old) = (TestEnv::new(), LegacyServer::start());
    let config = format!(
        "[legacy]\nurl = \"{}\"\ncharset = \"windows-1250\"\ntimezone = \"Europe/Bratislava\"\n",
        old.url
    );
    env.write("migrate-verify.toml", config);
    for (name, path) in [
        ("static", "static.html"),
        ("login", "login.php"),
        ("crc", "crc.php"),
    ] {
        let scenario =
            format!("title = \"A page\"\n[[step]]\nname = \"page\"\nrequest = \"GET /{path}\"\n");
        env.write(&format!("scenarios/{name}.toml"), scenario);
    }
    let text = env.run(&["record", "--rate", "1000", "--quiet"]);
    assert!(text.starts_with("exit code: 0"), "{text}");
    (env, old)
}

fn ends(env: &TestEnv, arguments: &[&str], code: i32) -> String {
    let text = env.run(arguments);
    assert!(
        text.starts_with(&format!("exit code: {code}\n")),
        "{arguments:?}: {text}"
    );
    text
}

/// Offers what another server answers, without a change of any snapshot.
fn offer(env: &TestEnv, server: &LegacyServer, code: i32) -> String {
    let arguments = [
        "record",
        "--pending",
        "--rate",
        "1000",
        "--quiet",
        "--server",
        &server.url,
    ];
    ends(env, &arguments, code)
}

#[test]
fn an_answer_that_waits_is_listed_and_decides_nothing() {
    let (env, old) = recorded();
    let new = LegacyServer::with(0, changed);
    let file = |name: &str| env.path().join("snapshots").join(name);
    let before = fs::read(file("login/01-page.snap")).unwrap();
    let text = offer(&env, &new, 1);
    assert!(text.contains("3 answers wait for a decision"), "{text}");
    assert_eq!(fs::read(file("login/01-page.snap")).unwrap(), before);
    assert!(insta::Snapshot::from_file(&file("login/01-page.snap.new")).is_ok());
    ends(&env, &["replay", "--quiet", "--server", &new.url], 1);
    let text = ends(&env, &["check"], 1);
    assert!(
        text.contains("snapshots/login/01-page.snap: pending"),
        "{text}"
    );
    // What changes in the same way is one group.
    insta::assert_snapshot!(ends(&env, &["pending"], 1), @"
    exit code: 1
    ----- stdout -----
    crc/01-page:
      - Content-Type: text/html
      + Content-Type: text/plain
    login/01-page, static/01-page:
      + <p>footer of 2026</p>
    3 answers wait for a decision
    ----- stderr -----
    ");
    let text = ends(&env, &["review"], 2);
    assert!(text.contains("there is no terminal"), "{text}");
    let text = ends(&env, &["accept", "login/01-pgae", "--reason", "x"], 2);
    assert!(
        text.contains("no answer `login/01-pgae` is pending"),
        "{text}"
    );
    ends(&env, &["accept", "login", "--reason", " "], 2);
    // What no longer differs waits no longer.
    offer(&env, &old, 0);
    ends(&env, &["pending"], 0);
}

#[test]
fn an_answer_is_accepted_for_a_reason_and_every_later_report_says_so() {
    let (env, old) = recorded();
    let new = LegacyServer::with(0, changed);
    let path = env.path().join("snapshots/login/01-page.snap");
    let before = fs::read(&path).unwrap();
    offer(&env, &new, 1);
    // A whole group, but for one of its members.
    let group = ["--like", "login/01-page", "--except", "static"];
    let accept = [&["accept"], &group[..], &["--reason", "the new footer"]].concat();
    assert!(ends(&env, &accept, 0).contains("\naccepted login/01-page\n"));
    ends(&env, &["reject", "crc", "static"], 0);
    ends(&env, &["pending"], 0);

    // The accepted answer is compared, and named; the rejected ones still differ.
    let text = ends(&env, &["replay", "--server", &new.url], 1);
    let told = "not the old server's answer, but one that a person accepted: replay/login/01-page (the new footer)";
    assert!(text.contains(told), "{text}");
    assert!(!text.contains("≠ replay/login"), "{text}");
    for rejected in ["replay/static/01-page", "replay/crc/01-page"] {
        assert!(text.contains(rejected), "{text}");
    }
    let text = ends(&env, &["check", "--format", "json"], 0);
    assert!(text.contains("the new footer"), "{text}");

    // Who takes the reason away breaks the seal.
    let accepted = fs::read_to_string(&path).unwrap();
    let without = accepted.replace("  accepted: \"the new footer\"\n", "");
    assert_ne!(without, accepted);
    fs::write(&path, without).unwrap();
    ends(&env, &["check"], 2);
    fs::write(&path, accepted).unwrap();

    // The old server is asked again: its word counts.
    let text = ends(&env, &["record", "--rate", "1000", "--server", &old.url], 0);
    assert!(
        text.contains("the answer that was accepted (the new footer) is replaced"),
        "{text}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}
