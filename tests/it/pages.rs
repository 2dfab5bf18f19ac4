//! Pages recorded from a server of 2009 and replayed: silent where nothing differs, loud where anything does.

use std::{
    fmt::Write as _,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use migrate_verify::{
    charset::Charset,
    outcome::{Outcome, Verdict},
    progress::Silent,
    replay::{self, Clock, Options, RecordManner, RecordResult, ReplayResult},
    scenario::{self, Scenario},
    snapshot::Zone,
};

use crate::env::{Fault, LegacyServer, Reply, TestEnv, cp1250, now};

/// What is asked of the application.
pub(crate) const SCENARIOS: [(&str, &str); 4] = [
    (
        "login",
        r#"title = "A teacher logs in and sees the class list"
[[step]]
name = "form"
request = "GET /login.php"
[[step]]
name = "login"
request = "POST /login.php"
form = { meno = "učiteľ", heslo = "tajné" }
[[step]]
name = "class-list"
request = "GET /zoznam.php?trieda=1.A"
"#,
    ),
    (
        "followed",
        r#"title = "The same, by the redirect"
[[step]]
name = "form"
request = "GET /login.php"
[[step]]
name = "login"
request = "POST /login.php"
form = { meno = "učiteľ", heslo = "tajné" }
follow = true
"#,
    ),
    (
        "public",
        r#"title = "Pages for everybody"
[[step]]
name = "header"
request = "GET /header.php"
[[step]]
name = "static"
request = "GET /static.html"
[[step]]
name = "image"
request = "GET /obr.png"
[[step]]
name = "moved"
request = "GET /stare"
[[step]]
name = "missing"
request = "GET /nikde?q=ď"
[[step]]
name = "upload"
request = "POST /upload.php"
multipart = { "názov" = "ž", foto = { file = "foto.png", type = "image/png" } }
[[step]]
name = "crc"
request = "GET /crc.php"
"#,
    ),
    (
        "pupil",
        r#"title = "A pupil is added"
mutates = true
[[step]]
name = "add"
request = "POST /pridaj.php"
form = { meno = "Ján" }
capture = { id = { header = "Location", regex = 'id=(\d+)' } }
[[step]]
name = "detail"
request = "GET /detail.php?id=${id}"
"#,
    ),
];

/// A project with scenarios, in which servers are recorded and compared.
pub(crate) struct Project {
    pub(crate) env: TestEnv,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) options: Options,
}

impl Project {
    pub(crate) fn new(scenarios: &[(&str, &str)]) -> Self {
        let env = TestEnv::new();
        env.write("scenarios/foto.png", b"\x89PNG photo");
        for (name, content) in scenarios {
            env.write(&format!("scenarios/{name}.toml"), content);
        }
        let scenarios = scenario::load(&env.path().join("scenarios")).unwrap();
        let zone = Zone::parse("Europe/Bratislava").unwrap();
        let mut options = Options::new(Charset::WINDOWS_1250, Some(zone), Clock::new(now));
        options.limits.whole = Duration::from_secs(3);
        Self {
            env,
            scenarios,
            options,
        }
    }

    pub(crate) async fn record(&self, server: &LegacyServer) -> RecordResult {
        self.record_with(&server.url, &self.options).await
    }

    /// Records from any server.
    pub(crate) async fn record_from(&self, url: &str) -> RecordResult {
        self.record_with(url, &self.options).await
    }

    /// Records from any server, in another manner.
    pub(crate) async fn record_with(&self, url: &str, options: &Options) -> RecordResult {
        let manner = RecordManner {
            rounds: 2,
            allow_writes: true,
            pending: false,
        };
        let snapshots = self.env.path().join("snapshots");
        replay::record(&self.scenarios, &snapshots, url, manner, options, &Silent)
            .await
            .unwrap()
    }

    pub(crate) async fn replay(&self, server: &LegacyServer) -> ReplayResult {
        self.replay_at(&server.url).await
    }

    /// Replays against any server.
    pub(crate) async fn replay_at(&self, url: &str) -> ReplayResult {
        let snapshots = self.env.path().join("snapshots");
        let mut result = replay::replay(&self.scenarios, &snapshots, url, &self.options, &Silent)
            .await
            .unwrap();
        let left_out = replay::left_out(&self.scenarios, &self.scenarios, &snapshots);
        result.cases.extend(left_out.unwrap());
        result
    }
}

/// Everything that was found, a line a difference.
pub(crate) fn findings(result: &ReplayResult) -> String {
    let mut text = String::new();
    for case in &result.cases {
        match &case.outcome {
            Outcome::Same => {}
            Outcome::Different(differences) => {
                for difference in differences {
                    let cause = difference.cause.as_deref().unwrap_or("no cause");
                    writeln!(
                        text,
                        "{} | {} | {} | {} | {} | {cause}",
                        case.id,
                        difference.locus,
                        difference.aspect,
                        difference.expected,
                        difference.actual
                    )
                    .unwrap();
                }
            }
            Outcome::Broken | Outcome::NotRun | Outcome::Waived => {
                writeln!(text, "{} | {:?} | {}", case.id, case.outcome, case.reason).unwrap();
            }
        }
    }
    text
}

