//! An old server that is in use while it is read: it is only read, tables that change are not taken for read, and a recording
//! that was cut off goes on.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use migrate_verify::{
    database::{DatabaseAddress, Lock, Manners, compare_live, record},
    outcome::{Outcome, Verdict},
    progress::Silent,
};

use crate::env::{MariaDb, OldMySql, SqlReply, TestEnv, rows};

/// A table of either engine that is read in several ranges.
fn tables() -> Vec<String> {
    let mut statements = Vec::new();
    for (name, engine) in [("stara", "MyISAM"), ("nova", "InnoDB")] {
        statements.push(format!(
            "CREATE TABLE {name} (id INT NOT NULL PRIMARY KEY, meno VARCHAR(30)) ENGINE={engine}"
        ));
        statements.push(format!(
            "INSERT INTO {name} SELECT seq, MD5(seq) FROM seq_1_to_60000"
        ));
    }
    statements
}

fn polite(server: &MariaDb, name: &str, lock: Lock) -> DatabaseAddress {
    let manners = Manners {
        lock,
        load: 50,
        busy: Some(1000),
    };
    DatabaseAddress {
        manners,
        ..server.address(name)
    }
}

/// The key of the next row that is added.
static NEXT: AtomicU32 = AtomicU32::new(100_000);

/// Adds rows to both tables of `one`, without end.
async fn write(server: &MariaDb) {
    loop {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let insert = |table| format!("INSERT INTO {table} VALUES ({id}, 'x')");
        server
            .execute("one", &[insert("stara"), insert("nova")])
            .await;
    }
}

/// Returns all files of a folder with their text.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.file_name().unwrap().to_str().unwrap().to_owned(), text));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn privileged_nothing_but_reading_is_asked_of_a_server_even_with_a_login_that_may_write() {
    let server = MariaDb::start(&["--log-output=TABLE"]);
    server.databases(&["one", "two"]).await;
    for name in ["one", "two"] {
        server.execute(name, &tables()).await;
    }
    let grants = [
        "GRANT ALL ON *.* TO reader@'127.0.0.1'",
        "SET GLOBAL general_log = 1",
    ];
    server.execute("mysql", &grants).await;
    let env = TestEnv::new();
    let folder = env.path().join("database");
    for lock in [Lock::None, Lock::Tables] {
        let address = polite(&server, "one", lock);
        record(&address, &folder, &Silent).await.unwrap();
        let cases = compare_live(&address, &server.address("two"), &Silent).await;
        assert_eq!(Verdict::of(&cases), Verdict::Verified, "{cases:?}");
    }
    let copy = [
        "SET GLOBAL general_log = 0",
        "CREATE TABLE two.asked AS SELECT TRIM(CONVERT(argument USING utf8)) AS text FROM mysql.general_log \
            WHERE user_host LIKE '%reader%' AND command_type IN ('Query', 'Prepare', 'Execute')",
        "SET @wrong = (SELECT GROUP_CONCAT(text) FROM two.asked WHERE text NOT REGEXP \
            '^(SELECT|SHOW|SET (NAMES|SESSION)|START TRANSACTION WITH CONSISTENT SNAPSHOT|LOCK TABLES .* READ LOCAL|UNLOCK TABLES)')",
        "SET @asked = (SELECT COUNT(*) FROM two.asked WHERE text = 'SET SESSION TRANSACTION READ ONLY')",
        "SET @locked = (SELECT COUNT(*) FROM two.asked WHERE text LIKE 'LOCK TABLES%')",
        "CREATE TABLE two.verdict AS SELECT CONCAT(IFNULL(@wrong, 'nothing'), '|', @asked > 3, @locked >= 2) AS text",
    ];
    server.execute("two", &copy).await;
    let said = server.text("two", "SELECT text FROM verdict").await;
    assert_eq!(said, "nothing|11");
}

