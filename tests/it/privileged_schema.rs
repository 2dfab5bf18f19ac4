//! What tables, views, triggers and events say beside the usual: equal ones are the same, and a change of each word is found and named.

use std::fmt::Write as _;

use migrate_verify::{
    database::{Source, compare, record},
    outcome::Verdict,
    progress::Silent,
};

use crate::{
    env::{MariaDb, TestEnv},
    privileged_dump::told,
};

/// A table's name, its columns and options, what changes it, and what is found.
const TABLES: &[[&str; 4]] = &[
    [
        "check_of_column",
        "(a INT CHECK (a > 5))",
        "MODIFY a INT CHECK (a > 6)",
        "column a\", aspect: \"more\", expected: \"CHECK (`a` > 5)\", actual: \"CHECK (`a` > 6)\"",
    ],
    [
        "check_of_table",
        "(a VARCHAR(9), CONSTRAINT c CHECK (a <> 'x\\ny'))",
        "DROP CONSTRAINT c, ADD CONSTRAINT c CHECK (a <> 'x\\nz')",
        "constraint c",
    ],
    [
        "compressed",
        "(a VARCHAR(99))",
        "MODIFY a VARCHAR(99) COMPRESSED",
        "column a\", aspect: \"more\", expected: \"absent\", actual: \"COMPRESSED\"",
    ],
    [
        "invisible",
        "(a INT, b INT)",
        "MODIFY a INT INVISIBLE",
        "column a\", aspect: \"extra\"",
    ],
    [
        "generated",
        "(a INT, g INT AS (a + 1) VIRTUAL)",
        "DROP g, ADD g INT AS (a + 2) VIRTUAL",
        "column g\", aspect: \"generated\"",
    ],
    [
        "in_time",
        "(a TIMESTAMP(3) NOT NULL DEFAULT NOW(3) ON UPDATE NOW(3))",
        "MODIFY a TIMESTAMP(3) NOT NULL DEFAULT NOW(3)",
        "column a\", aspect: \"on update\"",
    ],
    [
        "expression",
        "(a VARCHAR(40) DEFAULT (CONCAT('a', 'b')))",
        "ALTER a SET DEFAULT (CONCAT('a', 'c'))",
        "column a\", aspect: \"default\"",
    ],
    [
        "commented",
        "(a INT COMMENT 'it''s \"x\"\\\\') COMMENT 'it''s; InnoDB free: x'",
        "COMMENT 'it''s'",
        "table\", aspect: \"comment\"",
    ],
    [
        "comment_of_key",
        "(a INT, KEY k (a) COMMENT 'x')",
        "DROP KEY k, ADD KEY k (a) COMMENT 'y'",
        "key k\", aspect: \"more\", expected: \"COMMENT 'x'\", actual: \"COMMENT 'y'\"",
    ],
    [
        "ignored",
        "(a INT, KEY k (a))",
        "ALTER INDEX k IGNORED",
        "key k\", aspect: \"more\", expected: \"absent\", actual: \"IGNORED\"",
    ],
    [
        "disabled",
        "(a INT, KEY k (a)) ENGINE=MyISAM",
        "DISABLE KEYS",
        "key k\", aspect: \"state\"",
    ],
    [
        "in_memory",
        "(a INT PRIMARY KEY, KEY k (a)) ENGINE=MEMORY",
        "DROP KEY k, ADD KEY k (a) USING BTREE",
        "key k\", aspect: \"kind\", expected: \"HASH\", actual: \"BTREE\"",
    ],
    [
        "places",
        "(g GEOMETRY NOT NULL, SPATIAL KEY k (g))",
        "DROP KEY k",
        "key k\", aspect: \"missing\"",
    ],
    [
        "long_key",
        "(a TEXT, UNIQUE KEY k (a))",
        "DROP KEY k",
        "key k\", aspect: \"missing\"",
    ],
    [
        "period",
        "(a DATE, b DATE, PERIOD FOR p (a, b))",
        "DROP PERIOD FOR p",
        "clause PERIOD FOR `p` (`a`, `b`)\", aspect: \"missing\"",
    ],
    [
        "versioned",
        "(a INT)",
        "ADD SYSTEM VERSIONING",
        "table\", aspect: \"storage\", expected: \"absent\", actual: \"WITH SYSTEM VERSIONING\"",
    ],
    [
        "in_parts",
        "(a INT) PARTITION BY HASH (a) PARTITIONS 4",
        "PARTITION BY HASH (a) PARTITIONS 5",
        "table\", aspect: \"storage\"",
    ],
    [
        "joined",
        "(a INT, KEY k (a)) ENGINE=MERGE UNION=(disabled) INSERT_METHOD=LAST",
        "INSERT_METHOD=FIRST",
        "table\", aspect: \"storage\", expected: \"INSERT_METHOD=LAST UNION=(`disabled`)\"",
    ],
    [
        "sized",
        "(a INT PRIMARY KEY) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8",
        "KEY_BLOCK_SIZE=4",
        "table\", aspect: \"options\"",
    ],
    [
        "counted",
        "(a INT PRIMARY KEY DEFAULT NEXTVAL(s))",
        "ALTER a SET DEFAULT 1",
        "column a\", aspect: \"default\", expected: \"nextval(`s`)\", actual: \"1\"",
    ],
];