pub(crate) fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(tree(&path));
        } else {
            files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

#[tokio::test]
async fn the_old_server_against_itself_is_silent_and_recording_twice_changes_no_file() {
    let project = Project::new(&SCENARIOS);
    let server = LegacyServer::start();
    let recorded = project.record(&server).await;
    assert_eq!(
        Verdict::of(&recorded.cases),
        Verdict::Verified,
        "{:#?}",
        recorded.cases
    );
    let before = tree(project.env.path());
    for _ in 0..3 {
        let result = project.replay(&server).await;
        assert_eq!(findings(&result), "");
        assert_eq!(Verdict::of(&result.cases), Verdict::Verified);
    }
    let other = LegacyServer::start();
    let result = project.replay(&other).await;
    assert_eq!(findings(&result), "");
    assert!(!result.not_compared.is_empty());
    let carried: Vec<String> = result
        .carried
        .iter()
        .map(|one| {
            format!(
                "{}: {} {} -> {}",
                one.scenario,
                one.what,
                one.seen_in,
                one.used_in.join(", ")
            )
        })
        .collect();
    assert!(
        carried.contains(&"login: hidden field token form -> login".to_owned()),
        "{carried:?}"
    );
    assert!(
        carried.contains(&"pupil: capture id add -> detail".to_owned()),
        "{carried:?}"
    );
    let again = project.record(&server).await;
    assert_eq!(again.written, 0);
    assert_eq!(tree(project.env.path()), before);
    let text: String = before
        .iter()
        .filter(|(path, _)| path.strip_suffix(".snap").is_some())
        .map(|(_, bytes)| str::from_utf8(bytes).unwrap())
        .collect();
    assert!(
        !text.contains("tajné") && !text.contains("lang=slovak"),
        "secrets are not kept"
    );
    assert!(text.contains("Čierna Ľubica"), "pages read well");
}

/// Faults of a candidate: a name, what is done, and what a finding must say.
const FAULTS: [(&str, Fault, &[&str]); 50] = [
    (
        "session lost, by a redirect",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                "HTTP/1.1 302 Found".clone_into(&mut reply.status);
                reply.header("Location", Some("/login.php"));
            });
        },
        &[
            "login/03-class-list | status line | status",
            "the candidate redirects where the old server shows a page",
        ],
    ),
    (
        "a thousand cookies",
        |path, reply| {
            on(path, "/static.html", reply, |reply| {
                for number in 0..1000 {
                    let cookie = (
                        "Set-Cookie".to_owned(),
                        format!("c{number}=tajomstvo; path=/"),
                    );
                    reply.headers.push(cookie);
                }
            });
        },
        &[
            "header Set-Cookie | added header | no such header | c0=****; path=/",
            "980 more header lines are added and are not shown",
        ],
    ),
    (
        "markup written in another way",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.replace("Čierna Ľubica", "  &Ccaron;ierna &Lcaron;ubica ");
            });
        },
        &[
            "body line 6",
            "body | document | ",
            "other bytes of the same document",
        ],
    ),
    (
        "other markup of the same text",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.replace("<h1>Trieda 1.A</h1>", "<h2>Trieda 1.A</h2>");
            });
        },
        &["body line 3", "same visible text"],
    ),
    (
        "session lost",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.replace("<h1>Trieda 1.A</h1>", "<input type=password name=heslo>");
            });
        },
        &["body | document", "the session is lost"],
    ),
    (
        "integers of 64 bits",
        |path, reply| {
            on(path, "/crc.php", reply, |reply| {
                reply.replace("-1098453117", "3196514179");
            });
        },
        &["public/07-crc | body line 3", "32 against 64 bits"],
    ),
    (
        "separate accents",
        |path, reply| {
            on(path, "/header.php", reply, |reply| {
                to_utf8(reply);
                let text = String::from_utf8(reply.body.clone()).unwrap();
                reply.body = text.replace("ý", "y\u{301}").into_bytes();
            });
        },
        &["public/01-header | body line 3"],
    ),
    (
        "numbers of another locale",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.replace("Priemer 1,57", "Priemer 1.57");
            });
        },
        &["body line 10", "setlocale() finds another locale"],
    ),
    (
        "one session for everybody",
        |path, reply| {
            on(path, "/login.php", reply, |reply| {
                if reply.status.contains("200") {
                    let value = "PHPSESSID=0123456789abcdef0123456789abcdef; path=/";
                    reply.header("Set-Cookie", Some(value));
                }
            });
        },
        &[
            "replay/login/session-1 | header Set-Cookie | relation",
            "every visitor is given the same session",
        ],
    ),
    (
        "status",
        |path, reply| {
            on(path, "/static.html", reply, |reply| {
                "HTTP/1.1 403 Forbidden".clone_into(&mut reply.status);
            });
        },
        &["public/02-static | status line | status"],
    ),
    (
        "status text",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                "HTTP/1.1 200 Ok".clone_into(&mut reply.status);
            });
        },
        &["login/03-class-list | status line"],
    ),
    (
        "http version",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                "HTTP/1.0 200 OK".clone_into(&mut reply.status);
            });
        },
        &["login/03-class-list | status line"],
    ),
    (
        "server version",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.header("Server", Some("Apache/2.2.9"));
            });
        },
        &["header Server | header value", "another version of Apache"],
    ),
    (
        "php version",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.header("X-Powered-By", Some("PHP/5.2.6"));
            });
        },
        &["header X-Powered-By"],
    ),
    (
        "header missing",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.header("Expires", None);
            });
        },
        &["header Expires | missing header"],
    ),
    (
        "header added",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.header("Vary", Some("Cookie"));
            });
        },
        &["header Vary | added header"],
    ),
    (
        "header case",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                "expires".clone_into(&mut reply.headers[4].0);
            });
        },
        &["header Expires | header name"],
    ),
    (
        "header order",
        |path, reply| on(path, "/zoznam.php", reply, |reply| reply.headers.swap(1, 2)),
        &["headers | header order"],
    ),
    (
        "charset added",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.header("Content-Type", Some("text/html; charset=UTF-8"));
            });
        },
        &[
            "header Content-Type | charset",
            "AddDefaultCharset",
            "login/03-class-list | charset",
        ],
    ),
    (
        "charset removed",
        |path, reply| {
            on(path, "/header.php", reply, |reply| {
                reply.header("Content-Type", Some("text/html"));
            });
        },
        &["header Content-Type | charset", "is missing"],
    ),
    (
        "other type",
        |path, reply| {
            on(path, "/static.html", reply, |reply| {
                reply.header("Content-Type", Some("text/plain"));
            });
        },
        &["header Content-Type | header value"],
    ),
    (
        "one byte",
        |path, reply| {
            on(path, "/header.php", reply, |reply| {
                reply.replace("výraz", "výras");
            });
        },
        &["public/01-header | body line 3 | text"],
    ),
    (
        "one byte in a page with holes",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.replace("Trieda 1.A", "Trieda 1.B");
            });
        },
        &["login/03-class-list | body line 3 | text"],
    ),
    (
        "one byte in a line with holes",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.replace("vytlačené", "vytlacene");
            });
        },
        &["login/03-class-list | body line 4", "vytlačené"],
    ),
    (
        "utf-8 page",
        |path, reply| on(path, "/header.php", reply, to_utf8),
        &["sent as utf-8 instead of windows-1250"],
    ),
    (
        "utf-8 page with holes",
        |path, reply| on(path, "/zoznam.php", reply, to_utf8),
        &[
            "login/03-class-list | body line 4 | charset",
            "sent as utf-8 instead of windows-1250",
        ],
    ),
    (
        "latin2 page with holes",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.replace_bytes(&cp1250("Žák Ťažký"), b"\xae\xe1k \xaba\xbek\xfd");
            });
        },
        &["sent as iso-8859-2 instead of windows-1250"],
    ),
    (
        "question marks",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.replace("Čierna Ľubica", "?ierna ?ubica");
            });
        },
        &["lost to `?`"],
    ),
    (
        "truncated",
        |path, reply| on(path, "/zoznam.php", reply, |reply| reply.cut = 60),
        &["framing | protocol error", "truncated body"],
    ),
    (
        "page ends early",
        |path, reply| on(path, "/zoznam.php", reply, |reply| reply.body.truncate(300)),
        &["ends too early"],
    ),
    (
        "last-modified",
        |path, reply| {
            on(path, "/static.html", reply, |reply| {
                reply.header("Last-Modified", Some("Tue, 01 Sep 2009 08:00:01 GMT"));
            });
        },
        &[
            "header Last-Modified | header value",
            "modification time was not kept",
        ],
    ),
    (
        "etag size",
        |path, reply| {
            on(path, "/static.html", reply, |reply| {
                reply.header("ETag", Some("\"a0c55f-f-6b04e150\""));
            });
        },
        &["header ETag"],
    ),
    (
        "cookie path",
        |path, reply| {
            on(path, "/login.php", reply, |reply| {
                reply.header(
                    "Set-Cookie",
                    Some("PHPSESSID=0123456789abcdef0123456789abcdef; path=/skola"),
                );
            });
        },
        &["header Set-Cookie | header value", "path or flags"],
    ),
    (
        "cookie flag",
        |path, reply| {
            on(path, "/login.php", reply, |reply| {
                if let Some((_, value)) = reply
                    .headers
                    .iter_mut()
                    .find(|(name, _)| name == "Set-Cookie")
                {
                    value.push_str("; HttpOnly");
                }
            });
        },
        &["header Set-Cookie", "PHPSESSID=****; path=/; HttpOnly"],
    ),
    (
        "cookie value",
        |path, reply| {
            on(path, "/login.php", reply, |reply| {
                if let Some((_, value)) = reply
                    .headers
                    .iter_mut()
                    .rfind(|(name, _)| name == "Set-Cookie")
                {
                    "lang=czech; path=/".clone_into(value);
                }
            });
        },
        &["header Set-Cookie | secret"],
    ),
    (
        "session id of another shape",
        |path, reply| {
            on(path, "/login.php", reply, |reply| {
                reply.header("Set-Cookie", Some("PHPSESSID=abc; path=/"));
            });
        },
        &["header Set-Cookie | token"],
    ),
    (
        "empty duration",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                between(reply, "za ", " s", "");
            });
        },
        &["body line 10 | duration", "the value is empty"],
    ),
    (
        "absurd duration",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                between(reply, "za ", " s", "1700000000.1234");
            });
        },
        &["body line 10 | duration"],
    ),
    (
        "error in the duration",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                between(reply, "za ", " s", "NaN");
            });
        },
        &["body line 10 | duration"],
    ),
    (
        "date of 1970",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                between(reply, "Dnes je ", ",", "01.01.1970");
            });
        },
        &["body line 4 | time", "days off"],
    ),
    (
        "date of another shape",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                between(reply, "Dnes je ", ",", "2026-11-24");
            });
        },
        &["body line 4 | time"],
    ),
    (
        "other session in the links",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                between(
                    reply,
                    "PHPSESSID=",
                    "\"",
                    "0123456789abcdef0123456789abcdef",
                );
            });
        },
        &["body line 6 | relation", "session was lost"],
    ),
    (
        "other token in the link",
        |path, reply| {
            on(path, "/login.php", reply, |reply| {
                if reply.body.windows(3).any(|window| window == b"?t=") {
                    between(reply, "?t=", "\"", "0123456789abcdef0123456789abcdef");
                }
            });
        },
        &["login/01-form | body line 4 | relation"],
    ),
    (
        "image byte",
        |path, reply| {
            on(path, "/obr.png", reply, |reply| {
                reply.body.truncate(reply.body.len() - 1);
            });
        },
        &["public/03-image | body byte", "ends 1 bytes too early"],
    ),
    (
        "image size",
        |path, reply| on(path, "/obr.png", reply, |reply| reply.body[19] = 0x11),
        &["PNG of 17 × 32", "another size"],
    ),
    (
        "redirect target",
        |path, reply| {
            on(path, "/login.php", reply, |reply| {
                if reply.status.contains("302") {
                    reply.header("Location", Some("/zoznam.php?trieda=1.B"));
                }
            });
        },
        &[
            "login/02-login | header Location",
            "redirect leads elsewhere",
        ],
    ),
    (
        "redirect to the old server",
        |path, reply| {
            on(path, "/stare", reply, |reply| {
                reply.header("Location", Some("http://192.0.2.10/static.html"));
            });
        },
        &["public/04-moved | header Location"],
    ),
    (
        "php warning",
        |path, reply| {
            on(path, "/zoznam.php", reply, |reply| {
                reply.replace("<h1>", "<b>Warning</b>: mysql_query()<br>\r\n<h1>");
            });
        },
        &["added line", "PHP reports an error"],
    ),
    (
        "sort order",
        |path, reply| on(path, "/zoznam.php", reply, swap_rows),
        &["login/03-class-list | body line"],
    ),
    (
        "content-length instead of chunks",
        |path, reply| on(path, "/zoznam.php", reply, |reply| reply.chunked = false),
        &["framing | framing | chunked | content-length"],
    ),
];

