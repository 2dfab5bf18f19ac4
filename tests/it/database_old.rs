//! Servers of 2004: the handshake of MySQL 4.1 and 5.0, passwords of before 4.1, and everything that can go wrong on the way.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use migrate_verify::{
    database::{Source, compare, record},
    outcome::{Case, Outcome, Verdict},
    progress::Silent,
};

use crate::env::{OldMySql, SqlReply, TestEnv, rows};

/// A server that gets so many seconds for each answer.
fn live(server: &OldMySql, seconds: u64) -> Source {
    Source::Live(
        format!("{}?timeout={seconds}", server.url("mypass"))
            .parse()
            .unwrap(),
    )
}

fn all_text(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        text.push_str(&if path.is_dir() {
            all_text(&path)
        } else {
            fs::read_to_string(&path).unwrap()
        });
    }
    text
}

fn case<'a>(cases: &'a [Case], id: &str) -> &'a Case {
    cases
        .iter()
        .find(|case| case.id.to_string() == id)
        .unwrap_or_else(|| panic!("no case {id}: {cases:?}"))
}

#[tokio::test]
async fn servers_of_mysql_4_1_and_5_0_take_an_old_password_and_are_recorded_and_compared() {
    for version in ["4.1.22-log", "5.0.51a-log"] {
        let server = OldMySql::start(version, "skola", |_| None);
        let env = TestEnv::new();
        let folder = env.path().join("snapshots/database");
        let address = server.url("mypass").parse().unwrap();
        let recorded = record(&address, &folder, &Silent).await.unwrap();
        assert_eq!(
            (recorded.tables, recorded.rows, recorded.hidden.len()),
            (1, 2, 0)
        );
        let again = record(&address, &folder, &Silent).await.unwrap();
        assert!(again.changed.is_empty(), "{:?}", again.changed);
        let text = all_text(&folder);
        assert!(text.contains("1\t\"Žltý\"\n2\tNULL\n"), "{text}");
        assert!(
            text.contains("hostname: skola\n  port: 3306\n") && text.contains(version),
            "{text}"
        );
        assert!(
            !text.contains("mypass") && !text.contains("6f8c114b58f2ce9e"),
            "{text}"
        );

        let copy = OldMySql::start("5.0.51a-log", "kopia", |_| None);
        let cases = compare(&Source::Recorded(folder.clone()), &live(&copy, 60), &Silent).await;
        assert_eq!(Verdict::of(&cases), Verdict::Verified, "{cases:?}");
        // The recording and the server that it was made of are no two databases.
        if version.starts_with('5') {
            let cases = compare(&Source::Recorded(folder), &live(&server, 60), &Silent).await;
            assert_eq!(Verdict::of(&cases), Verdict::Inconclusive);
        }
        for query in server.heard().iter().chain(&copy.heard()) {
            let reads = ["SELECT ", "SHOW ", "SET ", "START TRANSACTION"]
                .into_iter()
                .any(|start| query.starts_with(start));
            assert!(
                reads && !query.contains("@@socket") && !query.contains("GLOBAL max"),
                "{query}"
            );
        }
    }
}

#[tokio::test]
async fn a_wrong_old_password_is_refused_and_not_repeated() {
    let server = OldMySql::start("5.0.51a", "skola", |_| None);
    let env = TestEnv::new();
    let address = server.url("tajneheslo").parse().unwrap();
    let error = record(&address, &env.path().join("database"), &Silent)
        .await
        .unwrap_err();
    let text = format!(
        "{error} {error:?} {}",
        std::error::Error::source(&error).unwrap()
    );
    assert!(
        text.contains("Access denied") && text.contains("citatel:****@"),
        "{text}"
    );
    assert!(!text.contains("tajneheslo"), "{text}");
    assert!(!env.path().join("database").exists());
}

/// One thing that goes wrong: its name, the server's script, the case that it breaks, and what its reason must hold.
type Fault = (
    &'static str,
    fn(&str) -> Option<SqlReply>,
    &'static str,
    &'static str,
);

