//! Connections that are kept from page to page: they are used again, and nothing that is seen changes by it.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use migrate_verify::{
    exchange::{Answer, Dialect, ExchangeError, Limits, Request, Server, Visit},
    outcome::Verdict,
    replay::{Clock, check_files},
};

use crate::{
    env::{LegacyServer, now},
    pages::{Project, SCENARIOS, findings},
};

/// What the server does with a request.
struct Reaction {
    /// What it sends at once.
    wire: Vec<u8>,
    /// Whether it closes the connection then.
    closes: bool,
}

/// Decides by path, and by how many requests came over the same connection before.
type Script = fn(&str, usize) -> Reaction;

/// A server that keeps connections, and notes `<connection> <method> <path>` for each request.
struct KeepingServer {
    url: String,
    log: Arc<Mutex<Vec<String>>>,
    /// Sends bytes that nobody asked for over the last connection; it says when they are sent.
    unasked: Sender<(Vec<u8>, Sender<()>)>,
}

impl KeepingServer {
    fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let last: Arc<Mutex<Option<TcpStream>>> = Arc::default();
        let (unasked, orders): (_, Receiver<(Vec<u8>, Sender<()>)>) = mpsc::channel();
        let to = Arc::clone(&last);
        thread::spawn(move || {
            for (bytes, done) in orders {
                let mut stream = to.lock().unwrap();
                stream.as_mut().unwrap().write_all(&bytes).unwrap();
                done.send(()).unwrap();
            }
        });
        let noted = Arc::clone(&log);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                *last.lock().unwrap() = Some(stream.try_clone().unwrap());
                let noted = Arc::clone(&noted);
                thread::spawn(move || serve(stream, number, script, &noted));
            }
        });
        Self { url, log, unasked }
    }

    /// Returns what was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    fn send_unasked(&self, bytes: &[u8]) {
        send_unasked(&self.unasked, bytes);
    }
}

fn send_unasked(orders: &Sender<(Vec<u8>, Sender<()>)>, bytes: &[u8]) {
    let (done, sent) = mpsc::channel();
    orders.send((bytes.to_vec(), done)).unwrap();
    sent.recv().unwrap();
}

fn serve(mut stream: TcpStream, number: usize, script: Script, log: &Mutex<Vec<String>>) {
    let mut before = 0;
    while let Some(line) = request_line(&mut stream) {
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        log.lock()
            .unwrap()
            .push(format!("{number} {method} {path}"));
        let reaction = script(path, before);
        before += 1;
        // The client may have gone.
        let _sent = stream.write_all(&reaction.wire);
        if reaction.closes {
            break;
        }
    }
    stream.shutdown(std::net::Shutdown::Both).unwrap_or(());
}

/// Reads a request without a body, byte by byte.
fn request_line(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head)
        .unwrap()
        .lines()
        .next()
        .map(str::to_owned)
}