#[tokio::test]
async fn privileged_a_table_that_changes_while_it_is_read_is_neither_the_same_nor_different() {
    let server = MariaDb::start(&["--concurrent-insert=2"]);
    server.databases(&["one", "two"]).await;
    for name in ["one", "two"] {
        server.execute(name, &tables()).await;
    }
    let env = TestEnv::new();
    let folder = env.path().join("database");
    let busy = polite(&server, "one", Lock::None);
    let error = tokio::select! {
        result = record(&busy, &folder, &Silent) => result.unwrap_err(),
        () = write(&server) => unreachable!("it has no end"),
    };
    assert_eq!(
        error.to_string(),
        format!("stara was changed while it was read from {busy}")
    );
    assert!(!folder.join("server.txt").exists());

    // What was added is a difference of `nova`, whose snapshot shows one moment, and none of `stara`.
    let two = server.address("two");
    let cases = tokio::select! {
        cases = compare_live(&busy, &two, &Silent) => cases,
        () = write(&server) => unreachable!("it has no end"),
    };
    let outcome = |id: &str| {
        let case = cases.iter().find(|case| case.id.to_string() == id).unwrap();
        (case.outcome.clone(), case.reason.clone())
    };
    let (stara, reason) = outcome("database/stara/rows");
    assert_eq!(stara, Outcome::Broken, "{reason}");
    assert!(reason.contains("was changed while it was read"), "{reason}");
    assert!(matches!(
        outcome("database/nova/rows").0,
        Outcome::Different(_)
    ));
}

/// Sets all rows of both tables of `one` to the next number, without end.
async fn count_up(server: &MariaDb) {
    loop {
        let update = |table| format!("UPDATE {table} SET a = a + 1");
        server
            .execute("one", &[update("aria"), update("pamat")])
            .await;
    }
}

/// Returns the values of the second column that a recording lists.
fn recorded_values(folder: &Path, table: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join(format!("tables/{table}.txt"))).unwrap();
    let (_schema, rows) = text.split_once("\n\n").unwrap();
    rows.lines()
        .filter_map(|line| Some(line.split_once('\t')?.1.to_owned()))
        .collect()
}

#[tokio::test]
async fn privileged_a_table_that_tells_of_no_change_is_recorded_as_it_was_at_one_moment() {
    let server = MariaDb::start(&["--max-heap-table-size=64M"]);
    server.databases(&["one"]).await;
    for (name, engine) in [("aria", "Aria"), ("pamat", "MEMORY")] {
        let table = format!(
            "CREATE TABLE {name} (id INT NOT NULL PRIMARY KEY, a INT NOT NULL) ENGINE={engine}"
        );
        let rows = format!("INSERT INTO {name} SELECT seq, 0 FROM seq_1_to_60000");
        server.execute("one", &[table, rows]).await;
    }
    let env = TestEnv::new();
    let folder = env.path().join("database");
    let busy = polite(&server, "one", Lock::None);
    let recorded = tokio::select! {
        result = record(&busy, &folder, &Silent) => result.unwrap(),
        () = count_up(&server) => unreachable!("it has no end"),
    };
    assert_eq!(recorded.rows, 120_000);
    for table in ["aria", "pamat"] {
        let values = recorded_values(&folder, table);
        assert_eq!(values.len(), 1, "{table}: {values:?}");
    }
}

#[tokio::test]
async fn privileged_a_locked_table_is_read_as_it_was_when_it_was_locked() {
    let server = MariaDb::start(&["--concurrent-insert=2"]);
    server.databases(&["one"]).await;
    server.execute("one", &tables()).await;
    let env = TestEnv::new();
    let folder = env.path().join("database");
    let locked = polite(&server, "one", Lock::Tables);
    let error = record(&locked, &folder, &Silent).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "stara can't be locked at {locked}: let its login LOCK TABLES, or leave out legacy.database_lock"
        )
    );
    let grant = ["GRANT LOCK TABLES ON one.* TO reader@'127.0.0.1'"];
    server.execute("mysql", &grant).await;
    let recorded = tokio::select! {
        result = record(&locked, &folder, &Silent) => result.unwrap(),
        () = write(&server) => unreachable!("it has no end"),
    };
    assert!(
        recorded.tables == 2 && recorded.rows > 120_000,
        "{recorded:?}"
    );
    assert!(folder.join("server.txt").exists() && !folder.join("unfinished").exists());
}

