//! Columns that may differ a little: what passes is counted and named, and nothing else passes.

use migrate_verify::{
    database::{Comparison, Source, Tolerance, compare_within, record},
    outcome::Verdict,
    progress::Silent,
};

use crate::{
    env::{MariaDb, TestEnv},
    privileged_dump::told,
};

/// A small table and one that servers hash.
const TABLES: [&str; 4] = [
    "CREATE TABLE ziaci (id INT NOT NULL PRIMARY KEY, prospech DOUBLE, cena DECIMAL(6,2), kedy DATETIME)",
    "INSERT INTO ziaci SELECT seq, seq / 8, seq / 8, '2009-01-01' + INTERVAL seq SECOND FROM seq_1_to_50",
    "CREATE TABLE velka (id INT NOT NULL PRIMARY KEY, cena DECIMAL(8,2), kedy DATETIME)",
    "INSERT INTO velka SELECT seq, seq / 8, '2009-01-01' + INTERVAL seq SECOND FROM seq_1_to_3000",
];

/// What tolerances let pass.
const WITHIN: [&str; 3] = [
    "UPDATE ziaci SET prospech = prospech + 0.005 WHERE id < 4",
    "UPDATE velka SET cena = cena - 0.01 WHERE id > 2000",
    "UPDATE velka SET kedy = kedy + INTERVAL 2 SECOND WHERE id = 17",
];

/// What no tolerance lets pass, and what is found.
const BEYOND: [(&str, &str); 6] = [
    (
        "UPDATE ziaci SET prospech = prospech + 0.0001 WHERE id = 2",
        "ziaci[id=2].prospech",
    ),
    (
        "UPDATE ziaci SET prospech = NULL WHERE id = 3",
        "a value became NULL",
    ),
    (
        "UPDATE velka SET cena = cena - 0.01 WHERE id = 2001",
        "velka[id=2001].cena",
    ),
    (
        "UPDATE velka SET kedy = '0000-00-00' WHERE id = 1",
        "it became the zero date",
    ),
    (
        "UPDATE velka SET kedy = kedy + INTERVAL 3 SECOND WHERE id = 18",
        "velka[id=18].kedy",
    ),
    ("DELETE FROM velka WHERE id = 19", "velka[id=19]"),
];

fn tolerances() -> [Tolerance; 4] {
    let tolerance = |column, within| Tolerance::new(column, within, "rounded anew").unwrap();
    [
        tolerance("ziaci.prospech", "0.005"),
        tolerance("ziaci.cena", "0.01"),
        tolerance("velka.cena", "0.01"),
        tolerance("velka.kedy", "2s"),
    ]
}

async fn databases(server: &MariaDb) {
    for name in ["one", "two"] {
        server.databases(&[name]).await;
        server.execute(name, &TABLES).await;
    }
}

#[tokio::test]
async fn privileged_values_within_a_tolerance_pass_and_are_counted_and_others_do_not() {
    let server = MariaDb::start(&[]);
    databases(&server).await;
    let env = TestEnv::new();
    let folder = env.path().join("database");
    record(&server.address("one"), &folder, &Silent)
        .await
        .unwrap();
    let tolerances = tolerances();
    server.execute("two", &WITHIN).await;
    let (one, two) = (
        Source::Live(server.address("one")),
        Source::Live(server.address("two")),
    );
    let recorded = Source::Recorded(folder);
    for known in [&one, &recorded] {
        let Comparison { cases, tolerated } = compare_within(known, &two, &tolerances, &Silent)
            .await
            .unwrap();
        assert_eq!(
            (told(&cases).as_str(), Verdict::of(&cases)),
            ("", Verdict::Verified)
        );
        insta::allow_duplicates! {
            insta::assert_snapshot!(tolerated.join("\n"), @"
            database: ziaci.prospech: 3 cells differ by at most 0.005 (rounded anew)
            database: ziaci.cena: a tolerance that let nothing pass: it can go (rounded anew)
            database: velka.cena: 1,000 cells differ by at most 0.01 (rounded anew)
            database: velka.kedy: 1 cell differs by at most 2 s (rounded anew)
            ");
        }
        let rows = cases
            .iter()
            .find(|case| case.id.to_string() == "database/velka/rows")
            .unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(rows.reason, @"3,000 rows of 3 columns, by their key; 1,000 cells of cena are others, within 0.01; 1 cells of kedy are others, within 2 s");
        }
    }
}