const FAULTS: &[Fault] = &[
    (
        "rows without end",
        |query| {
            query
                .starts_with("SELECT `id`")
                .then(|| SqlReply::Endless(vec![Some(b"1".to_vec()), None]))
        },
        "database/ziaci/rows",
        "there are more rows than it has",
    ),
    (
        "a list without end",
        |query| {
            (query == "SHOW FULL TABLES")
                .then(|| SqlReply::Endless(vec![Some(vec![b'a'; 60_000]), None]))
        },
        "database/tables",
        "the list has no end",
    ),
    (
        "an answer that breaks off",
        |query| {
            query
                .starts_with("SELECT `id`")
                .then_some(SqlReply::Dropped(2))
        },
        "database/ziaci/rows",
        "the rows of ziaci can't be read",
    ),
    (
        "silence at the rows",
        |query| {
            query
                .starts_with("SELECT `id`")
                .then_some(SqlReply::Silence)
        },
        "database/ziaci/rows",
        "did not answer within 4 s",
    ),
    (
        "silence at the session",
        |query| query.starts_with("SET NAMES").then_some(SqlReply::Silence),
        "database/server",
        "did not answer within 4 s",
    ),
    (
        "a refused table",
        |query| {
            query
                .starts_with("SHOW FULL COLUMNS")
                .then_some(SqlReply::Refused(1142, "SELECT command denied to user"))
        },
        "database/ziaci/schema",
        "SELECT command denied",
    ),
    (
        "a crashed table",
        |query| {
            query
                .starts_with("SELECT `id`")
                .then_some(SqlReply::Refused(
                    145,
                    "Table './skola/ziaci' is marked as crashed and should be repaired",
                ))
        },
        "database/ziaci/rows",
        "is marked as crashed",
    ),
    (
        "a refused session",
        |query| {
            query
                .starts_with("SET NAMES")
                .then_some(SqlReply::Refused(1115, "Unknown character set: 'binary'"))
        },
        "database/server",
        "Unknown character set",
    ),
    (
        "a number of rows that is none",
        |query| {
            query
                .starts_with("SELECT COUNT")
                .then(|| rows(1, &[&["many"]]))
        },
        "database/ziaci/rows",
        "it is not a number",
    ),
    (
        "keys out of order",
        |query| {
            query
                .starts_with("SELECT `id`")
                .then(|| rows(2, &[&["2", "~"], &["1", "~"]]))
        },
        "database/ziaci/rows",
        "the rows are not in the order of their key",
    ),
];

#[tokio::test]
async fn what_a_broken_server_does_is_named_and_bounded_and_nothing_is_called_the_same() {
    let good = OldMySql::start("5.0.51a", "skola", |_| None);
    let env = TestEnv::new();
    let folder = env.path().join("database");
    record(&good.url("mypass").parse().unwrap(), &folder, &Silent)
        .await
        .unwrap();
    let before = all_text(&folder);
    for &(name, script, id, expected) in FAULTS {
        let started = Instant::now();
        let server = OldMySql::start("5.0.51a", "kopia", script);
        // Only silence is waited for: a busy machine must not look like it.
        let seconds = if expected.ends_with("within 4 s") {
            4
        } else {
            60
        };
        let source = live(&server, seconds);
        let cases = compare(&Source::Recorded(folder.clone()), &source, &Silent).await;
        let found = case(&cases, id);
        assert_eq!(found.outcome, Outcome::Broken, "{name}: {found:?}");
        assert!(found.reason.contains(expected), "{name}: {}", found.reason);
        assert_ne!(Verdict::of(&cases), Verdict::Verified, "{name}");
        assert!(!format!("{cases:?}").contains("mypass"), "{name}");
        assert!(started.elapsed().as_secs() < 90, "{name}");
        // What comes after a broken answer is compared all the same.
        if id == "database/ziaci/rows" {
            assert_eq!(
                case(&cases, "database/views").outcome,
                Outcome::Same,
                "{name}: {cases:?}"
            );
        }
    }
    assert_eq!(all_text(&folder), before);
}

/// A table without a key and of an engine that tells of no change, so large that it is read in three passes; each pass finds another row.
fn another_row_each_time(query: &str) -> Option<SqlReply> {
    static PASSES: AtomicU32 = AtomicU32::new(0);
    match query {
        "SHOW INDEX FROM `ziaci`" => Some(rows(12, &[])),
        _ if query.starts_with("SELECT COUNT") => Some(rows(1, &[&["1600000"]])),
        _ if query.starts_with("SELECT `id`") => {
            let pass = PASSES.fetch_add(1, Ordering::Relaxed).to_string();
            Some(rows(2, &[&[&pass, "~"]]))
        }
        _ => with_engine(query, "MEMORY"),
    }
}