fn on(path: &str, wanted: &str, reply: &mut Reply, change: impl FnOnce(&mut Reply)) {
    if path == wanted {
        change(reply);
    }
}

fn to_utf8(reply: &mut Reply) {
    reply.body = encoding_rs::WINDOWS_1250
        .decode(&reply.body)
        .0
        .into_owned()
        .into_bytes();
}

/// Replaces what stands between two texts.
fn between(reply: &mut Reply, start: &str, end: &str, value: &str) {
    let text = encoding_rs::WINDOWS_1250.decode(&reply.body).0.into_owned();
    if let Some((before, rest)) = text.split_once(start) {
        let (_, after) = rest.split_once(end).unwrap();
        reply.body = cp1250(&format!("{before}{start}{value}{end}{after}"));
    }
}

fn swap_rows(reply: &mut Reply) {
    let text = encoding_rs::WINDOWS_1250.decode(&reply.body).0.into_owned();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.swap(5, 6);
    reply.body = cp1250(&lines.concat());
}

#[tokio::test]
async fn every_single_fault_is_found_and_named() {
    assert_eq!(
        not_found(LegacyServer::start(), |fault| LegacyServer::with(0, fault)).await,
        ""
    );
}

#[tokio::test]
async fn every_single_fault_is_found_beside_holes_on_every_line() {
    assert_eq!(
        not_found(LegacyServer::noisy(|_, _| {}), LegacyServer::noisy).await,
        ""
    );
}