#[tokio::test]
async fn privileged_values_beyond_a_tolerance_are_found() {
    let server = MariaDb::start(&[]);
    databases(&server).await;
    let env = TestEnv::new();
    let folder = env.path().join("database");
    record(&server.address("one"), &folder, &Silent)
        .await
        .unwrap();
    let tolerances = tolerances();
    server.execute("two", &WITHIN).await;
    let (one, two) = (
        Source::Live(server.address("one")),
        Source::Live(server.address("two")),
    );
    let recorded = Source::Recorded(folder);
    for (statement, expected) in BEYOND {
        server.execute("two", &[statement]).await;
        for known in [&one, &recorded] {
            let found = compare_within(known, &two, &tolerances, &Silent)
                .await
                .unwrap();
            let text = told(&found.cases);
            assert!(text.contains(expected), "{statement}: {text}");
        }
    }
    server
        .execute(
            "two",
            &[
                "ALTER TABLE ziaci MODIFY cena DOUBLE",
                "UPDATE ziaci SET cena = cena + 0.001",
            ],
        )
        .await;
    let found = compare_within(&one, &two, &tolerances, &Silent)
        .await
        .unwrap();
    let text = told(&found.cases);
    assert!(text.contains("all 50 rows differ in this column"), "{text}");
}

/// Column, limit and reason of tolerances that can't be used, and why.
const REFUSED: [(&str, &str, &str, &str); 8] = [
    (
        "ziaci.prospech",
        "0.005",
        "",
        "a tolerance without a reason",
    ),
    (
        "ziaci.prospech",
        "x",
        "x",
        "`within` is neither a number above 0",
    ),
    ("ziaci.id", "1", "x", "it is part of the key"),
    ("ziaci.nic", "1", "x", "the table has no such column"),
    ("nic.cena", "1", "x", "the old database has no such table"),
    ("bez.a", "1", "x", "the table has no key"),
    (
        "ziaci.kedy",
        "1",
        "x",
        "seconds (\"2s\") for dates and times",
    ),
    (
        "ziaci.cena",
        "1s",
        "x",
        "numbers (\"0.005\") are for FLOAT, DOUBLE and DECIMAL",
    ),
];

fn project(env: &TestEnv, server: &MariaDb, tolerance: &str) {
    let url = |name| format!("mysql://reader:tajn%C3%A9@127.0.0.1:{}/{name}", server.port);
    let text = format!(
        "[candidate]\ndatabase = \"{}\"\n\n[[database.tolerance]]\n{tolerance}\n",
        url("two")
    );
    env.write("migrate-verify.toml", text);
}

#[tokio::test]
async fn privileged_a_tolerance_that_can_not_be_used_is_refused_with_its_line() {
    let server = MariaDb::start(&[]);
    databases(&server).await;
    server
        .execute("one", &["CREATE TABLE bez (a DOUBLE)"])
        .await;
    let env = TestEnv::new();
    let folder = env.path().join("snapshots/database");
    record(&server.address("one"), &folder, &Silent)
        .await
        .unwrap();
    for (column, within, reason, expected) in REFUSED {
        project(
            &env,
            &server,
            &format!("column = \"{column}\"\nwithin = \"{within}\"\nreason = \"{reason}\""),
        );
        let text = env.run(&["database", "compare"]);
        assert!(text.starts_with("exit code: 2"), "{text}");
        assert!(
            text.contains("migrate-verify.toml:5:10") && text.contains(expected),
            "{text}"
        );
        assert!(
            text.contains("hint: write [[database.tolerance]] with column"),
            "{text}"
        );
    }
    project(&env, &server, "column = \"ziaci.cena\"");
    let text = env.run(&["database", "compare"]);
    assert!(
        text.starts_with("exit code: 2") && text.contains("missing field `within`"),
        "{text}"
    );
    project(
        &env,
        &server,
        "column = \"ziaci.cena\"\nwithin = \"0.01\"\nreason = \"rounded anew\"",
    );
    server.execute("one", &["DROP TABLE bez"]).await;
    record(&server.address("one"), &folder, &Silent)
        .await
        .unwrap();
    server
        .execute("two", &["UPDATE ziaci SET cena = cena + 0.01 WHERE id = 1"])
        .await;
    let text = env.run(&["database", "compare", "--format", "json"]);
    assert!(text.starts_with("exit code: 0"), "{text}");
    assert!(
        text.contains("database: ziaci.cena: 1 cell differs by at most 0.01 (rounded anew)"),
        "{text}"
    );
}
