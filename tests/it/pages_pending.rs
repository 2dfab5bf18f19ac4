//! Answers that differ wait for a person: listed, accepted for a reason, rejected; none makes anything green in silence.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use crate::env::{LegacyServer, Reply, TestEnv, now};

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
    recorded_from(LegacyServer::start())
}

fn recorded_from(old: LegacyServer) -> (TestEnv, LegacyServer) {
    let env = TestEnv::new();
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
        text.contains("snapshots/login/01-page.snap.new: pending"),
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
fn the_document_says_where_each_answer_that_waits_differs_first_and_in_what() {
    let (env, _old) = recorded();
    offer(&env, &LegacyServer::with(0, changed), 1);
    insta::assert_snapshot!(ends(&env, &["pending", "--format", "json"], 1), @r#"
    exit code: 1
    ----- stdout -----
    {
      "pending": [
        {
          "added": [
            "Content-Type: text/plain"
          ],
          "answers": [
            {
              "aspect": "header value",
              "cause": "the type differs: mime.types, AddType or the script's header()",
              "locus": "header Content-Type",
              "name": "crc/01-page"
            }
          ],
          "members": [
            "crc/01-page"
          ],
          "removed": [
            "Content-Type: text/html"
          ]
        },
        {
          "added": [
            "<p>footer of 2026</p>"
          ],
          "answers": [
            {
              "aspect": "added line",
              "cause": null,
              "locus": "body line 7",
              "name": "login/01-page"
            },
            {
              "aspect": "added line",
              "cause": null,
              "locus": "body line 6",
              "name": "static/01-page"
            }
          ],
          "members": [
            "login/01-page",
            "static/01-page"
          ],
          "removed": []
        }
      ],
      "schema_version": 1
    }
    ----- stderr -----
    "#);
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
    let told = "not compared with the old server's answer, but with one that a person accepted: 1\n    replay/login/01-page (the new footer)\n";
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

/// Puts the time of day in a time zone into a page.
fn shows_the_time(zone: &str, reply: &mut Reply) {
    let now = jiff::Timestamp::from_second(now()).unwrap();
    let time = now.in_tz(zone).unwrap().strftime("%H:%M:%S").to_string();
    reply.replace("-1098453117", &time);
}

#[test]
fn a_clock_of_another_time_zone_is_shown_though_the_page_has_the_same_lines() {
    let (env, _old) = recorded_from(LegacyServer::with(0, |path, reply| {
        if path.starts_with("/crc.php") {
            shows_the_time("Europe/Bratislava", reply);
        }
    }));
    let new = LegacyServer::with(0, |path, reply| {
        if path.starts_with("/crc.php") {
            shows_the_time("UTC", reply);
        }
    });
    offer(&env, &new, 1);
    let text = ends(&env, &["pending"], 1);
    assert!(text.contains("crc/01-page:\n  - {{"), "{text}");
    assert!(text.contains("\"zone\":\"utc\""), "{text}");
}

#[test]
fn an_accepted_answer_is_not_offered_again() {
    let (env, _old) = recorded();
    let new = LegacyServer::with(0, changed);
    offer(&env, &new, 1);
    ends(&env, &["accept", "--all", "--reason", "wanted"], 0);
    offer(&env, &new, 0);
    ends(&env, &["pending"], 0);
    ends(&env, &["replay", "--quiet", "--server", &new.url], 0);
}

#[test]
fn a_pending_answer_that_was_renamed_makes_nothing_green() {
    let (env, _old) = recorded();
    let new = LegacyServer::with(0, changed);
    offer(&env, &new, 1);
    for name in ["login", "static", "crc"] {
        let path = env.path().join(format!("snapshots/{name}/01-page.snap"));
        fs::rename(path.with_extension("snap.new"), &path).unwrap();
    }
    let text = ends(&env, &["replay", "--server", &new.url], 3);
    assert!(
        text.contains("waits for a decision, put here without one"),
        "{text}"
    );
    ends(&env, &["check"], 2);
}

#[test]
fn an_answer_to_what_no_scenario_asks_is_named_by_check_and_not_accepted() {
    let (env, _old) = recorded();
    let new = LegacyServer::with(0, changed);
    offer(&env, &new, 1);
    let scenario = |request: &str| {
        format!("title = \"A page\"\n[[step]]\nname = \"page\"\nrequest = \"{request}\"\n")
    };
    env.write("scenarios/login.toml", scenario("GET /login.php?lang=sk"));
    let renamed = scenario("GET /crc.php").replace("\"page\"", "\"sum\"");
    env.write("scenarios/crc.toml", renamed);
    fs::remove_file(env.path().join("scenarios/static.toml")).unwrap();
    let text = ends(&env, &["check"], 1);
    for expected in [
        "snapshots/login/01-page.snap.new: outdated",
        "snapshots/crc/01-page.snap.new: stale",
        "snapshots/static/01-page.snap.new: stale",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let before = fs::read(env.path().join("snapshots/login/01-page.snap")).unwrap();
    for name in ["login", "crc", "static"] {
        let text = ends(&env, &["accept", name, "--reason", "wanted"], 2);
        assert!(
            text.contains("something else than the scenario asks"),
            "{text}"
        );
    }
    assert_eq!(
        fs::read(env.path().join("snapshots/login/01-page.snap")).unwrap(),
        before
    );
    ends(&env, &["reject", "--all"], 0);
    ends(&env, &["pending"], 0);
}

#[test]
fn an_answer_that_is_given_no_more_is_different_and_nothing_waits_in_its_place() {
    let (env, old) = recorded();
    let scenario =
        "title = \"A page\"\n[[step]]\nname = \"page\"\nrequest = \"GET /stare\"\nfollow = true\n";
    env.write("scenarios/moved.toml", scenario);
    let record = ["record", "moved", "--rate", "1000", "--quiet", "--server"];
    ends(&env, &[&record[..], &[&old.url]].concat(), 0);
    assert!(
        env.path()
            .join("snapshots/moved/01-page.hop1.snap")
            .exists()
    );
    let new = LegacyServer::with(0, |path, reply| {
        if path.starts_with("/stare") {
            "HTTP/1.1 200 OK".clone_into(&mut reply.status);
        }
    });
    let text = offer(&env, &new, 1);
    assert!(
        text.contains(
            "different: replay/moved/01-page.hop1: recorded, and not given by this server"
        ),
        "{text}"
    );
}

/// Answers the questions of `review`, on a terminal that script(1) makes.
fn review(env: &TestEnv, answers: &str) {
    #[expect(clippy::disallowed_methods, reason = "the program under test")]
    let mut script = Command::new("script");
    let program = env!("CARGO_BIN_EXE_migrate-verify");
    script
        .args([
            "--quiet",
            "--command",
            &format!("{program} review"),
            "/dev/null",
        ])
        .current_dir(env.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut running = script.spawn().unwrap();
    let mut stdin = running.stdin.take().unwrap();
    stdin.write_all(answers.as_bytes()).unwrap();
    running.wait().unwrap();
}

#[test]
fn review_takes_members_out_of_a_group_one_by_one_and_needs_a_reason() {
    let (env, _old) = recorded();
    let new = LegacyServer::with(0, changed);
    offer(&env, &new, 1);
    // crc: accepted without a reason. The footer's group one by one: login is accepted, static is rejected.
    review(&env, "a\n\no\na\nthe new footer\nr\n");
    let text = ends(&env, &["pending"], 1);
    assert!(text.contains("crc/01-page:"), "{text}");
    assert!(text.contains("1 answers wait for a decision"), "{text}");
    let text = ends(&env, &["check"], 1);
    let accepted = "login/01-page.snap: accepted, not the old server's answer: the new footer";
    assert!(
        text.contains(accepted) && !text.contains("static"),
        "{text}"
    );
}
