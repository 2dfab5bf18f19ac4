//! One changed value of every column type that MySQL 5.0 has: found and named in a table that is read, and in one that servers hash.

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

/// A type, a value of it, and a value that differs as little as it can.
const TYPES: &[[&str; 3]] = &[
    ["TINYINT", "-128", "-127"],
    ["TINYINT UNSIGNED", "255", "254"],
    ["SMALLINT", "-32768", "-32767"],
    ["SMALLINT UNSIGNED ZEROFILL", "17", "18"],
    ["MEDIUMINT", "8388607", "8388606"],
    ["INT", "-2147483648", "-2147483647"],
    ["INT(4) ZEROFILL", "7", "70"],
    ["BIGINT", "-9223372036854775808", "-9223372036854775807"],
    [
        "BIGINT UNSIGNED",
        "18446744073709551615",
        "18446744073709551614",
    ],
    [
        "DECIMAL(65,30)",
        "0.000000000000000000000000000001",
        "0.000000000000000000000000000002",
    ],
    ["BIT(1)", "b'0'", "b'1'"],
    ["BIT(64)", "18446744073709551615", "18446744073709551614"],
    ["YEAR", "2009", "0"],
    ["DATE", "'9999-12-31'", "'0000-00-00'"],
    ["TIME", "'-838:59:59'", "'-838:59:58'"],
    ["DATETIME", "'0000-00-00 00:00:00'", "'2009-00-00 00:00:00'"],
    [
        "TIMESTAMP NULL",
        "'2009-03-29 00:59:59'",
        "'2009-03-29 01:59:59'",
    ],
    ["CHAR(4)", "'a'", "'A'"],
    [
        "CHAR(4) CHARACTER SET latin2",
        "_binary'\\xa9'",
        "_binary'\\xb9'",
    ],
    ["VARCHAR(9) CHARACTER SET utf8", "'\u{10d}'", "'\u{109}'"],
    [
        "VARCHAR(9) CHARACTER SET ucs2",
        "_utf8'\u{10d}'",
        "_utf8'c'",
    ],
    ["BINARY(4)", "'a'", "'a\\0\\0 '"],
    ["VARBINARY(4)", "''", "'\\0'"],
    ["TINYBLOB", "0x00ff", "0x00fe"],
    ["BLOB", "'a'", "'a '"],
    [
        "MEDIUMBLOB",
        "REPEAT('a', 1000)",
        "CONCAT(REPEAT('a', 999), 'b')",
    ],
    ["LONGBLOB", "''", "'0'"],
    ["TINYTEXT", "'a,b'", "'a,c'"],
    ["TEXT", "'a'", "'a '"],
    ["MEDIUMTEXT", "'a\\nb'", "'a\\rb'"],
    ["LONGTEXT", "''", "NULL"],
    ["TEXT CHARACTER SET ucs2", "_utf8'\u{10d}'", "_utf8'c'"],
    [
        "LONGTEXT CHARACTER SET utf8",
        "_utf8'\u{10d}'",
        "_utf8'\u{109}'",
    ],
    ["ENUM('','a','A')", "2", "3"],
    ["SET('a','b')", "0", "NULL"],
    [
        "GEOMETRY",
        "GeomFromText('POINT(1 2)')",
        "GeomFromText('POINT(1 3)')",
    ],
];

/// Types that are read in the binary protocol, and that no server hashes.
const FLOATS: &[[&str; 3]] = &[
    ["FLOAT", "0.1", "0.10000001"],
    ["FLOAT UNSIGNED", "16777216", "16777218"],
    ["DOUBLE", "1e-1 + 2e-1", "0.3"],
    ["DOUBLE", "1.7976931348623157e308", "1.7976931348623155e308"],
    ["INT(4) ZEROFILL", "7", "8"],
    [
        "TIMESTAMP NULL",
        "'2009-03-29 00:59:59'",
        "'2009-03-29 01:59:59'",
    ],
    ["BIT(9)", "b'100000000'", "b'100000001'"],
];

/// Returns statements that make a table with a column of each type.
fn table(name: &str, types: &[[&str; 3]], rows: u32, engine: &str) -> [String; 2] {
    let mut columns = String::new();
    let mut values = String::new();
    for (number, [kind, value, _other]) in types.iter().enumerate() {
        write!(columns, ", c{number} {kind}").unwrap();
        write!(values, ", {value}").unwrap();
    }
    [
        format!("CREATE TABLE {name} (id INT NOT NULL PRIMARY KEY{columns}) ENGINE={engine}"),
        format!("INSERT INTO {name} SELECT seq{values} FROM seq_1_to_{rows}"),
    ]
}