#[tokio::test]
async fn privileged_a_recording_that_was_cut_off_goes_on_and_never_looks_finished() {
    let server = MariaDb::start(&[]);
    server.databases(&["one"]).await;
    let statements = [
        "CREATE TABLE a (id INT NOT NULL PRIMARY KEY, meno VARCHAR(30)) ENGINE=MyISAM",
        "INSERT INTO a VALUES (1, 'x')",
        "CREATE TABLE b (meno VARCHAR(30)) ENGINE=MyISAM",
        "INSERT INTO b VALUES ('y')",
        "CREATE TABLE i (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB",
        "CREATE TABLE z (id INT NOT NULL PRIMARY KEY) ENGINE=MyISAM",
    ];
    server.execute("one", &statements).await;
    let env = TestEnv::new();
    let folder = env.path().join("database");
    let address = polite(&server, "one", Lock::None);
    let before = record(&address, &folder, &Silent).await.unwrap();
    assert_eq!((before.rows, before.resumed.len()), (2, 0));
    let old = files(&folder);

    // The server loses the last table's file: the recording ends there, and the one before stays as it is.
    let statements = ["UPDATE a SET meno = 'new'", "FLUSH TABLES"];
    server.execute("one", &statements).await;
    server.take_away("one/z.MYD");
    record(&address, &folder, &Silent).await.unwrap_err();
    let kept = files(&folder);
    for file in &old {
        assert!(kept.contains(file), "{file:?}");
    }
    server.put_back("one/z.MYD");

    let statements = ["FLUSH TABLES", "INSERT INTO b VALUES ('added')"];
    server.execute("one", &statements).await;
    let resumed = record(&address, &folder, &Silent).await.unwrap();
    assert_eq!(resumed.resumed.len(), 1, "{resumed:?}");
    assert!(
        resumed.resumed[0].starts_with("a (read at 2"),
        "{resumed:?}"
    );
    assert_eq!(resumed.rows, 3);
    let fresh = env.path().join("fresh");
    record(&address, &fresh, &Silent).await.unwrap();
    assert_eq!(files(&folder), files(&fresh));
    assert_ne!(files(&folder), old);
}

#[tokio::test]
async fn privileged_a_killed_recording_says_what_it_takes_over() {
    let server = MariaDb::start(&[]);
    server.databases(&["one"]).await;
    let mut statements = tables();
    statements.push("CREATE TABLE a (meno VARCHAR(30)) ENGINE=MyISAM".to_owned());
    server.execute("one", &statements).await;
    let env = TestEnv::new();
    let project = |load| {
        let address = format!("mysql://reader:tajn%C3%A9@127.0.0.1:{}/one", server.port);
        let text = format!("[legacy]\ndatabase = \"{address}\"\ndatabase_load = {load}\n");
        env.write("migrate-verify.toml", text);
    };
    project(1);
    let record = ["database", "record"];
    env.kill_at(&record, "snapshots/database/unfinished/a.seen");
    let compared = env.run(&[
        "database",
        "compare",
        "--server",
        "mysql://reader@127.0.0.1/x",
    ]);
    assert!(
        compared.contains("holds no recorded database"),
        "{compared}"
    );
    project(100);
    let text = env.run(&record);
    let taken = "note: taken over from a session that was cut off, unchanged since: a (read at 2";
    assert!(
        text.starts_with("exit code: 0") && text.contains(taken),
        "{text}"
    );
    let again = env.run(&record);
    assert!(
        again.contains("no file changed") && !again.contains("taken over"),
        "{again}"
    );
}

/// How often the server of the next test was asked how busy it is.
static LOOKS: AtomicU32 = AtomicU32::new(0);

fn busy_at_first(query: &str) -> Option<SqlReply> {
    query.contains("Threads_running").then(|| {
        let running = match LOOKS.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => "40",
            _ => "2",
        };
        rows(2, &[&["Threads_running", running]])
    })
}

#[tokio::test]
async fn a_busy_server_is_left_alone_until_it_is_not() {
    let server = OldMySql::start("5.0.51a", "skola", busy_at_first);
    let mut address: DatabaseAddress = server.url("mypass").parse().unwrap();
    address.manners.busy = Some(25);
    let env = TestEnv::new();
    let began = Instant::now();
    record(&address, &env.path().join("database"), &Silent)
        .await
        .unwrap();
    assert!(began.elapsed() >= Duration::from_secs(2));
    let heard = server.heard();
    let third = heard
        .iter()
        .take_while(|query| query.contains("Threads_running"));
    assert_eq!(third.count(), 3, "{heard:?}");
}
