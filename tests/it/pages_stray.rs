//! Pages that are not in the charset that they declare, in whole or by a few bytes: recorded with holes, compared to the byte.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicUsize, Ordering},
};

use migrate_verify::{
    charset::Reading,
    outcome::Verdict,
    snapshot::{Body, Snapshot, store},
};

use crate::{
    env::{Fault, LegacyServer, Reply, cp1250},
    pages::{Project, findings, tree},
};

/// What is asked: a page with a token, one with clocks and a session, one with days and months in words.
const SCENARIO: (&str, &str) = (
    "wrong",
    r#"title = "Pages under a wrong charset"
[[step]]
name = "form"
request = "GET /login.php"
[[step]]
name = "send"
request = "POST /login.php"
form = { meno = "x" }
[[step]]
name = "list"
request = "GET /zoznam.php?trieda=1.A"
capture = { id = { regex = 'Ďurica Šimon</td>.*id=(\d+)' } }
[[step]]
name = "detail"
request = "GET /crc.php?id=${id}"
[[step]]
name = "calendar"
request = "GET /kalendar.php"
"#,
);

/// A second visitor, so that no visit has to be made again for its session.
const VISITOR: (&str, &str) = (
    "visitor",
    "title = \"A visitor\"\n[[step]]\nname = \"form\"\nrequest = \"GET /login.php\"\n",
);

/// A server whose `AddDefaultCharset` is wrong for its pages.
fn declared(_path: &str, reply: &mut Reply) {
    reply.header("Content-Type", Some("text/html; charset=utf-8"));
}

/// A server in UTF-8 whose pages include a footer and a heading in CP1250.
fn mixed(path: &str, reply: &mut Reply) {
    declared(path, reply);
    let text = encoding_rs::WINDOWS_1250.decode(&reply.body).0.into_owned();
    reply.body = text.into_bytes();
    replace(reply, "Žilina".as_bytes(), b"\x8eilina");
    if path == "/zoznam.php" {
        replace(reply, "vytlačené".as_bytes(), b"vytla\xe8en\xe9");
    }
}

fn replace(reply: &mut Reply, from: &[u8], to: &[u8]) {
    reply.replace_bytes(from, to);
}