/// What is made beside tables, what changes it, and what is found.
const OTHERS: &[[&str; 3]] = &[
    [
        "CREATE SEQUENCE s NOCACHE",
        "SELECT NEXTVAL(s)",
        "next_not_cached_value",
    ],
    [
        "CREATE VIEW spaces AS SELECT 'x  y' AS a",
        "ALTER VIEW spaces AS SELECT 'x y' AS a",
        "view spaces\", aspect: \"body\"",
    ],
    [
        "CREATE VIEW named AS SELECT 'b' AS a",
        "ALTER VIEW named AS SELECT '`two`.b' AS a",
        "view named\", aspect: \"body\"",
    ],
    [
        "CREATE TRIGGER t1 BEFORE INSERT ON invisible FOR EACH ROW SET @a = 1",
        "DROP TRIGGER t1",
        "trigger t1\", aspect: \"order\", expected: \"1\", actual: \"2\"",
    ],
    [
        "CREATE TRIGGER t2 BEFORE INSERT ON invisible FOR EACH ROW SET @a = 2",
        "CREATE TRIGGER t1 BEFORE INSERT ON invisible FOR EACH ROW SET @a = 1",
        "trigger t2\", aspect: \"order\", expected: \"2\", actual: \"1\"",
    ],
    [
        "CREATE EVENT e1 ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO SELECT 1",
        "ALTER EVENT e1 ON COMPLETION PRESERVE",
        "event e1\", aspect: \"completion\"",
    ],
    [
        "CREATE EVENT e2 ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' COMMENT 'x DO y' DO SELECT 1",
        "ALTER EVENT e2 COMMENT 'z'",
        "event e2\", aspect: \"comment\"",
    ],
    [
        "CREATE EVENT e3 ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO SELECT 1",
        "ALTER EVENT e3 DISABLE",
        "event e3\", aspect: \"status\"",
    ],
    [
        "SET sql_mode = ORACLE",
        "SET sql_mode = ORACLE",
        "package body p\", aspect: \"body\"",
    ],
    [
        "CREATE PACKAGE p AS FUNCTION f RETURN INT; END",
        "DROP PACKAGE BODY p",
        "",
    ],
    [
        "CREATE PACKAGE BODY p AS FUNCTION f RETURN INT AS BEGIN RETURN 1; END; END",
        "CREATE PACKAGE BODY p AS FUNCTION f RETURN INT AS BEGIN RETURN 2; END; END",
        "",
    ],
];

async fn dump_of(server: &MariaDb) -> String {
    let mut dump = "-- MySQL dump 10.11\n--\n-- Host: localhost    Database: one\n\n".to_owned();
    for [name, ..] in TABLES {
        let created = server.created("one", name).await;
        write!(dump, "{created};\n\n").unwrap();
    }
    dump + "-- Dump completed\n"
}