/// A page in which its path stands, as long as it says.
fn page(path: &str) -> Vec<u8> {
    let body = format!("<html><p>Toto je {path}</p></html>\n");
    format!(
        "HTTP/1.1 200 OK\r\nServer: Apache\r\nConnection: keep-alive\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn kept(wire: Vec<u8>) -> Reaction {
    Reaction {
        wire,
        closes: false,
    }
}

fn good(path: &str, _before: usize) -> Reaction {
    kept(page(path))
}

/// A scenario of so many pages.
fn scenario(pages: usize, mutates: bool) -> String {
    let mut text = format!("title = \"Pages\"\nmutates = {mutates}\n");
    for number in 1..=pages {
        writeln!(
            text,
            "[[step]]\nname = \"p{number}\"\nrequest = \"GET /{number}\""
        )
        .unwrap();
    }
    text
}

fn project(scenario: &str) -> Project {
    let mut project = Project::new(&[("pages", scenario)]);
    project.options.limits.dialect.keep_alive = true;
    project
}

/// Records pages from a server that does all right.
async fn recorded(pages: usize) -> Project {
    let project = project(&scenario(pages, false));
    let recorded = project.record_from(&KeepingServer::start(good).url).await;
    assert_eq!(Verdict::of(&recorded.cases), Verdict::Verified);
    project
}

/// Replays against a server with a script; returns what was found and what was asked.
async fn replayed(project: &Project, script: Script) -> (String, Vec<String>) {
    let server = KeepingServer::start(script);
    let result = project.replay_at(&server.url).await;
    (findings(&result), server.asked())
}

fn connections(asked: &[String]) -> usize {
    let numbers = asked.iter().map(|line| line.split(' ').next().unwrap());
    numbers.collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn a_replay_uses_a_connection_again_and_a_recording_does_not() {
    let project = project(&scenario(20, false));
    let server = KeepingServer::start(good);
    let mut careful = project.options.clone();
    careful.pace.rest = std::time::Duration::from_millis(1);
    let result = project.record_with(&server.url, &careful).await;
    assert_eq!(Verdict::of(&result.cases), Verdict::Verified);
    let asked = server.asked();
    assert_eq!((asked.len(), connections(&asked)), (40, 40));
    let (found, asked) = replayed(&project, good).await;
    assert_eq!(found, "");
    assert_eq!((asked.len(), connections(&asked)), (20, 1));
}

#[tokio::test]
async fn a_project_that_does_not_ask_for_it_keeps_no_connection_and_the_setting_belongs_to_what_was_asked()
 {
    let mut project = recorded(3).await;
    let outdated = |project: &Project| {
        let snapshots = project.env.path().join("snapshots");
        let limits = &project.options.limits;
        let checked = check_files(&project.scenarios, &snapshots, limits, false).unwrap();
        checked.findings.len()
    };
    assert_eq!(outdated(&project), 0);
    project.options.limits.dialect.keep_alive = false;
    assert_eq!(outdated(&project), 3);
    let (found, _) = replayed(&project, good).await;
    assert_eq!(found.matches("NotRun").count(), 3, "{found}");
    project.record_from(&KeepingServer::start(good).url).await;
    let (found, asked) = replayed(&project, good).await;
    assert_eq!(found, "");
    assert_eq!(connections(&asked), 3);
}

#[tokio::test]
async fn bytes_behind_an_announced_end_are_named_where_they_stand_and_the_next_page_is_the_same() {
    let project = recorded(3).await;
    let (found, asked) = replayed(&project, |path, _| {
        let mut wire = page(path);
        if path == "/2" {
            wire.extend_from_slice(b"viac");
        }
        kept(wire)
    })
    .await;
    insta::assert_snapshot!(found, @"replay/pages/02-p2 | framing | protocol error | none | 4 bytes after the body: `viac` | no cause");
    assert_eq!(asked, ["0 GET /1", "0 GET /2", "1 GET /3"]);
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_named_and_never_taken_for_the_next_page() {
    let mut project = recorded(3).await;
    let server = KeepingServer::start(good);
    let orders = Mutex::new(Some(server.unasked.clone()));
    // The clock is looked at behind each answer: the server goes on with a whole answer then, once, which is that to the next question.
    project.options.clock = Clock::new(move || {
        if let Some(orders) = orders.lock().unwrap().take() {
            send_unasked(&orders, &page("/2"));
        }
        now()
    });
    let result = project.replay_at(&server.url).await;
    let found = findings(&result);
    let expected = "replay/pages/01-p1 | framing | protocol error | none | ";
    assert!(found.starts_with(expected), "{found}");
    assert!(
        found.contains("bytes after the body: `HTTP/1.1 200 OK"),
        "{found}"
    );
    assert_eq!(found.lines().count(), 1);
    assert_eq!(server.asked(), ["0 GET /1", "1 GET /2", "1 GET /3"]);
}

#[tokio::test]
async fn what_comes_behind_the_last_page_is_named_too() {
    let mut project = recorded(1).await;
    let server = KeepingServer::start(good);
    let orders = Mutex::new(server.unasked.clone());
    project.options.clock = Clock::new(move || {
        send_unasked(&orders.lock().unwrap(), b"x");
        now()
    });
    let result = project.replay_at(&server.url).await;
    insta::assert_snapshot!(findings(&result), @"replay/pages/01-p1 | framing | protocol error | none | 1 bytes after the body: `x` | no cause");
}

#[tokio::test]
async fn bytes_behind_an_end_that_vary_are_not_recorded_for_a_difference_at_each_replay() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    for mutates in [false, true] {
        let project = project(&scenario(1, mutates));
        let server = KeepingServer::start(|path, _| {
            let mut wire = page(path);
            let number = ASKED.fetch_add(1, Ordering::Relaxed) % 2;
            wire.extend_from_slice(format!("viac {number}").as_bytes());
            kept(wire)
        });
        let recorded = project.record_from(&server.url).await;
        let told =
            "what breaks the protocol varies: 6 bytes after the body: `viac 0` in one round, ";
        let reason = format!("{:?}", recorded.cases);
        assert!(reason.contains(told), "{reason}");
        assert_eq!(Verdict::of(&recorded.cases), Verdict::Inconclusive);
    }
}

#[tokio::test]
async fn a_body_that_is_shorter_than_announced_is_named_and_the_next_page_is_the_same() {
    let project = recorded(3).await;
    let (found, asked) = replayed(&project, |path, _| {
        let mut wire = page(path);
        wire.truncate(wire.len() - usize::from(path == "/2"));
        Reaction {
            wire,
            closes: path == "/2",
        }
    })
    .await;
    assert!(
        found.starts_with("replay/pages/02-p2 | framing | protocol error | none | truncated body"),
        "{found}"
    );
    assert!(!found.contains("03-p3"), "{found}");
    assert_eq!(asked, ["0 GET /1", "0 GET /2", "1 GET /3"]);
}

#[tokio::test]
async fn a_server_that_closes_a_kept_connection_makes_no_difference() {
    let project = recorded(3).await;
    // It closes behind an answer that does not say so, and then where the next question has reached it.
    let (found, _) = replayed(&project, |path, _| Reaction {
        wire: page(path),
        closes: true,
    })
    .await;
    assert_eq!(found, "");
    let server = KeepingServer::start(|path, before| Reaction {
        wire: if before == 1 { Vec::new() } else { page(path) },
        closes: before == 1,
    });
    let result = project.replay_at(&server.url).await;
    assert_eq!(findings(&result), "");
    let twice = |case: &&migrate_verify::outcome::Case| case.reason.contains("asked twice");
    assert_eq!(result.cases.iter().filter(twice).count(), 2);
    let told = result.not_compared.last().unwrap();
    assert!(
        told.starts_with("2 answers came at the second asking, replay/pages/02-p2 first"),
        "{told}"
    );
    assert_eq!(
        server.asked(),
        ["0 GET /1", "0 GET /2", "1 GET /2", "1 GET /3", "2 GET /3"]
    );
    // One that never answers is asked over a connection of its own, and then it is a difference.
    let (found, asked) = replayed(&project, |path, _| Reaction {
        wire: if path == "/2" { Vec::new() } else { page(path) },
        closes: path == "/2",
    })
    .await;
    assert!(found.contains("replay/pages/02-p2 | connection"), "{found}");
    assert_eq!(asked, ["0 GET /1", "0 GET /2", "1 GET /2"]);
}

/// A page that says to be the last one on its connection.
fn last(path: &str) -> Reaction {
    let wire = String::from_utf8(page(path)).unwrap();
    Reaction {
        wire: wire.replacen("keep-alive", "close", 1).into_bytes(),
        closes: true,
    }
}

#[tokio::test]
async fn a_server_that_counts_the_requests_of_a_connection_makes_no_difference_and_what_was_not_compared_is_counted()
 {
    let project = recorded(7).await;
    let server = KeepingServer::start(|path, before| match before {
        2 => last(path),
        _ => good(path, before),
    });
    let result = project.replay_at(&server.url).await;
    assert_eq!(findings(&result), "");
    assert_eq!(
        server.asked(),
        [
            "0 GET /1", "0 GET /2", "0 GET /3", "1 GET /3", "1 GET /4", "1 GET /5", "2 GET /5",
            "2 GET /6", "2 GET /7", "3 GET /7"
        ]
    );
    let third = result
        .cases
        .iter()
        .find(|case| case.id.to_string().ends_with("03-p3"));
    let told = "status, 3 headers and 31 bytes of body agree; 0 values in holes checked; asked twice, because it ended";
    assert!(third.unwrap().reason.starts_with(told), "{third:?}");
    let ended = |line: &&String| line.contains("several answers shared");
    let ended: Vec<&String> = result.not_compared.iter().filter(ended).collect();
    assert_eq!(ended.len(), 1);
    assert!(ended[0].starts_with("3 places of 15 bytes: "), "{ended:?}");
    // All else of such an answer is compared, although there is another one to the same request.
    let (found, _) = replayed(&project, |path, before| match before {
        2 => last("/x"),
        _ => good(path, before),
    })
    .await;
    assert!(found.contains("replay/pages/03-p3 | body"), "{found}");
}

#[tokio::test]
async fn a_page_that_no_longer_ends_its_connection_is_a_difference_also_where_the_server_ends_it() {
    let project = project(&scenario(3, false));
    let old = KeepingServer::start(|path, before| match path {
        "/3" => last(path),
        _ => good(path, before),
    });
    project.record_from(&old.url).await;
    let (found, asked) = replayed(&project, |path, before| match before {
        2 => last(path),
        _ => good(path, before),
    })
    .await;
    insta::assert_snapshot!(found, @"replay/pages/03-p3 | header Connection | header value | close | the connection is kept where the page is asked for alone | no cause");
    assert_eq!(asked, ["0 GET /1", "0 GET /2", "0 GET /3", "1 GET /3"]);
}

#[tokio::test]
async fn a_page_that_ends_its_connection_by_itself_is_a_difference_wherever_it_stands() {
    let project = recorded(4).await;
    let (found, asked) = replayed(&project, |path, before| match path {
        "/1" | "/3" => last(path),
        _ => good(path, before),
    })
    .await;
    insta::assert_snapshot!(found, @r"
    replay/pages/01-p1 | header Connection | header value | keep-alive | close | no cause
    replay/pages/03-p3 | header Connection | header value | keep-alive | close | no cause
    ");
    assert_eq!(
        asked,
        ["0 GET /1", "1 GET /2", "1 GET /3", "2 GET /3", "3 GET /4"]
    );
}

#[tokio::test]
async fn an_application_that_closes_every_connection_is_silent() {
    let mut project = Project::new(&SCENARIOS);
    project.options.limits.dialect.keep_alive = true;
    let server = LegacyServer::start();
    project.record(&server).await;
    assert_eq!(findings(&project.replay(&server).await), "");
}

#[tokio::test]
async fn a_scenario_that_changes_data_asks_each_step_once_over_a_connection_of_its_own() {
    let project = project(&scenario(3, true));
    project.record_from(&KeepingServer::start(good).url).await;
    let (found, asked) = replayed(&project, good).await;
    assert_eq!(found, "");
    assert_eq!(asked, ["0 GET /1", "1 GET /2", "2 GET /3"]);
    let (found, asked) = replayed(&project, |path, _| Reaction {
        wire: if path == "/2" { Vec::new() } else { page(path) },
        closes: path == "/2",
    })
    .await;
    assert!(found.contains("replay/pages/02-p2 | connection"), "{found}");
    assert_eq!(asked, ["0 GET /1", "1 GET /2"]);
}

/// Sends requests one after the other in one visit.
async fn visit(server: &KeepingServer, requests: &[Request]) -> Vec<Result<Answer, ExchangeError>> {
    let address = Server::parse(&server.url).unwrap();
    let limits = Limits {
        dialect: Dialect {
            keep_alive: true,
            ..Dialect::default()
        },
        ..Limits::default()
    };
    let mut visit = Visit::new(true);
    let mut answers = Vec::new();
    for request in requests {
        answers.push(visit.send(&address, request, &limits).await);
    }
    answers
}

#[tokio::test]
async fn only_what_may_be_asked_twice_goes_over_a_kept_connection() {
    let post = Request {
        method: "POST".to_owned(),
        ..Request::get("/post")
    };
    let requests = [Request::get("/1"), post, Request::get("/2")];
    let server = KeepingServer::start(good);
    assert!(visit(&server, &requests).await.iter().all(Result::is_ok));
    assert_eq!(server.asked(), ["0 GET /1", "1 POST /post", "1 GET /2"]);
    let server = KeepingServer::start(|path, _| Reaction {
        wire: if path == "/post" {
            Vec::new()
        } else {
            page(path)
        },
        closes: path == "/post",
    });
    let answers = visit(&server, &requests).await;
    assert!(matches!(answers[1], Err(ExchangeError::NoAnswer { .. })));
    assert_eq!(server.asked(), ["0 GET /1", "1 POST /post", "2 GET /2"]);
}

#[tokio::test]
async fn a_connection_is_kept_only_behind_an_answer_whose_end_is_beyond_doubt() {
    static WIRE: Mutex<&str> = Mutex::new("");
    let table: [(&str, bool); 12] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", true),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            true,
        ),
        (
            "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx",
            true,
        ),
        // What the server counts is its own business, until it says `close`.
        (
            "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=2\r\nContent-Length: 1\r\n\r\nx",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=1\r\nContent-Length: 1\r\n\r\nx",
            true,
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", false),
        (
            "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 1\r\n\r\nx",
            false,
        ),
        ("HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\nx", false),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            false,
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            false,
        ),
    ];
    for (wire, is_kept) in table {
        *WIRE.lock().unwrap() = wire;
        let server = KeepingServer::start(|_, _| kept(WIRE.lock().unwrap().as_bytes().to_vec()));
        let requests = [Request::get("/1"), Request::get("/2")];
        assert!(visit(&server, &requests).await.iter().all(Result::is_ok));
        assert_eq!(connections(&server.asked()) == 1, is_kept, "{wire}");
    }
}

#[tokio::test]
async fn an_unasked_answer_is_told_once_and_not_read() {
    let server = KeepingServer::start(good);
    let address = Server::parse(&server.url).unwrap();
    let limits = Limits {
        dialect: Dialect {
            keep_alive: true,
            ..Dialect::default()
        },
        ..Limits::default()
    };
    let mut visit = Visit::new(true);
    visit
        .send(&address, &Request::get("/1"), &limits)
        .await
        .unwrap();
    assert_eq!(visit.take_surplus(), None);
    server.send_unasked(&page("/evil"));
    let answer = visit
        .send(&address, &Request::get("/2"), &limits)
        .await
        .unwrap();
    assert!(answer.body.ends_with(b"/2</p></html>\n"));
    let surplus = visit.take_surplus().unwrap().to_string();
    assert!(
        surplus.contains("bytes after the body: `HTTP/1.1 200 OK"),
        "{surplus}"
    );
    assert_eq!(visit.take_surplus(), None);
    assert_eq!(visit.end().await, None);
}

/// What comes late behind an announced end: what is sent at once, and what a moment later.
fn late(listener: &TcpListener, behind: &'static [u8]) {
    let listener = listener.try_clone().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                while let Some(line) = request_line(&mut stream) {
                    let path = line.split(' ').nth(1).unwrap().to_owned();
                    stream.write_all(&page(&path)).unwrap();
                    thread::sleep(std::time::Duration::from_millis(100));
                    if stream.write_all(behind).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

#[tokio::test]
async fn what_comes_late_behind_a_page_is_recorded_and_compared_to_the_byte_whether_connections_are_kept_or_not()
 {
    for keep_alive in [false, true] {
        let mut project = project(&scenario(1, false));
        project.options.limits.dialect.keep_alive = keep_alive;
        let [same, other, none] = [&b"abc"[..], b"abd", b""].map(|behind| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            late(&listener, behind);
            format!("http://{}", listener.local_addr().unwrap())
        });
        let mut careful = project.options.clone();
        careful.pace.rest = std::time::Duration::from_millis(1);
        let recorded = project.record_with(&same, &careful).await;
        assert_eq!(Verdict::of(&recorded.cases), Verdict::Verified);
        assert_eq!(findings(&project.replay_at(&same).await), "");
        let found = findings(&project.replay_at(&other).await);
        assert!(
            found.contains("3 bytes after the body: `abc` | 3 bytes after the body: `abd`"),
            "{found}"
        );
        let found = findings(&project.replay_at(&none).await);
        assert!(
            found.contains("3 bytes after the body: `abc` | none"),
            "{found}"
        );
    }
}
