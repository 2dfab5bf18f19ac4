//! Recorded pages on their own: `check` says what is wrong with their files, and every byte beside a hole counts.

use migrate_verify::{
    exchange::{Limits, Request, Server, send},
    replay::differences,
    snapshot::{Body, Template, store},
};

use crate::{
    env::LegacyServer,
    pages::{Project, asking},
};

/// The snapshot of the only step.
const SNAPSHOT: &str = "snapshots/one/01-page.snap";

async fn recorded(path: &str) -> (Project, LegacyServer) {
    let project = asking(path);
    let server = LegacyServer::start();
    project.record(&server).await;
    project.env.write("migrate-verify.toml", "");
    assert!(project.env.path().join(SNAPSHOT).is_file());
    (project, server)
}

/// Changes the text of the scenario or of the snapshot: a file, what stands in it, what then does.
type Edit = (&'static str, &'static str, &'static str);

#[tokio::test]
async fn check_names_what_is_wrong_with_the_files_of_a_project() {
    let (project, _server) = recorded("/login.php").await;
    let checked = project.env.run(&["check", "--secrets"]);
    assert!(
        checked.starts_with("exit code: 0")
            && checked.contains("1 scenarios, 1 snapshots: 0 findings"),
        "{checked}"
    );
    let table: [(Edit, i32, &str); 5] = [
        (
            ("scenarios/one.toml", "GET /login.php", "GET /login.php?x"),
            1,
            "01-page.snap: outdated",
        ),
        (
            ("scenarios/one.toml", "name = \"page\"", "name = \"other\""),
            1,
            "01-page.snap: stale",
        ),
        (
            ("scenarios/one.toml", "name = \"page\"", "name = \"other\""),
            1,
            "01-other.snap: missing",
        ),
        (
            (
                "scenarios/one.toml",
                "name = \"page\"",
                "name = \"page\"\nholes = [{ regex = 'vtip: (.*)', reason = \"drawn\" }]",
            ),
            1,
            "scenarios/one.toml: unused hole",
        ),
        (
            (SNAPSHOT, "Základná", "Stredná"),
            2,
            "01-page.snap: invalid",
        ),
    ];
    for ((file, from, to), code, expected) in table {
        let path = project.env.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let checked = project.env.run(&["check"]);
        assert!(
            checked.starts_with(&format!("exit code: {code}")) && checked.contains(expected),
            "{expected}: {checked}"
        );
        std::fs::write(&path, text).unwrap();
    }
    std::fs::rename(
        project.env.path().join("scenarios/one.toml"),
        project.env.path().join("scenarios/two.toml"),
    )
    .unwrap();
    let checked = project.env.run(&["check"]);
    assert!(
        checked.contains("snapshots/one: stale: there is no scenario of this name"),
        "{checked}"
    );
}

#[tokio::test]
async fn check_finds_secrets_that_slipped_through() {
    let (project, _server) = recorded("/login.php").await;
    let path = project.env.path().join(SNAPSHOT);
    let clean = store::read(&path).unwrap().unwrap();
    let secrets = [
        (
            Some("Set-Cookie"),
            "PHPSESSID=0123456789abcdef0123456789abcdef; path=/",
            "a cookie's value",
        ),
        (
            None,
            "<a href=\"?PHPSESSID=0123456789abcdef0123456789abcdef\">",
            "a session id in a link",
        ),
        (
            None,
            "mysql://skola:tajne@localhost/skola",
            "a password in an address",
        ),
        (None, "-----BEGIN RSA PRIVATE KEY-----", "a private key"),
    ];
    for (header, text, expected) in secrets {
        let mut snapshot = clean.clone();
        match header {
            Some(name) => snapshot
                .headers
                .push((name.to_owned(), Template::literal(text))),
            None => {
                if let Body::Text(page) = &mut snapshot.body {
                    page.push_text(text);
                }
            }
        }
        store::write(&path, &snapshot).unwrap();
        let checked = project.env.run(&["check", "--secrets"]);
        assert!(
            checked.starts_with("exit code: 1")
                && checked.contains(expected)
                && !checked.contains("0123456789"),
            "{expected}: {checked}"
        );
        let without = project.env.run(&["check"]);
        assert!(without.starts_with("exit code: 0"), "{without}");
    }
}

#[tokio::test]
async fn every_byte_of_a_page_with_holes_is_compared_but_for_the_values_in_them() {
    let (project, server) = recorded("/login.php").await;
    let snapshot = store::read(&project.env.path().join(SNAPSHOT))
        .unwrap()
        .unwrap();
    let Body::Text(template) = &snapshot.body else {
        panic!("a page is text");
    };
    let holes = template.holes().len();
    assert!(holes >= 2, "the page has a token in two places");
    let address = Server::parse(&server.url).unwrap();
    let answer = send(&address, &Request::get("/login.php"), &Limits::default())
        .await
        .unwrap();
    let compare = |answer: &_| differences(&snapshot, answer, &address.authority, &project.options);
    assert_eq!(compare(&answer), []);
    let mut unseen = 0;
    for at in 0..answer.body.len() {
        for byte in [b'x', b'0', b'<', b' ', 0xe8] {
            let mut other = answer.clone();
            other.body[at] = byte;
            if byte != answer.body[at] && compare(&other).is_empty() {
                unseen += 1;
            }
        }
    }
    // Two places hold one token, so that a digit of one alone is seen too.
    assert_eq!(unseen, 0);
    // A hole takes no empty value, no other shape, and no absurd length; nor is a page cut behind it the same.
    let text: Vec<u8> = answer.body.clone();
    let start = b"value=\"".len()
        + text
            .windows(7)
            .position(|window| window == b"value=\"")
            .unwrap();
    let end = start + text[start..].iter().position(|byte| *byte == b'"').unwrap();
    let token = text[start..end].to_vec();
    for value in [
        Vec::new(),
        b"undefined".to_vec(),
        token.to_ascii_uppercase(),
        token.repeat(40),
        b"<b>Fatal error</b>: x".to_vec(),
    ] {
        let mut other = answer.clone();
        let mut body = Vec::new();
        let mut rest = text.as_slice();
        while let Some(at) = rest.windows(token.len()).position(|window| window == token) {
            body.extend_from_slice(&rest[..at]);
            body.extend_from_slice(&value);
            rest = &rest[at + token.len()..];
        }
        body.extend_from_slice(rest);
        other.body = body;
        assert_ne!(compare(&other), [], "{value:?}");
    }
    for length in [start, end, end + 1] {
        let mut other = answer.clone();
        other.body.truncate(length);
        assert_ne!(compare(&other), [], "{length}");
    }
}
