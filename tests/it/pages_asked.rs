//! How pages are asked for: the version of HTTP and the content codings belong to what is recorded, and answers differ by them.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use migrate_verify::{exchange::HttpVersion, outcome::Verdict, replay::check_files};

use crate::{
    env::{Fault, LegacyServer, TestEnv},
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

/// A page without a hole, one with some, and an image; all but the last compressed.
const PACKED: &str = r#"title = "Pages"
[[step]]
name = "still"
request = "GET /header.php"
[[step]]
name = "form"
request = "GET /login.php"
[[step]]
name = "plain"
request = "GET /obr.png"
headers = { Accept-Encoding = "identity" }
"#;

fn packing() -> Project {
    let mut project = Project::new(&[("pages", PACKED)]);
    project.options.limits.dialect.accept_encoding = Some("gzip".to_owned());
    project
}

#[tokio::test]
async fn compressed_pages_are_recorded_by_what_they_hold_and_by_how_they_are_coded() {
    let mut project = packing();
    let old = LegacyServer::packed(false, |_, _| {});
    let recorded = project.record(&old).await;
    assert_eq!(Verdict::of(&recorded.cases), Verdict::Verified);
    let still = snapshot(&project, "01-still.snap");
    let form = "coded: {\"form\":\"gzip (FLG 0, MTIME 0, XFL 0, OS 255)\"";
    let digest = format!("{form},\"digest\":\"sha256:");
    assert!(
        still.contains(&digest) && still.contains("Hľadaný výraz"),
        "{still}"
    );
    let form_page = snapshot(&project, "02-form.snap");
    assert!(form_page.contains(&format!("{form}}}\n")), "{form_page}");
    assert!(form_page.contains("value=\"{{token-1}}\""), "{form_page}");
    let plain = snapshot(&project, "03-plain.snap");
    assert!(!plain.contains("coded"), "{plain}");

    let result = project.replay(&old).await;
    assert_eq!(findings(&result), "");
    let counted: Vec<&String> = result
        .not_compared
        .iter()
        .filter(|line| line.contains("compressed page"))
        .collect();
    assert_eq!(counted.len(), 1, "{:?}", result.not_compared);
    assert!(counted[0].starts_with("1 places of "), "{counted:?}");
    let form_case = result
        .cases
        .iter()
        .find(|case| case.id.as_str() == "replay/pages/02-form");
    let said = &form_case.unwrap().reason;
    // Two tokens, a session, a secret and a clock; the compressed bytes are no value that was checked.
    assert!(said.ends_with("5 values in holes checked"), "{said}");
    assert_eq!(project.record(&old).await.written, 0);

    project.options.limits.dialect.accept_encoding = None;
    let found = findings(&project.replay(&old).await);
    insta::assert_snapshot!(found.trim_end(), @r"
    replay/pages/01-still | NotRun | the scenario asks something else than when it was recorded: `record` it again
    replay/pages/02-form | NotRun | the scenario asks something else than when it was recorded: `record` it again
    ");
}

#[tokio::test]
async fn a_packed_file_that_is_called_text_is_the_same_as_itself() {
    let project = Project::new(&[("pages", BOTH)]);
    let old = LegacyServer::with(0, |_, reply| {
        // No zero byte tells it from a text: FLG, MTIME and XFL are set.
        reply.body = b"\x1f\x8b\x08\x08\x11\x22\x33\x44\x02\x03name".to_vec();
    });
    project.record(&old).await;
    assert_eq!(findings(&project.replay(&old).await), "");
}

/// Ways in which a candidate codes what the old server compressed.
const PACKINGS: [Fault; 5] = [
    // The candidate does not compress.
    |_, _| {},
    // Other bytes of the same page, and another head.
    |_, reply| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&reply.body).unwrap();
        reply.body = encoder.finish().unwrap();
        reply.header("Content-Encoding", Some("gzip"));
    },
    // Other bytes behind the same head: the script has flushed what it had.
    |_, reply| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&reply.body[..20]).unwrap();
        encoder.flush().unwrap();
        encoder.write_all(&reply.body[20..]).unwrap();
        reply.body = encoder.finish().unwrap();
        reply.header("Content-Encoding", Some("gzip"));
    },
    // Compressed twice, with one header.
    |_, reply| {
        reply.pack();
        reply.pack();
    },
    // Cut off.
    |_, reply| {
        reply.pack();
        reply.body.truncate(reply.body.len() - 9);
    },
];