#[tokio::test]
async fn privileged_no_word_of_a_definition_changes_without_being_found() {
    let server = MariaDb::start(&[]);
    for name in ["one", "two"] {
        server.databases(&[name]).await;
        // A sequence comes before the table that counts with it.
        let (sequence, others) = OTHERS.split_first().unwrap();
        server.execute(name, &[sequence[0]]).await;
        let tables = TABLES
            .iter()
            .map(|[table, made, ..]| format!("CREATE TABLE {table} {made}"));
        server.execute(name, &tables.collect::<Vec<_>>()).await;
        let others = others.iter().map(|[made, ..]| *made);
        server.execute(name, &others.collect::<Vec<_>>()).await;
    }
    let env = TestEnv::new();
    let folder = env.path().join("database");
    record(&server.address("one"), &folder, &Silent)
        .await
        .unwrap();
    let two = Source::Live(server.address("two"));
    let known = [
        Source::Live(server.address("one")),
        Source::Recorded(folder),
    ];
    let dump = Source::Dump(env.write("dump.sql", dump_of(&server).await));
    for known in &known {
        let cases = compare(known, &two, &Silent).await;
        assert_eq!(
            (told(&cases).as_str(), Verdict::of(&cases)),
            ("", Verdict::Verified)
        );
    }
    let schemas = async || {
        let mut cases = compare(&dump, &two, &Silent).await;
        cases.retain(|case| case.id.to_string().ends_with("/schema"));
        told(&cases)
    };
    assert_eq!(schemas().await, "");

    let changes = TABLES
        .iter()
        .map(|[table, _made, change, _]| format!("ALTER TABLE {table} {change}"));
    server.execute("two", &changes.collect::<Vec<_>>()).await;
    let changes = OTHERS.iter().map(|[_made, change, _]| *change);
    server.execute("two", &changes.collect::<Vec<_>>()).await;
    for known in &known {
        let text = told(&compare(known, &two, &Silent).await);
        let expected = OTHERS.iter().map(|[_, _, expected]| *expected);
        for expected in expected.chain(TABLES.iter().map(|[_, _, _, expected]| *expected)) {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
    let text = schemas().await;
    for [.., expected] in TABLES {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

/// Rights of a login in `two`, which it has in `one`, too, and what is found when they are gone.
const RIGHTS: &[(&str, &str, &str)] = &[
    ("INSERT ON @.*", "po@localhost", "everywhere"),
    ("SELECT ON @.t", "tabulka@localhost", "on t"),
    (
        "SELECT (a, b), UPDATE (b, c) ON @.t",
        "stlpce@localhost",
        "on t",
    ),
    (
        "EXECUTE ON PROCEDURE @.p",
        "rutina@localhost",
        "on procedure p",
    ),
    ("DELETE ON @.*", "rola", "everywhere"),
];

#[tokio::test]
async fn privileged_rights_on_tables_columns_and_routines_are_compared() {
    let server = MariaDb::start(&[]);
    let mut statements = vec![
        "GRANT SELECT ON mysql.* TO reader@'127.0.0.1'".to_owned(),
        "CREATE ROLE rola".to_owned(),
    ];
    for name in ["one", "two"] {
        server.databases(&[name]).await;
        let table = [
            "CREATE TABLE t (a INT, b INT, c INT)",
            "CREATE PROCEDURE p() SELECT 1",
        ];
        server.execute(name, &table).await;
    }
    for (right, login, _) in RIGHTS {
        if login.contains('@') {
            statements.push(format!("CREATE USER {login}"));
        }
        for name in ["one", "two"] {
            let right = right.replace('@', name);
            statements.push(format!("GRANT {right} TO {login}"));
        }
    }
    server.execute("mysql", &statements).await;
    let sides = ["one", "two"].map(|name| Source::Live(server.address(name)));
    let cases = compare(&sides[0], &sides[1], &Silent).await;
    assert_eq!(
        (told(&cases).as_str(), Verdict::of(&cases)),
        ("", Verdict::Verified)
    );
    for (right, login, expected) in RIGHTS {
        let right = right.replace('@', "two");
        server
            .execute("mysql", &[format!("REVOKE {right} FROM {login}")])
            .await;
        let text = told(&compare(&sides[0], &sides[1], &Silent).await);
        let user = login.split('@').next().unwrap();
        assert!(
            text.contains(&format!("login '{user}'@")) && text.contains(expected),
            "{right} {login}: {text}"
        );
        let right = right.replace("(b, c)", "(b)");
        server
            .execute("mysql", &[format!("GRANT {right} TO {login}")])
            .await;
    }
    let text = told(&compare(&sides[0], &sides[1], &Silent).await);
    insta::assert_snapshot!(text, @r#"database/grants 6 on the old server, 6 on the candidate [Difference { locus: "login 'stlpce'@'localhost'", aspect: "on t", expected: "SELECT (a, b), UPDATE (b, c)", actual: "SELECT (a, b), UPDATE (b)", cause: None }]"#);
}