/// The tables: name, columns, rows; two are read, one is hashed, one is read though it is large.
const TABLES: [(&str, &[[&str; 3]], u32); 4] = [
    ("male", TYPES, 100),
    ("velke", TYPES, 2_500),
    ("cisla", FLOATS, 100),
    ("desatinne", FLOATS, 2_500),
];

fn session() -> Vec<String> {
    [
        "SET SESSION time_zone = '+00:00', sql_mode = ''",
        "SET NAMES utf8",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Returns statements that change one value of each column, and where that is found.
fn damages() -> (Vec<String>, Vec<String>) {
    let mut statements = session();
    let mut expected = Vec::new();
    for (name, types, _rows) in TABLES {
        for (number, [_kind, _value, other]) in types.iter().enumerate() {
            let id = number + 20;
            statements.push(format!(
                "UPDATE {name} SET c{number} = {other} WHERE id = {id}"
            ));
            expected.push(format!("\"{name}[id={id}].c{number}\""));
        }
    }
    (statements, expected)
}

#[tokio::test]
async fn privileged_a_changed_value_of_every_type_is_found_whether_rows_are_read_or_hashed() {
    let server = MariaDb::start(&[]);
    let env = TestEnv::new();
    for engine in ["InnoDB", "MyISAM"] {
        for name in ["one", "two"] {
            server.databases(&[name]).await;
            let mut statements = session();
            for (table_name, types, rows) in TABLES {
                statements.extend(table(table_name, types, rows, engine));
            }
            server.execute(name, &statements).await;
        }
        let folder = env.path().join(engine);
        record(&server.address("one"), &folder, &Silent)
            .await
            .unwrap();
        let sides = [
            Source::Live(server.address("one")),
            Source::Recorded(folder),
        ];
        let two = Source::Live(server.address("two"));
        let cases = compare(&sides[0], &two, &Silent).await;
        assert_eq!(
            (told(&cases).as_str(), Verdict::of(&cases)),
            ("", Verdict::Verified)
        );
        let hashed = cases
            .iter()
            .find(|case| case.id.to_string() == "database/velke/rows");
        assert!(
            hashed.unwrap().reason.contains("of each server"),
            "{hashed:?}"
        );
        let (statements, expected) = damages();
        server.execute("two", &statements).await;
        for known in &sides {
            let text = told(&compare(known, &two, &Silent).await);
            let missed: Vec<&String> = expected
                .iter()
                .filter(|locus| !text.contains(*locus))
                .collect();
            assert!(missed.is_empty(), "{engine} {missed:?}: {text}");
            assert_eq!(
                text.matches("locus: ").count(),
                expected.len(),
                "{engine}: {text}"
            );
        }
        server
            .execute("mysql", &["DROP DATABASE one", "DROP DATABASE two"])
            .await;
    }
}

#[tokio::test]
async fn privileged_another_order_of_rows_and_other_defaults_of_the_engine_are_no_difference_of_the_tables()
 {
    let one = MariaDb::start(&[]);
    let two = MariaDb::start(&[
        "--default-storage-engine=MyISAM",
        "--innodb-default-row-format=compact",
        "--innodb-file-per-table=0",
        "--character-set-server=utf8mb3",
        "--collation-server=utf8mb3_general_ci",
    ]);
    for (server, order) in [(&one, "seq"), (&two, "MD5(seq)")] {
        server.databases(&["skola"]).await;
        server
            .execute(
                "skola",
                &[
                    "CREATE TABLE a (id INT NOT NULL PRIMARY KEY, b VARCHAR(9)) ENGINE=InnoDB"
                        .to_owned(),
                    "CREATE TABLE b (a INT, b VARCHAR(9)) ENGINE=InnoDB".to_owned(),
                    "CREATE TABLE c (a INT, b VARCHAR(9)) ENGINE=MyISAM".to_owned(),
                    format!("INSERT INTO a SELECT seq, seq FROM seq_1_to_3000 ORDER BY {order}"),
                    format!("INSERT INTO b SELECT seq, seq FROM seq_1_to_3000 ORDER BY {order}"),
                    format!("INSERT INTO c SELECT seq % 7, seq FROM seq_1_to_100 ORDER BY {order}"),
                ],
            )
            .await;
    }
    let sides = [&one, &two].map(|server| Source::Live(server.address("skola")));
    let cases = compare(&sides[0], &sides[1], &Silent).await;
    let text = told(&cases);
    assert!(
        text.starts_with("database/server ") && text.lines().count() == 1,
        "{text}"
    );
    for setting in ["character_set_server", "collation_server", "engine"] {
        assert!(
            text.contains(&format!("aspect: \"{setting}\"")),
            "{setting}: {text}"
        );
    }
}