#[tokio::test]
async fn one_session_for_everybody_is_found_where_one_scenario_is_the_only_visitor() {
    let project = Project::new(&SCENARIOS[..1]);
    project.record(&LegacyServer::start()).await;
    let constant = LegacyServer::with(0, |path, reply| {
        on(path, "/login.php", reply, |reply| {
            if reply.status.contains("200") {
                let value = "PHPSESSID=5b9e0c7f31d84a6290fe17c8d35ab264; path=/";
                reply.header("Set-Cookie", Some(value));
            }
        });
    });
    let found = findings(&project.replay(&constant).await);
    assert!(
        found.contains("replay/login/session-1 | header Set-Cookie | relation"),
        "{found}"
    );
    assert_eq!(findings(&project.replay(&LegacyServer::start()).await), "");
}

#[tokio::test]
async fn a_second_visit_that_is_answered_otherwise_is_a_difference() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let project = Project::new(&SCENARIOS[..1]);
    project.record(&LegacyServer::start()).await;
    let tired = LegacyServer::with(0, |path, reply| {
        on(path, "/login.php", reply, |reply| {
            if reply.status.contains("200") && ASKED.fetch_add(1, Ordering::Relaxed) > 0 {
                "HTTP/1.1 500 Internal Server Error".clone_into(&mut reply.status);
            }
        });
    });
    let result = project.replay(&tired).await;
    let found = findings(&result);
    assert!(
        found.contains("replay/login/01-form/second-visit | status line | status"),
        "{found}"
    );
    assert_eq!(Verdict::of(&result.cases), Verdict::Different);
}