/// A fault: a name, what is done to the old server's answer, and what a finding must say.
type Planted = (&'static str, Fault, &'static [&'static str]);

/// Changes the class list behind what the old server does to it.
macro_rules! planted {
    ($old:ident, $reply:ident => $change:expr) => {
        |path, $reply| {
            $old(path, $reply);
            if path == "/zoznam.php" {
                $change;
            }
        }
    };
}

const OF_DECLARED: [Planted; 8] = [
    (
        "one letter",
        planted!(declared, reply => reply.replace("Čierna", "Ďierna")),
        &["wrong/03-list | body line 6 | text | ", "Čierna", "Ďierna"],
    ),
    (
        "one letter in a line with a clock",
        planted!(declared, reply => reply.replace("vytlačené", "vytlaďené")),
        &["wrong/03-list | body line 4 | text | "],
    ),
    (
        "converted properly",
        planted!(declared, reply => {
            let text = encoding_rs::WINDOWS_1250.decode(&reply.body).0.into_owned();
            reply.body = text.into_bytes();
        }),
        &[
            "wrong/03-list | body line 4 | charset | ",
            "sent as utf-8 instead of windows-1250",
        ],
    ),
    (
        "declared properly",
        |path, reply| {
            declared(path, reply);
            if path == "/zoznam.php" {
                reply.header("Content-Type", Some("text/html; charset=windows-1250"));
            }
        },
        &[
            "header Content-Type | charset",
            "wrong/03-list | charset | charset | utf-8 (header) | windows-1250 (header)",
            "AddDefaultCharset or PHP's default_charset has another value",
        ],
    ),
    (
        "question marks",
        planted!(declared, reply => reply.replace("Čierna Ľubica", "?ierna ?ubica")),
        &["body line 6 | charset", "lost to `?`"],
    ),
    (
        "replacement characters",
        planted!(declared, reply => {
            replace(reply, &cp1250("Čierna Ľubica"), "\u{fffd}ierna \u{fffd}ubica".as_bytes());
        }),
        &["body line 6 | charset", "lost to U+FFFD"],
    ),
    (
        "latin2",
        planted!(declared, reply => {
            replace(reply, &cp1250("Žák Ťažký"), b"\xae\xe1k \xaba\xbek\xfd");
        }),
        &["sent as iso-8859-2 instead of windows-1250"],
    ),
    (
        "a letter in a hole",
        planted!(declared, reply => reply.replace("PHPSESSID=", "PHPSESSID=č")),
        &["wrong/03-list | body line 6 | "],
    ),
];

const OF_MIXED: [Planted; 11] = [
    (
        "another byte",
        planted!(mixed, reply => replace(reply, b"\x8eilina", b"\x8ailina")),
        &[
            "wrong/03-list | body line 11 | charset | ",
            "\\x8eilina",
            "\\x8ailina",
            "bytes that are no utf-8 are others",
        ],
    ),
    (
        "another byte in a line with a clock",
        planted!(mixed, reply => replace(reply, b"vytla\xe8en\xe9", b"vytla\xefen\xe9")),
        &[
            "wrong/03-list | body line 4 | charset | ",
            "vytla\\xe8en\\xe9",
            "bytes that are no utf-8 are others",
        ],
    ),
    (
        "dropped",
        planted!(mixed, reply => replace(reply, b"\x8eilina", b"ilina")),
        &["body line 11 | charset", "were dropped"],
    ),
    (
        "question mark",
        planted!(mixed, reply => replace(reply, b"vytla\xe8en\xe9", b"vytla?en?")),
        &["body line 4 | charset", "lost to `?`"],
    ),
    (
        "replacement character",
        planted!(mixed, reply => replace(reply, b"\x8eilina", "\u{fffd}ilina".as_bytes())),
        &[
            "body line 11 | charset",
            "lost to U+FFFD",
            "body | document | these bytes",
            "U+FFFD for each byte",
        ],
    ),
    (
        "converted properly",
        planted!(mixed, reply => replace(reply, b"vytla\xe8en\xe9", "vytlačené".as_bytes())),
        &[
            "body line 4 | charset",
            "were converted to utf-8 from windows-1250",
        ],
    ),
    (
        "the character that stands for it",
        planted!(mixed, reply => replace(reply, b"\x8eilina", "\u{f78e}ilina".as_bytes())),
        &[
            "wrong/03-list | body line 11 | ",
            "\\x8eilina",
            "\\u{f78e}ilina",
        ],
    ),
    (
        "an added byte",
        planted!(mixed, reply => replace(reply, b"<h1>", b"<h1>\x9a")),
        &[
            "wrong/03-list | body line 3 | charset",
            "<h1>\\x9aTrieda",
            "the byte 9A is no character of utf-8",
        ],
    ),
    (
        "a byte in a session",
        planted!(mixed, reply => replace(reply, b"PHPSESSID=", b"PHPSESSID=\x9a")),
        &["wrong/03-list | body line 6 | "],
    ),
    (
        "a byte in a duration",
        planted!(mixed, reply => replace(reply, "za 0.".as_bytes(), b"za 0\xb7.")),
        &["wrong/03-list | body line 10 | ", "0\\xb7."],
    ),
    (
        "a letter that is right",
        planted!(mixed, reply => replace(reply, "Čierna".as_bytes(), "Cierna".as_bytes())),
        &["wrong/03-list | body line 6 | text"],
    ),
];

/// Records from the old server; returns the project and its snapshots as one text.
async fn recorded(old: &LegacyServer) -> (Project, String) {
    let project = Project::new(&[SCENARIO, VISITOR]);
    let recorded = project.record(old).await;
    assert_eq!(
        Verdict::of(&recorded.cases),
        Verdict::Verified,
        "{recorded:#?}"
    );
    let before = tree(project.env.path());
    assert_eq!(project.record(old).await.written, 0);
    assert_eq!(tree(project.env.path()), before);
    let result = project.replay(old).await;
    assert_eq!(findings(&result), "");
    assert_eq!(Verdict::of(&result.cases), Verdict::Verified);
    let carried = result
        .carried
        .iter()
        .any(|one| one.what == "hidden field token");
    assert!(carried, "{:?}", result.carried);
    let is_ours = |path: &str| path.contains("/snapshots/");
    let text: String = before
        .iter()
        .filter(|(path, _)| is_ours(path))
        .map(|(path, bytes)| {
            assert!(path.strip_suffix(".snap").is_some(), "{path} is no text");
            str::from_utf8(bytes).unwrap()
        })
        .collect();
    (project, text)
}

/// Plants each fault; returns those that are not named as they should be.
async fn not_found(
    project: &Project,
    faults: &[Planted],
    plant: fn(Fault) -> LegacyServer,
) -> String {
    let mut failures = String::new();
    for (name, fault, expected) in faults {
        let result = project.replay(&plant(*fault)).await;
        let found = findings(&result);
        let missing: Vec<&&str> = expected
            .iter()
            .filter(|text| !found.contains(**text))
            .collect();
        let is_visible = !found.contains(|one| ('\u{f780}'..='\u{f7ff}').contains(&one));
        if Verdict::of(&result.cases) != Verdict::Different || !missing.is_empty() || !is_visible {
            write!(failures, "== {name}: {missing:?}\n{found}").unwrap();
        }
    }
    failures
}

#[tokio::test]
async fn pages_in_cp1250_under_another_charset_have_holes_and_every_fault_in_them_is_named() {
    let (project, text) = recorded(&LegacyServer::with(0, declared)).await;
    for expected in [
        "  version: 4\n",
        "  charset: \"utf-8\"\n  charset_from: \"header\"\n  read_as: \"windows-1250\"\n",
        "Čierna Ľubica",
        "vytlačené {{time-2}}",
        "<p>Dnes je {{time-1}}",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let plant = |fault| LegacyServer::with(0, fault);
    assert_eq!(not_found(&project, &OF_DECLARED, plant).await, "");
}

#[tokio::test]
async fn stray_bytes_in_pages_have_holes_beside_them_and_every_fault_in_them_is_named() {
    let (project, text) = recorded(&LegacyServer::with(0, mixed)).await;
    for expected in [
        "  version: 4\n",
        "  charset_from: \"header\"\n  stray: 3\n",
        "  charset_from: \"header\"\n  stray: 1\n",
        "Čierna Ľubica",
        "vytla\\xe8en\\xe9 {{time-2}}",
        "Základná škola, \\x8eilina",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let plant = |fault| LegacyServer::with(0, fault);
    assert_eq!(not_found(&project, &OF_MIXED, plant).await, "");
}

#[tokio::test]
async fn faults_in_such_pages_are_named_beside_holes_on_every_line() {
    let (project, _) = recorded(&LegacyServer::noisy(declared)).await;
    assert_eq!(
        not_found(&project, &OF_DECLARED, LegacyServer::noisy).await,
        ""
    );
    let (project, _) = recorded(&LegacyServer::noisy(mixed)).await;
    assert_eq!(
        not_found(&project, &OF_MIXED, LegacyServer::noisy).await,
        ""
    );
}

/// Asks for one page, with what else its step says.
fn one_page(more: &str) -> Project {
    let scenario =
        format!("title = \"x\"\n[[step]]\nname = \"page\"\nrequest = \"GET /static.html\"\n{more}");
    Project::new(&[("one", &scenario)])
}

#[tokio::test]
async fn a_hole_that_a_person_wrote_holds_stray_bytes_only_where_it_held_some() {
    fn joke(path: &str, reply: &mut Reply) {
        mixed(path, reply);
        let welcome = "Vitajte na stránkach".as_bytes();
        replace(reply, welcome, b"Vitajte na str\x9ank\xe1ch");
    }
    let hole = "holes = [{ regex = 'Vitajte(.*)školy', reason = \"news\" }]\n";
    let found = "| body line 3 | charset | bytes that are characters of the page's charset |  na str\\x9ank\\xe1ch  |";
    let table: [(Fault, Fault, &str); 4] = [
        (mixed, mixed, ""),
        (joke, mixed, ""),
        (joke, joke, ""),
        (mixed, joke, found),
    ];
    for (old, new, expected) in table {
        let project = one_page(hole);
        project.record(&LegacyServer::with(0, old)).await;
        let found = findings(&project.replay(&LegacyServer::with(0, new)).await);
        let length = "header Content-Length";
        let body: Vec<&str> = found
            .lines()
            .filter(|line| !line.contains(length))
            .collect();
        assert_eq!(body.is_empty(), expected.is_empty(), "{found}");
        assert!(found.contains(expected), "{found}");
    }
}

#[tokio::test]
async fn a_round_that_has_no_stray_byte_does_not_decide_how_a_page_is_read() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let project =
        one_page("holes = [{ regex = 'Vtip: (.*) koniec', reason = \"drawn by chance\" }]\n");
    let old = LegacyServer::with(0, |path, reply| {
        mixed(path, reply);
        let joke: &[u8] = if ASKED.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            b"Vtip: nijaky koniec "
        } else {
            b"Vtip: \x9eiaden koniec "
        };
        let at = reply.body.windows(4).position(|four| four == b"<hr>");
        let at = at.unwrap();
        reply.body.splice(at..at, joke.iter().copied());
        replace(reply, b"\x8eilina", "Žilina".as_bytes());
    });
    let recorded = project.record(&old).await;
    let verdict = Verdict::of(&recorded.cases);
    assert_eq!(verdict, Verdict::Verified, "{:?}", recorded.cases);
    for _ in 0..2 {
        assert_eq!(findings(&project.replay(&old).await), "");
    }
}

#[tokio::test]
async fn a_page_that_holds_the_characters_of_stray_bytes_itself_is_compared_to_the_byte() {
    fn with_icon(path: &str, reply: &mut Reply) {
        declared(path, reply);
        let text = encoding_rs::WINDOWS_1250.decode(&reply.body).0;
        reply.body = text.replace("Vitajte", "\u{f78a}").into_bytes();
    }
    fn with_byte(path: &str, reply: &mut Reply) {
        with_icon(path, reply);
        replace(reply, "\u{f78a}".as_bytes(), b"\x8a");
    }
    fn with_both(path: &str, reply: &mut Reply) {
        with_icon(path, reply);
        replace(reply, "Žilina".as_bytes(), b"\x8eilina");
    }
    fn with_two_bytes(path: &str, reply: &mut Reply) {
        with_both(path, reply);
        replace(reply, "\u{f78a}".as_bytes(), b"\x8a");
    }
    let table: [(Fault, Fault); 4] = [
        (with_icon, with_byte),
        (with_byte, with_icon),
        (with_both, with_two_bytes),
        (with_two_bytes, with_both),
    ];
    let plain: fn(Fault) -> LegacyServer = |fault| LegacyServer::with(0, fault);
    for (old, new) in table {
        for start in [plain, LegacyServer::noisy] {
            let project = one_page("");
            let old = start(old);
            let recorded = project.record(&old).await;
            assert_eq!(
                Verdict::of(&recorded.cases),
                Verdict::Verified,
                "{recorded:#?}"
            );
            assert_eq!(findings(&project.replay(&old).await), "");
            let found = findings(&project.replay(&start(new)).await);
            assert!(found.contains("one/01-page | body line 3 |"), "{found}");
        }
    }
}

#[tokio::test]
async fn recording_tells_which_pages_are_not_in_their_charset() {
    let told = |notes: &[String]| -> Vec<String> {
        let about = notes.iter().filter(|note| note.starts_with("pages that"));
        about.cloned().collect()
    };
    let table: [(Fault, &[&str]); 3] = [
        (
            declared,
            &[
                "pages that are not in utf-8 (header), which browsers take them for, and are read as windows-1250: 6, of which the first is replay/visitor/01-form",
            ],
        ),
        (
            mixed,
            &[
                "pages that hold bytes that are no characters of utf-8 (header): 6, of which the first is replay/visitor/01-form",
            ],
        ),
        (|_, _| {}, &[]),
    ];
    for (old, expected) in table {
        let project = Project::new(&[SCENARIO, VISITOR]);
        let recorded = project.record(&LegacyServer::with(0, old)).await;
        assert_eq!(told(&recorded.notes), expected);
    }
}

#[tokio::test]
async fn a_page_that_an_earlier_version_kept_as_bytes_is_compared_and_recorded_again_as_text() {
    let project = one_page("");
    let old = LegacyServer::with(0, declared);
    project.record(&old).await;
    let path = project.env.path().join("snapshots/one/01-page.snap");
    let page = store::read(&path).unwrap().unwrap();
    let Body::Text(text) = &page.body else {
        panic!("{page:?}");
    };
    let bytes = Snapshot {
        charset: None,
        reading: Reading::Declared,
        body: Body::Binary {
            bytes: cp1250(&text.marked().0),
            extension: "html".to_owned(),
        },
        ..page.clone()
    };
    store::write(&path, &bytes).unwrap();
    assert_eq!(findings(&project.replay(&old).await), "");
    let new = LegacyServer::with(0, |path, reply| {
        declared(path, reply);
        reply.replace("školy", "skoly");
    });
    let found = findings(&project.replay(&new).await);
    assert!(found.contains("one/01-page | body byte "), "{found}");
    assert_eq!(project.record(&old).await.written, 1);
    assert_eq!(store::read(&path).unwrap(), Some(page));
}

#[tokio::test]
async fn a_page_with_zero_bytes_that_varies_is_not_recorded_and_says_why() {
    let project = one_page("");
    let server = LegacyServer::noisy(|path, reply| {
        declared(path, reply);
        reply.replace("školy", "\0");
    });
    let recorded = project.record(&server).await;
    assert_eq!(Verdict::of(&recorded.cases), Verdict::Inconclusive);
    let reason = &recorded.cases[0].reason;
    assert!(
        reason.contains("zero bytes or control characters"),
        "{reason}"
    );
}
