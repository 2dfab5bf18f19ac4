//! Values that are larger than what is read: their servers compare them, and a changed byte is found.

use migrate_verify::{
    database::{Source, compare, record},
    outcome::Verdict,
    progress::Silent,
};

use crate::{
    env::{MariaDb, TestEnv},
    privileged_dump::told,
};

/// The most memory that a process of the tests took, in kilobytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn privileged_a_changed_byte_of_a_value_of_80_megabytes_is_found_and_named() {
    let server = MariaDb::start(&["--max-allowed-packet=256M", "--innodb-log-file-size=1G"]);
    for name in ["one", "two"] {
        server.databases(&[name]).await;
        server
            .execute(
                name,
                &[
                    "CREATE TABLE velka (id INT NOT NULL PRIMARY KEY, a LONGBLOB, t LONGTEXT)",
                    "INSERT INTO velka VALUES (1, REPEAT('0123456789abcdef', 5000000), NULL), (2, '', 'x'), (3, NULL, REPEAT('x', 20000000))",
                ],
            )
            .await;
    }
    // A server that could not send such a value to a client that asks for less.
    server
        .execute("mysql", &["SET GLOBAL max_allowed_packet = 1048576"])
        .await;
    let (one, two) = (
        Source::Live(server.address("one")),
        Source::Live(server.address("two")),
    );
    let env = TestEnv::new();
    let folder = env.path().join("database");
    record(&server.address("one"), &folder, &Silent)
        .await
        .unwrap();
    let recorded = Source::Recorded(folder.clone());
    let text = std::fs::read_to_string(folder.join("tables/velka.txt")).unwrap();
    assert!(
        text.contains("(too large to be read: 80000000 bytes, MD5 "),
        "{text}"
    );
    for known in [&one, &recorded] {
        let cases = compare(known, &two, &Silent).await;
        assert_eq!(
            (told(&cases).as_str(), Verdict::of(&cases)),
            ("", Verdict::Verified)
        );
    }
    server
        .execute("mysql", &["SET GLOBAL max_allowed_packet = 268435456"])
        .await;
    let damage = "UPDATE velka SET a = INSERT(a, 43210001, 1, 'X') WHERE id = 1";
    server.execute("two", &[damage]).await;
    server
        .execute("mysql", &["SET GLOBAL max_allowed_packet = 1048576"])
        .await;
    let text = told(&compare(&one, &two, &Silent).await);
    insta::assert_snapshot!(text, @r#"database/velka/rows 3 rows of 3 columns, by their key [Difference { locus: "velka[id=1].a", aspect: "value", expected: "from byte 43210000 of 80000000: \"0123456789abcdef\"", actual: "from byte 43210000 of 80000000: \"X123456789abcdef\"", cause: None }]"#);
    let text = told(&compare(&recorded, &two, &Silent).await);
    assert!(
        text.contains("velka[id=1].a") && text.contains("80000000 bytes, MD5 "),
        "{text}"
    );
    assert!(peak() < 100 << 10, "{} kB", peak());
}

#[tokio::test]
async fn privileged_a_large_value_that_is_longer_or_gone_is_found() {
    let server = MariaDb::start(&["--max-allowed-packet=64M"]);
    for name in ["one", "two"] {
        server.databases(&[name]).await;
        server
            .execute(
                name,
                &[
                    "CREATE TABLE velka (id INT NOT NULL PRIMARY KEY, a LONGTEXT)",
                    "INSERT INTO velka VALUES (1, REPEAT('x', 20000000))",
                ],
            )
            .await;
    }
    let (one, two) = (
        Source::Live(server.address("one")),
        Source::Live(server.address("two")),
    );
    let damages = [
        (
            "UPDATE velka SET a = CONCAT(a, 'y')",
            "from byte 20000000 of 20000001: \\\"y\\\"",
        ),
        ("UPDATE velka SET a = LEFT(a, 1000)", "1000 bytes"),
        ("UPDATE velka SET a = NULL", "a value became NULL"),
    ];
    for (statement, expected) in damages {
        server.execute("two", &[statement]).await;
        let text = told(&compare(&one, &two, &Silent).await);
        assert!(text.contains(expected), "{expected}: {text}");
    }
}