#[tokio::test]
async fn every_single_fault_is_found_in_compressed_pages() {
    let planted = |fault| LegacyServer::packed(false, fault);
    assert_eq!(not_found(planted(|_, _| {}), planted).await, "");
}

#[tokio::test]
async fn every_single_fault_is_found_in_compressed_pages_with_holes_on_every_line() {
    let planted = |fault| LegacyServer::packed(true, fault);
    assert_eq!(not_found(planted(|_, _| {}), planted).await, "");
}

/// Plants each fault in what was recorded from `old`; returns those that are not named as they should be. Pages are compressed
/// where the server can do that.
async fn not_found(old: LegacyServer, planted: fn(Fault) -> LegacyServer) -> String {
    let mut project = Project::new(&SCENARIOS);
    project.options.limits.dialect.accept_encoding = Some("gzip".to_owned());
    project.record(&old).await;
    let mut failures = findings(&project.replay(&old).await);
    for (name, fault, expected) in FAULTS {
        let result = project.replay(&planted(fault)).await;
        let found = findings(&result);
        let missing: Vec<&&str> = expected
            .iter()
            .filter(|text| !found.contains(**text))
            .collect();
        if Verdict::of(&result.cases) != Verdict::Different || !missing.is_empty() {
            write!(failures, "== {name}: {missing:?}\n{found}").unwrap();
        }
    }
    failures
}

#[tokio::test]
async fn a_wrong_time_zone_is_found_and_named() {
    let project = Project::new(&SCENARIOS[..1]);
    project.record(&LegacyServer::start()).await;
    for (shift, cause) in [
        (-3600, "time zone shifted by -1 h"),
        (7200, "time zone shifted by +2 h"),
        (-600, "clock is -6"),
        (300, "clock is 3"),
    ] {
        let found = findings(&project.replay(&LegacyServer::with(shift, |_, _| {})).await);
        assert!(
            found.contains("body line 4 | time") && found.contains(cause),
            "{found}"
        );
    }
}

#[tokio::test]
async fn the_time_zone_is_deduced_from_the_pages_where_the_project_does_not_say() {
    let mut project = Project::new(&SCENARIOS[..1]);
    project.options.zone = None;
    let recorded = project.record(&LegacyServer::start()).await;
    assert!(
        recorded.notes.iter().any(|note| note.contains("+0")),
        "{:?}",
        recorded.notes
    );
    assert_eq!(findings(&project.replay(&LegacyServer::start()).await), "");
    let found = findings(&project.replay(&LegacyServer::with(3600, |_, _| {})).await);
    assert!(found.contains("time zone shifted by +1 h"), "{found}");
}