#[tokio::test]
async fn another_compression_of_the_same_page_is_found_and_named() {
    let project = packing();
    project
        .record(&LegacyServer::packed(false, |_, _| {}))
        .await;
    let mut found = String::new();
    for fault in PACKINGS {
        found.push_str(&findings(
            &project.replay(&LegacyServer::with(0, fault)).await,
        ));
        found.push('\n');
    }
    let lengths = regex::Regex::new("stream, [0-9]+ bytes").unwrap();
    let found = lengths.replace_all(&found, "stream, N bytes");
    insta::assert_snapshot!(found.trim_end(), @r"
    replay/pages/01-still | header Content-Encoding | missing header | gzip | no such header | the page is not compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is off
    replay/pages/01-still | body | content coding | gzip (FLG 0, MTIME 0, XFL 0, OS 255) | none | the page is not compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is off
    replay/pages/02-form | header Content-Encoding | missing header | gzip | no such header | the page is not compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is off
    replay/pages/02-form | body | content coding | gzip (FLG 0, MTIME 0, XFL 0, OS 255) | none | the page is not compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is off

    replay/pages/01-still | body | content coding | gzip (FLG 0, MTIME 0, XFL 0, OS 255) | gzip (FLG 0, MTIME 0, XFL 2, OS 255) | another compressor, another level (DeflateCompressionLevel, zlib.output_compression_level) or other moments at which a script flushes its output
    replay/pages/02-form | body | content coding | gzip (FLG 0, MTIME 0, XFL 0, OS 255) | gzip (FLG 0, MTIME 0, XFL 2, OS 255) | another compressor, another level (DeflateCompressionLevel, zlib.output_compression_level) or other moments at which a script flushes its output
    replay/pages/03-plain | header Content-Encoding | added header | no such header | gzip | the page is compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is on
    replay/pages/03-plain | body | content coding | none | gzip (FLG 0, MTIME 0, XFL 2, OS 255) | the page is compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is on

    replay/pages/01-still | body | coded bytes | sha256:36cb84eba7057c39da0d3bac620c29b763743149d6d12545d2beb7c875e629bf | sha256:1c7ed3ef73c2f82d5232914af674536bf52f9e3f0c82a09a1fc5055ea2fcff06 | another compressor, another level (DeflateCompressionLevel, zlib.output_compression_level) or other moments at which a script flushes its output
    replay/pages/03-plain | header Content-Encoding | added header | no such header | gzip | the page is compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is on
    replay/pages/03-plain | body | content coding | none | gzip (FLG 0, MTIME 0, XFL 0, OS 255) | the page is compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is on

    replay/pages/01-still | body | bytes | a text | gzip stream, N bytes | the page is compressed twice: of mod_deflate, mod_gzip and PHP's zlib.output_compression, two are on
    replay/pages/02-form | body | bytes | a text | gzip stream, N bytes | the page is compressed twice: of mod_deflate, mod_gzip and PHP's zlib.output_compression, two are on
    replay/pages/03-plain | header Content-Encoding | added header | no such header | gzip | the page is compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is on
    replay/pages/03-plain | body | content coding | none | gzip (FLG 0, MTIME 0, XFL 0, OS 255) | the page is compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is on
    replay/pages/03-plain | body byte 0 | bytes | PNG of 16 × 32, 39 bytes, from there `\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR` | gzip stream, N bytes, from there `\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xeb\x0c\xf0s\xe7\xe5` | a gzip stream is sent instead of a PNG

    replay/pages/01-still | framing | protocol error | none | content coding gzip: the stream ends too early | no cause
    replay/pages/01-still | body | bytes | a text | gzip stream, N bytes | browsers can't read this: it is cut off, text was printed into the compressed stream, or Content-Encoding is wrong or missing
    replay/pages/02-form | framing | protocol error | none | content coding gzip: the stream ends too early | no cause
    replay/pages/02-form | body | bytes | a text | gzip stream, N bytes | browsers can't read this: it is cut off, text was printed into the compressed stream, or Content-Encoding is wrong or missing
    replay/pages/03-plain | framing | protocol error | none | content coding gzip: the stream ends too early | no cause
    replay/pages/03-plain | header Content-Encoding | added header | no such header | gzip | the page is compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is on
    replay/pages/03-plain | body byte 0 | bytes | PNG of 16 × 32, 39 bytes, from there `\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR` | gzip stream, N bytes, from there `\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xeb\x0c\xf0s\xe7\xe5` | a gzip stream is sent instead of a PNG
    ");
}

/// What `check` says of a project with this configuration.
fn refusal(config: &str) -> String {
    let env = TestEnv::new();
    env.write("migrate-verify.toml", config);
    env.write(
        "scenarios/a.toml",
        "title = \"a\"\n[[step]]\nname = \"a\"\nrequest = \"GET /\"\n",
    );
    env.run(&["check"])
}

#[test]
fn a_list_of_content_codings_that_is_no_header_value_is_refused() {
    insta::assert_snapshot!(refusal("[legacy]\naccept_encoding = \"gzip\\r\\nX: y\"\n"), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: [PROJECT]/migrate-verify.toml: legacy.accept_encoding: "gzip\r\nX: y" is no list of content codings
    hint: write "gzip, deflate", as the users' browsers do
    "#);
}

#[test]
fn a_version_that_is_not_spoken_is_refused() {
    insta::assert_snapshot!(refusal("[legacy]\nhttp_version = \"2\"\n"), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: [PROJECT]/migrate-verify.toml: legacy.http_version: `2` is not spoken
    hint: write "1.0" or "1.1"
    "#);
}