fn of_spider(query: &str) -> Option<SqlReply> {
    with_engine(query, "SPIDER")
}

/// Answers what engine the table has.
fn with_engine(query: &str, engine: &str) -> Option<SqlReply> {
    let nothing = "~";
    let mut status = vec![nothing; 18];
    status[0] = "ziaci";
    status[1] = engine;
    query
        .starts_with("SHOW TABLE STATUS")
        .then(|| rows(18, &[&status]))
}

/// What a server answers of its own.
type Script = fn(&str) -> Option<SqlReply>;

#[tokio::test]
async fn a_table_that_may_change_between_two_questions_is_not_taken_for_read() {
    let good = OldMySql::start("5.0.51a", "skola", |query| match query {
        "SHOW INDEX FROM `ziaci`" => Some(rows(12, &[])),
        _ => None,
    });
    let env = TestEnv::new();
    let folder = env.path().join("database");
    record(&good.url("mypass").parse().unwrap(), &folder, &Silent)
        .await
        .unwrap();
    let scripts: [(Script, &str); 2] = [
        (another_row_each_time, "ziaci was changed while it was read"),
        (of_spider, "nothing is known of its engine \"SPIDER\""),
    ];
    for (script, expected) in scripts {
        let copy = OldMySql::start("5.0.51a", "kopia", script);
        let cases = compare(&Source::Recorded(folder.clone()), &live(&copy, 60), &Silent).await;
        let found = case(&cases, "database/ziaci/rows");
        assert_eq!(found.outcome, Outcome::Broken, "{found:?}");
        assert!(found.reason.contains(expected), "{}", found.reason);
    }
}

/// A server whose Czech collation sorts `ch` after `h`, or among the `c`.
fn sorting(query: &str, words: &[&[&str]]) -> Option<SqlReply> {
    if query.starts_with("SELECT DISTINCT COLLATION_NAME") {
        return Some(rows(1, &[&["cp1250_czech_cs"]]));
    }
    if query.starts_with("SELECT w FROM") {
        return Some(rows(1, words));
    }
    let equal = query.starts_with("SELECT a.w, b.w FROM");
    equal.then(|| rows(2, &[&["x", "x "]]))
}

/// Answers a server's questions whether another is itself: it is not.
fn same_lock(query: &str) -> Option<SqlReply> {
    if query.starts_with("SELECT GET_LOCK") || query.starts_with("SELECT RELEASE_LOCK") {
        return Some(rows(1, &[&["1"]]));
    }
    query
        .starts_with("SELECT IS_USED_LOCK")
        .then(|| rows(1, &[&["~"]]))
}

/// A large table on a server that takes CRC-32C for a routine of the database, which the login may not execute: MySQL 5.6 says 1370.
fn without_crc_32c(query: &str) -> Option<SqlReply> {
    if query.contains("AS few") {
        return Some(rows(1, &[&["2000"]]));
    }
    if query.starts_with("SELECT SUM(x)") {
        return Some(rows(1, &[&["36893488147419103229"]]));
    }
    if let Some(answer) = same_lock(query) {
        return Some(answer);
    }
    let denied = "execute command denied to user 'citatel'@'%' for routine 'skola.CRC32C'";
    query
        .contains("CRC32C")
        .then_some(SqlReply::Refused(1370, denied))
}

#[tokio::test]
async fn a_login_that_may_execute_no_routine_compares_large_tables_without_crc_32c() {
    let server = OldMySql::start("5.6.24", "skola", without_crc_32c);
    let copy = OldMySql::start("5.6.24", "kopia", without_crc_32c);
    let cases = compare(&live(&server, 60), &live(&copy, 60), &Silent).await;
    assert_eq!(Verdict::of(&cases), Verdict::Verified, "{cases:?}");
    let asked = |word: &str| server.heard().iter().any(|query| query.contains(word));
    assert!(asked("CRC32C") && asked("MD5("), "{:?}", server.heard());
}