/// Scenarios of which only one step asks `path`.
fn one(path: &str) -> [(&'static str, String); 1] {
    [(
        "one",
        format!("title = \"one\"\n[[step]]\nname = \"page\"\nrequest = \"GET {path}\"\n"),
    )]
}

pub(crate) fn asking(path: &str) -> Project {
    let scenarios = one(path);
    let scenarios: Vec<(&str, &str)> = scenarios
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    Project::new(&scenarios)
}

#[tokio::test]
async fn what_varies_without_a_known_kind_is_reported_and_not_recorded() {
    let project = asking("/nahodne");
    let recorded = project.record(&LegacyServer::start()).await;
    assert_eq!(Verdict::of(&recorded.cases), Verdict::Inconclusive);
    assert!(
        recorded.cases[0]
            .reason
            .contains("varies in a way that is not understood"),
        "{:?}",
        recorded.cases
    );
    let result = project.replay(&LegacyServer::start()).await;
    assert_eq!(Verdict::of(&result.cases), Verdict::Inconclusive);
    assert!(
        findings(&result).contains("has no snapshots"),
        "{}",
        findings(&result)
    );
}

#[tokio::test]
async fn a_hand_written_hole_for_what_never_varies_is_reported() {
    let scenario = "title = \"x\"\n[[step]]\nname = \"page\"\nrequest = \"GET /nahodne\"\nholes = [{ regex = '(Jano|Fero|Mišo|Ďuro|Paľo)', reason = \"drawn\" }, { regex = '<title>(.*)</title>', reason = \"a habit\" }]\n";
    let project = Project::new(&[("one", scenario)]);
    let recorded = project.record(&LegacyServer::start()).await;
    assert_eq!(
        Verdict::of(&recorded.cases),
        Verdict::Verified,
        "{recorded:?}"
    );
    let told: Vec<&String> = recorded
        .notes
        .iter()
        .filter(|note| note.contains("never varied"))
        .collect();
    assert_eq!(
        told,
        ["one: what the hole \"a habit\" holds never varied: it may hide a change"]
    );
    project.env.write("migrate-verify.toml", "");
    let check = || project.env.run(&["check", "--format", "json"]);
    let named = check();
    assert!(
        named.contains("\"kind\": \"still_hole\"") && named.contains("(a habit) holds what never"),
        "{named}"
    );
    assert!(!named.contains("(drawn)"), "{named}");
    // Recorded again where it does vary, the hole has its evidence.
    let restless = LegacyServer::with(0, |path, reply| {
        if path.starts_with("/nahodne") {
            let nanoseconds = jiff::Timestamp::now().as_nanosecond();
            reply.replace("<title>", &format!("<title>{nanoseconds} "));
        }
    });
    project.record(&restless).await;
    let checked = check();
    assert!(!checked.contains("still_hole"), "{checked}");
}

#[tokio::test]
async fn a_hole_that_could_hold_a_paragraph_is_reported() {
    let scenario = "title = \"x\"\n[[step]]\nname = \"page\"\nrequest = \"GET /nahodne\"\nholes = [{ regex = 'dnes: (.*)', reason = \"news\" }]\n";
    let news = LegacyServer::with(0, |path, reply| {
        let words = if path.ends_with("long") { 100 } else { 20 };
        let text = "slovo ".repeat(words);
        reply.body = format!("<title>x</title><p>dnes: {text}\n").into_bytes();
    });
    for (path, is_wide) in [("/short", false), ("/long", true)] {
        let project = Project::new(&[("one", &scenario.replace("/nahodne", path))]);
        project.record(&news).await;
        project.env.write("migrate-verify.toml", "");
        let checked = project.env.run(&["check"]);
        assert_eq!(
            checked.contains("01-page.snap: wide hole"),
            is_wide,
            "{checked}"
        );
    }
}

#[tokio::test]
async fn a_redirect_loop_ends_and_is_not_recorded() {
    let scenario =
        "title = \"x\"\n[[step]]\nname = \"page\"\nrequest = \"GET /dokola\"\nfollow = true\n";
    let project = Project::new(&[("one", scenario)]);
    let recorded = project.record(&LegacyServer::start()).await;
    assert!(
        recorded.cases[0].reason.contains("more than 10 redirects"),
        "{:?}",
        recorded.cases
    );
}

/// Heads and bodies that break the protocol, each recorded as it is.
const ODD: [(&str, &[u8], &str); 8] = [
    (
        "warning between headers",
        b"HTTP/1.1 200 OK\r\nServer: Apache\r\nPHP Warning no colon\r\nContent-Length: 1\r\n\r\nx",
        "bad header line `PHP Warning no colon`",
    ),
    (
        "bare line feeds",
        b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
        "line feed without carriage return",
    ),
    (
        "two lengths",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
        "bad content-length `2`",
    ),
    ("no head", b"<html>only a page</html>", "no head"),
    (
        "truncated body",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
        "truncated body",
    ),
    (
        "bad chunk",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "bad chunk",
    ),
    (
        "bytes behind the body",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxyz",
        "bytes after the body",
    ),
    (
        "truncated head",
        b"HTTP/1.1 200 OK\r\nServer: Apa",
        "truncated head",
    ),
];

#[tokio::test]
async fn answers_that_break_the_protocol_are_recorded_and_compared() {
    let faults: [Fault; 8] = [
        |_, reply| reply.raw = Some(ODD[0].1.to_vec()),
        |_, reply| reply.raw = Some(ODD[1].1.to_vec()),
        |_, reply| reply.raw = Some(ODD[2].1.to_vec()),
        |_, reply| reply.raw = Some(ODD[3].1.to_vec()),
        |_, reply| reply.raw = Some(ODD[4].1.to_vec()),
        |_, reply| reply.raw = Some(ODD[5].1.to_vec()),
        |_, reply| reply.raw = Some(ODD[6].1.to_vec()),
        |_, reply| reply.raw = Some(ODD[7].1.to_vec()),
    ];
    let straight = asking("/header.php");
    straight.record(&LegacyServer::start()).await;
    for (fault, (name, _, expected)) in faults.into_iter().zip(ODD) {
        let odd = LegacyServer::with(0, fault);
        let found = findings(&straight.replay(&odd).await);
        assert!(
            found.contains("framing | protocol error") && found.contains(expected),
            "{name}: {found}"
        );
    }
    let project = asking("/header.php");
    let odd = LegacyServer::with(0, faults[1]);
    assert_eq!(
        Verdict::of(&project.record(&odd).await.cases),
        Verdict::Verified
    );
    assert_eq!(findings(&project.replay(&odd).await), "");
    assert!(findings(&project.replay(&LegacyServer::start()).await).contains("protocol error"));
}

#[tokio::test]
async fn a_candidate_that_does_not_answer_is_bounded_and_different_or_inconclusive() {
    let mut project = asking("/header.php");
    project.record(&LegacyServer::start()).await;
    project.options.limits.whole = Duration::from_millis(300);
    project.options.limits.head = 10_000;
    project.options.limits.body = 10_000;
    let table: [(Fault, &str); 5] = [
        (
            |_, reply| reply.delay = Duration::from_secs(2),
            "gave up after 300 ms while waiting for the first byte",
        ),
        (
            |_, reply| {
                reply.raw = Some([b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 50_000]].concat());
            },
            "head is longer than 10000",
        ),
        (
            |_, reply| {
                reply.raw =
                    Some([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 50_000]].concat());
            },
            "body is longer than 10000",
        ),
        (
            |_, reply| {
                reply.raw =
                    Some(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec());
            },
            "body is longer than 10000",
        ),
        (|_, reply| reply.raw = Some(Vec::new()), "without an answer"),
    ];
    for (fault, expected) in table {
        let result = project.replay(&LegacyServer::with(0, fault)).await;
        let found = findings(&result);
        assert!(
            found.contains("| connection |") && found.contains(expected),
            "{expected}: {found}"
        );
        assert_eq!(Verdict::of(&result.cases), Verdict::Different);
    }
    let gone = LegacyServer {
        url: "http://127.0.0.1:1".to_owned(),
    };
    assert_eq!(
        Verdict::of(&project.replay(&gone).await.cases),
        Verdict::Inconclusive
    );
}

