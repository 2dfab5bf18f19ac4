//! What an answer gives and a later request uses, without a `capture`: session ids in links, numbers of rows.

use migrate_verify::{
    outcome::{Carried, Verdict},
    replay::ReplayResult,
};

use crate::{
    env::LegacyServer,
    pages::{Project, findings},
};

/// Without cookies: the session's id is in the links.
const IN_LINKS: &str = r#"title = "Somebody without cookies looks a person up"
[[step]]
name = "list"
request = "GET /adresar.php"
[[step]]
name = "list-again"
request = "GET /adresar.php"
[[step]]
name = "person"
request = "GET /osoba.php?meno=Žofia"
"#;

/// The number of the row is in the redirect that nobody follows.
const ROW: &str = r#"title = "A pupil is added"
mutates = true
[[step]]
name = "add"
request = "POST /pridaj.php"
form = { meno = "Ján" }
[[step]]
name = "detail"
request = "GET /detail.php?id=${id}"
"#;

fn carried(result: &ReplayResult) -> Vec<String> {
    let line = |one: &Carried| {
        let steps = one.used_in.join(", ");
        format!("{}: {} -> {steps}", one.what, one.seen_in)
    };
    result.carried.iter().map(line).collect()
}

#[tokio::test]
async fn a_session_id_in_links_is_sent_as_by_somebody_who_follows_them() {
    let project = Project::new(&[("person", IN_LINKS)]);
    let server = LegacyServer::start();
    let recorded = project.record(&server).await;
    assert_eq!(Verdict::of(&recorded.cases), Verdict::Verified);
    let folder = project.env.path().join("snapshots/person");
    let page = std::fs::read_to_string(folder.join("03-person.snap")).unwrap();
    assert!(page.contains("Žofia, 3.B"), "{page}");
    assert!(page.contains("GET /osoba.php?meno=Žofia\""), "{page}");

    let result = project.replay(&server).await;
    assert_eq!(findings(&result), "");
    let expected = [
        "session id PHPSESSID in links: list -> list-again",
        "session id PHPSESSID in links: list-again -> person",
    ];
    assert_eq!(carried(&result), expected);
    assert_eq!(project.record(&server).await.written, 0);

    let without = LegacyServer::with(0, |path, reply| {
        if path == "/adresar.php" {
            let mut windows = reply.body.windows(5);
            let at = windows.position(|window| window == b"&amp;").unwrap();
            reply.body.drain(at..at + b"&amp;PHPSESSID=".len() + 32);
        }
    });
    let found = findings(&project.replay(&without).await);
    assert!(
        found.contains("replay/person/01-list | body line"),
        "{found}"
    );
    assert!(
        found.contains("| Žofia, 3.B | Neznámy návštevník |"),
        "{found}"
    );

    let renamed = LegacyServer::with(0, |path, reply| {
        if path == "/adresar.php" {
            reply.replace("adresár", "zoznam");
        }
    });
    let found = findings(&project.replay(&renamed).await);
    assert!(found.contains("?PHPSESSID=****\">zoznam</a>"), "{found}");
}

#[tokio::test]
async fn one_session_in_the_links_of_everybody_is_found() {
    let two = [("person", IN_LINKS), ("other", IN_LINKS)];
    for scenarios in [&two[..1], &two[..]] {
        let project = Project::new(scenarios);
        let server = LegacyServer::start();
        let recorded = project.record(&server).await;
        assert_eq!(Verdict::of(&recorded.cases), Verdict::Verified);
        assert_eq!(findings(&project.replay(&server).await), "");
        let shared = LegacyServer::with(0, |path, reply| {
            const FIXED: &[u8; 32] = b"9f86d081884c7d659a2feaa0c55ad015";
            let name = b"PHPSESSID=";
            let mut at = 0;
            while path == "/adresar.php" && at + name.len() + FIXED.len() <= reply.body.len() {
                if reply.body[at..].starts_with(name) {
                    let id = at + name.len();
                    reply.body[id..id + FIXED.len()].copy_from_slice(FIXED);
                }
                at += 1;
            }
        });
        let found = findings(&project.replay(&shared).await);
        assert!(
            found.contains("every visitor is given the same session"),
            "{found}"
        );
    }
}

#[tokio::test]
async fn the_number_of_a_new_row_is_taken_from_where_the_answer_leads() {
    let project = Project::new(&[("pupil", ROW)]);
    let server = LegacyServer::start();
    let recorded = project.record(&server).await;
    assert_eq!(Verdict::of(&recorded.cases), Verdict::Verified);
    let result = project.replay(&server).await;
    assert_eq!(findings(&result), "");
    assert_eq!(carried(&result), ["redirect parameter id: add -> detail"]);

    let other = LegacyServer::with(0, |path, reply| {
        if path == "/pridaj.php" {
            reply.header("Location", Some("detail.php?ziak=7"));
        }
    });
    let found = findings(&project.replay(&other).await);
    let missing = found.lines().find(|line| line.contains("/02-detail "));
    let missing = missing.unwrap_or_default();
    let given = "replay/pupil/02-detail | request | request | HTTP/1.1 200 OK | `${id}` has no value: no step before captures it";
    assert!(missing.starts_with(given), "{found}");
    assert!(missing.contains("which the old server's gave"), "{found}");
    assert!(
        found.contains("replay/pupil/01-add | header Location"),
        "{found}"
    );
}