/// A server without `MD5()`, as MySQL 9.6 comes, whose only text is a TEXT.
fn text_without_md5(query: &str) -> Option<SqlReply> {
    without_md5(query, "text")
}

/// The same with a LONGTEXT.
fn longtext_without_md5(query: &str) -> Option<SqlReply> {
    without_md5(query, "longtext")
}

fn without_md5(query: &str, kind: &str) -> Option<SqlReply> {
    let value: &[&[&str]] = &[&["1", "x"], &["2", "~"]];
    match query {
        _ if query.contains("MD5(") => Some(SqlReply::Refused(1305, "FUNCTION MD5 does not exist")),
        "SHOW FULL COLUMNS FROM `ziaci`" => {
            let text = ["meno", kind, "cp1250_czech_cs", "YES", "", "~", "", "", ""];
            let number = ["id", "int(11)", "~", "NO", "PRI", "~", "", "", ""];
            Some(rows(9, &[&number, &text]))
        }
        _ if query.starts_with("SELECT `id`, ") => Some(rows(2, value)),
        _ if query.starts_with("SELECT SHA2(") => Some(rows(1, &[&["e3b0"]])),
        _ => None,
    }
}

#[tokio::test]
async fn a_server_without_md5_is_recorded_and_compared() {
    for script in [text_without_md5, longtext_without_md5] {
        let server = OldMySql::start("5.0.51a", "skola", script);
        let env = TestEnv::new();
        let folder = env.path().join("database");
        record(&server.url("mypass").parse().unwrap(), &folder, &Silent)
            .await
            .unwrap();
        let copy = OldMySql::start("5.0.51a", "kopia", script);
        let cases = compare(&Source::Recorded(folder), &live(&copy, 60), &Silent).await;
        assert_eq!(Verdict::of(&cases), Verdict::Verified, "{cases:?}");
    }
}

#[tokio::test]
async fn two_servers_of_which_one_has_no_md5_hash_large_values_in_one_way() {
    let with_md5 = |query: &str| match query {
        _ if query.starts_with("SELECT MD5(") => Some(rows(1, &[&["d41d"]])),
        _ => same_lock(query).or_else(|| longtext_without_md5(query)),
    };
    let without = |query: &str| same_lock(query).or_else(|| longtext_without_md5(query));
    let server = OldMySql::start("5.6.24", "skola", with_md5);
    let copy = OldMySql::start("9.7.4", "kopia", without);
    let cases = compare(&live(&server, 60), &live(&copy, 60), &Silent).await;
    let rows = case(&cases, "database/ziaci/rows");
    assert_eq!(rows.outcome, Outcome::Same, "{rows:?}");
    for heard in [server.heard(), copy.heard()] {
        let asked = |query: &&String| query.starts_with("SELECT `id`, IF(LENGTH(`meno`)");
        let asked = heard.iter().find(asked).unwrap();
        assert!(asked.contains("SHA-256 \\',SHA2(`meno`,256)"), "{asked}");
    }
}

#[tokio::test]
async fn a_collation_that_sorts_otherwise_on_the_new_server_is_found() {
    let right = |query: &str| sorting(query, &[&["c"], &["h"], &["ch"]]);
    let wrong = |query: &str| sorting(query, &[&["c"], &["ch"], &["h"]]);
    let server = OldMySql::start("5.0.51a", "skola", right);
    let env = TestEnv::new();
    let folder = env.path().join("database");
    record(&server.url("mypass").parse().unwrap(), &folder, &Silent)
        .await
        .unwrap();
    for (script, expected) in [
        (right as fn(&str) -> Option<SqlReply>, Verdict::Verified),
        (wrong, Verdict::Different),
    ] {
        let copy = OldMySql::start("5.0.51a", "kopia", script);
        let cases = compare(&Source::Recorded(folder.clone()), &live(&copy, 5), &Silent).await;
        assert_eq!(Verdict::of(&cases), expected, "{cases:?}");
        if expected == Verdict::Different {
            let differences = case(&cases, "database/collations").differences();
            assert_eq!(differences[0].locus, "collation cp1250_czech_cs");
            assert_eq!(
                (
                    differences[0].expected.as_str(),
                    differences[0].actual.as_str()
                ),
                ("c h ch", "c ch h")
            );
        }
    }
}