#[tokio::test]
async fn nothing_is_skipped_silently() {
    let project = Project::new(&SCENARIOS[..2]);
    let server = LegacyServer::start();
    project.record(&server).await;
    let snapshots = project.env.path().join("snapshots");
    let removed = snapshots.join("login/02-login.snap");
    let kept = std::fs::read(&removed).unwrap();
    std::fs::remove_file(&removed).unwrap();
    std::fs::copy(
        snapshots.join("login/01-form.snap"),
        snapshots.join("login/09-old.snap"),
    )
    .unwrap();
    std::fs::create_dir(snapshots.join("gone")).unwrap();
    std::fs::copy(
        snapshots.join("login/01-form.snap"),
        snapshots.join("gone/01-form.snap"),
    )
    .unwrap();
    let edited = snapshots.join("login/03-class-list.snap");
    let text = std::fs::read_to_string(&edited).unwrap();
    std::fs::write(&edited, text.replace("Ťažký", "Tazky")).unwrap();
    let result = project.replay(&server).await;
    let found = findings(&result);
    for expected in [
        "replay/login/02-login | NotRun | the step has no snapshot",
        "replay/login/03-class-list | Broken | ",
        "replay/login/09-old | NotRun | the snapshot is stale",
        "replay/gone | NotRun | the snapshots are stale",
    ] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
    assert_eq!(Verdict::of(&result.cases), Verdict::Inconclusive);
    std::fs::write(&edited, text).unwrap();
    std::fs::write(&removed, kept).unwrap();
    let mut env = project.env;
    for (from, to) in [("trieda=1.A", "trieda=2.A"), ("tajné", "iné")] {
        let changed = SCENARIOS[0].1.replace(from, to);
        let project = Project {
            env,
            ..Project::new(&[("login", &changed)])
        };
        let found = findings(&project.replay(&server).await);
        assert!(found.contains("asks something else"), "{from}: {found}");
        env = project.env;
    }
}

