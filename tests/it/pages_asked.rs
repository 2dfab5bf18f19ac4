//! How pages are asked for: the version of HTTP and the content codings belong to what is recorded, and answers differ by them.

use migrate_verify::{exchange::HttpVersion, outcome::Verdict, replay::check_files};

use crate::{
    env::{LegacyServer, TestEnv},
    pages::{Project, findings},
};

/// Two pages, the second one always in HTTP/1.0.
const BOTH: &str = r#"title = "Pages"
[[step]]
name = "as-usual"
request = "GET /header.php"
[[step]]
name = "monitored"
request = "GET /header.php HTTP/1.0"
"#;

fn snapshot(project: &Project, file: &str) -> String {
    std::fs::read_to_string(project.env.path().join("snapshots/pages").join(file)).unwrap()
}

#[tokio::test]
async fn a_step_and_a_project_ask_in_http_1_0_and_the_old_server_answers_without_chunks() {
    let mut project = Project::new(&[("pages", BOTH)]);
    let server = LegacyServer::start();
    let recorded = project.record(&server).await;
    assert_eq!(Verdict::of(&recorded.cases), Verdict::Verified);
    let usual = snapshot(&project, "01-as-usual.snap");
    assert!(usual.contains("request: \"GET /header.php\""), "{usual}");
    assert!(usual.contains("framing: \"chunked\""), "{usual}");
    let old = snapshot(&project, "02-monitored.snap");
    assert!(
        old.contains("request: \"GET /header.php HTTP/1.0\""),
        "{old}"
    );
    assert!(old.contains("framing: \"close\""), "{old}");
    assert!(old.contains("- \"Connection: close\""), "{old}");
    assert_eq!(findings(&project.replay(&server).await), "");

    project.options.limits.dialect.version = HttpVersion::Http10;
    let found = findings(&project.replay(&server).await);
    insta::assert_snapshot!(found.trim_end(), @"replay/pages/01-as-usual | NotRun | it was recorded in HTTP/1.1 and is asked in HTTP/1.0 now: `record` it again");
    let snapshots = project.env.path().join("snapshots");
    let limits = &project.options.limits;
    let checked = check_files(&project.scenarios, &snapshots, limits, false).unwrap();
    assert_eq!(checked.findings.len(), 1);
    let recorded = project.record(&server).await;
    assert_eq!(Verdict::of(&recorded.cases), Verdict::Verified);
    let now = snapshot(&project, "01-as-usual.snap");
    assert!(now.contains("framing: \"close\""), "{now}");
    assert_eq!(findings(&project.replay(&server).await), "");
}

#[tokio::test]
async fn a_candidate_that_answers_http_1_0_with_chunks_is_different() {
    let project = Project::new(&[("pages", BOTH)]);
    let recorded = project.record(&LegacyServer::start()).await;
    assert_eq!(Verdict::of(&recorded.cases), Verdict::Verified);
    let new = LegacyServer::with(0, |path, reply| {
        if path == "/header.php" {
            let chunked =
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
            reply.raw = Some(chunked.to_vec());
        }
    });
    let found = findings(&project.replay(&new).await);
    assert!(
        found.contains("replay/pages/02-monitored | framing | framing | close | chunked | "),
        "{found}"
    );
}

#[tokio::test]
async fn of_the_parameters_of_keep_alive_the_count_alone_may_differ() {
    let project = Project::new(&[("pages", BOTH)]);
    let old = LegacyServer::with(0, |_, reply| {
        reply.header("Keep-Alive", Some("timeout=15, max=100"));
    });
    project.record(&old).await;
    let counted = LegacyServer::with(0, |_, reply| {
        reply.header("Keep-Alive", Some("timeout=15, max=97"));
    });
    assert_eq!(findings(&project.replay(&counted).await), "");
    let other = LegacyServer::with(0, |_, reply| {
        reply.header("Keep-Alive", Some("timeout=5, max=100"));
    });
    let found = findings(&project.replay(&other).await);
    assert!(
        found.contains("header Keep-Alive | header value | timeout=15, max="),
        "{found}"
    );
}

#[test]
fn a_version_that_is_not_spoken_is_refused() {
    let env = TestEnv::new();
    env.write("migrate-verify.toml", "[legacy]\nhttp_version = \"2\"\n");
    env.write(
        "scenarios/a.toml",
        "title = \"a\"\n[[step]]\nname = \"a\"\nrequest = \"GET /\"\n",
    );
    insta::assert_snapshot!(env.run(&["check"]), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: [PROJECT]/migrate-verify.toml: legacy.http_version: `2` is not spoken
    hint: write "1.0" or "1.1"
    "#);
}