#[test]
fn the_program_records_and_replays() {
    let env = TestEnv::new();
    let server = LegacyServer::start();
    env.write(
        "migrate-verify.toml",
        "[legacy]\ntimezone = \"Europe/Bratislava\"\n",
    );
    env.write("scenarios/foto.png", "photo");
    for (name, content) in SCENARIOS {
        env.write(&format!("scenarios/{name}.toml"), content);
    }
    insta::assert_snapshot!(env.run(&["record", "--server", &server.url]), @r"
    exit code: 3
    ----- stdout -----
    not_run: replay/pupil/01-add: the scenario changes data (mutates = true) and was not recorded: --allow-writes lets it run against the old server
    not_run: replay/pupil/02-detail: the scenario changes data (mutates = true) and was not recorded: --allow-writes lets it run against the old server
    recorded 13 of 15 answers into [PROJECT]/snapshots: 13 files written, 0 unchanged
    not everything was recorded
    ----- stderr -----
    ");
    insta::assert_snapshot!(env.run(&["record", "--allow-writes", "--server", &server.url, "pupil"]), @r"
    exit code: 0
    ----- stdout -----
    note: legacy.database is not set: which rows the scenarios change was not recorded
    recorded 2 of 2 answers into [PROJECT]/snapshots: 2 files written, 0 unchanged
    ----- stderr -----
    ");
    let same = env.run(&["replay", "--server", &server.url]);
    assert!(
        same.starts_with("exit code: 0\n") && same.contains("15 same") && same.contains("VERIFIED"),
        "{same}"
    );
    let told = env.run(&["replay", "-v", "--server", &server.url]);
    assert!(
        told.contains("may differ: header etag: the first part of Apache's ETag is the inode"),
        "{told}"
    );
    let broken = LegacyServer::with(0, |path, reply| on(path, "/header.php", reply, to_utf8));
    let different = env.run(&["replay", "--server", &broken.url, "public"]);
    assert!(
        different.starts_with("exit code: 1\n") && different.contains("expected Hľadaný výraz"),
        "{different}"
    );
    let json = env.run(&["replay", "--format", "json", "--server", &broken.url]);
    assert!(
        json.contains("\"verdict\": \"different\"")
            && json.contains("\"id\": \"replay/public/01-header\""),
        "{json}"
    );
    let unknown = env.run(&["replay", "--server", &server.url, "nonsense"]);
    assert!(unknown.starts_with("exit code: 2\n"), "{unknown}");
}

#[test]
fn how_long_answers_took_is_kept_beside_the_snapshots_and_told_without_a_verdict() {
    const TIMES: &str = "runs/legacy-times.json";
    let env = TestEnv::new();
    let server = LegacyServer::start();
    let timezone = "[legacy]\ntimezone = \"Europe/Bratislava\"\n";
    env.write("migrate-verify.toml", timezone);
    let scenario =
        "title = \"Pages\"\n[[step]]\nname = \"header\"\nrequest = \"GET /header.php\"\n";
    env.write("scenarios/pages.toml", scenario);
    let recorded = env.run(&["record", "--server", &server.url]);
    assert!(recorded.starts_with("exit code: 0\n"), "{recorded}");
    let times = std::fs::read_to_string(env.path().join(TIMES)).unwrap();
    assert!(times.contains("\"replay/pages/01-header\": "), "{times}");

    let slow = LegacyServer::with(0, |_, reply| reply.delay = Duration::from_millis(400));
    let told = env.run(&["replay", "--server", &slow.url]);
    let line = "\n1 answers took 0.0 s on the old server when they were recorded, and 0.4 s now; longer by most: replay/pages/01-header (";
    assert!(told.starts_with("exit code: 0\n"), "{told}");
    assert!(told.contains(line), "{told}");
    let json = env.run(&["replay", "--format", "json", "--server", &slow.url]);
    assert!(json.contains("\"candidate_ms\": 4"), "{json}");

    env.write(TIMES, "{}");
    let damaged = env.run(&["replay", "--server", &server.url]);
    assert!(
        damaged.starts_with("exit code: 2\n") && damaged.contains("legacy-times.json: is no list"),
        "{damaged}"
    );
    std::fs::remove_file(env.path().join(TIMES)).unwrap();
    let untold = env.run(&["replay", "--server", &server.url]);
    assert!(
        untold.starts_with("exit code: 0\n") && !untold.contains("answers took"),
        "{untold}"
    );
}

#[test]
fn the_old_server_is_no_candidate_for_itself_but_on_purpose() {
    let env = TestEnv::new();
    let server = LegacyServer::start();
    env.write(
        "scenarios/one.toml",
        "title = \"One page\"\n[[step]]\nname = \"page\"\nrequest = \"GET /header.php\"\n",
    );
    env.write(
        "migrate-verify.toml",
        format!(
            "[legacy]\ntimezone = \"Europe/Bratislava\"\nurl = \"{}\"\n",
            server.url
        ),
    );
    let recorded = env.run(&["record", "--server", &server.url]);
    assert!(recorded.starts_with("exit code: 0\n"), "{recorded}");
    let itself = env.run(&[
        "replay",
        "--server",
        &server.url.replace("127.0.0.1", "localhost"),
    ]);
    assert!(
        itself.starts_with("exit code: 2\n") && itself.contains("is the old server itself"),
        "{itself}"
    );
    let on_purpose = env.run(&["replay", "--same-machine", "--server", &server.url]);
    assert!(on_purpose.starts_with("exit code: 0\n"), "{on_purpose}");
    for command in ["record", "replay"] {
        let nonsense = env.run(&[command, "--server", "nonsense"]);
        assert!(
            nonsense.starts_with("exit code: 2\n") && nonsense.contains("http://"),
            "{nonsense}"
        );
    }
}
