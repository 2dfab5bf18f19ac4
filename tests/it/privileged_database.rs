//! Databases on a real server: equal ones are the same, and every single damage is found and named.

use std::{fmt::Write as _, fs, path::Path};

use migrate_verify::{
    database::{Target, changed_tables, compare_live, compare_with_snapshot, fingerprint, record},
    outcome::{Case, Outcome, Verdict},
    progress::Silent,
};

use crate::env::{MariaDb, TestEnv};

/// A table with a column of every type, a table without a key, a MyISAM table with a text key, a view and a trigger.
const SCHEMA: [&str; 6] = [
    "CREATE TABLE ziaci (
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        meno VARCHAR(30) NOT NULL DEFAULT '', poznamka TEXT, kod CHAR(5), surove VARBINARY(20), obrazok BLOB,
        male TINYINT, stredne SMALLINT UNSIGNED, vacsie MEDIUMINT, velke BIGINT, nuly INT(6) ZEROFILL,
        presne DECIMAL(10,2), cislo FLOAT, dvojite DOUBLE,
        den DATE, chvila DATETIME, cas TIME, zmena TIMESTAMP NOT NULL DEFAULT '2009-01-01 00:00:00', rok YEAR,
        druh ENUM('','dobrý','zlý'), znacky SET('a','b','č'), bity BIT(10), utf VARCHAR(30) CHARACTER SET utf8
     ) ENGINE=InnoDB",
    "CREATE TABLE triedy (kod VARCHAR(10) NOT NULL, rok INT NOT NULL, nazov VARCHAR(40), PRIMARY KEY (kod, rok), KEY nazov (nazov(10))) ENGINE=MyISAM",
    "CREATE TABLE dennik (kedy DATETIME, sprava VARCHAR(100)) ENGINE=MyISAM",
    "CREATE TABLE `divná ``tab``` (a INT)",
    "CREATE VIEW zoznam AS SELECT id, meno FROM ziaci",
    "CREATE TRIGGER zapis AFTER INSERT ON triedy FOR EACH ROW INSERT INTO dennik VALUES ('2009-01-01', NEW.kod)",
];

/// Statements that fill the tables, as CP1250 bytes.
fn data() -> Vec<Vec<u8>> {
    let row = |id: u32| -> Vec<u8> {
        let mut statement = format!("INSERT INTO ziaci VALUES ({id}, ").into_bytes();
        statement.extend(b"_binary'\x8elu\x9dou\xe8k\xfd k\xf9\xf2 \x81', _binary'dlh\xfd\\n text', 'ab', 0x00ff22, 0x89504e47000a, -1, 65535, -8388608, 9223372036854775807, 42, 12345.60, ");
        let rest = format!(
            "0.1, 1e-1 + 2e-1, '2009-02-03', '2009-02-03 04:05:{:02}', '-12:00:00', '2009-07-01 10:00:00', 1999, ",
            id % 60
        );
        statement.extend(rest.into_bytes());
        statement.extend(b"2, 5, b'1010101010', _utf8'\xc5\x99eka')");
        statement
    };
    let mut statements = vec![b"SET SESSION time_zone = '+00:00'".to_vec()];
    statements.extend((1..=50).map(row));
    statements.push(b"UPDATE ziaci SET druh = 1 WHERE id = 4".to_vec());
    statements.push(
        b"INSERT INTO ziaci (id, meno, zmena) VALUES (-7, '', '2009-01-01 00:00:00')".to_vec(),
    );
    statements.push(b"INSERT INTO triedy VALUES ('1.A', 2008, 'a'), ('1.a', 2008, 'b'), ('1.\xc1', 2008, NULL), ('ch', 2009, 'x'), ('c', 2009, 'y'), ('d', 2009, '')".to_vec());
    statements.push(b"INSERT INTO dennik VALUES ('2009-01-01', 'dva'), ('2009-01-01', 'dva'), (NULL, NULL), ('0000-00-00 00:00:00', '')".to_vec());
    statements
}

async fn fill(server: &MariaDb, name: &str) {
    server.databases(&[name]).await;
    server.execute(name, &SCHEMA).await;
    server.execute(name, &data()).await;
}

/// Returns what differs or could not be compared, one line each.
fn findings(cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases {
        match &case.outcome {
            Outcome::Same => {}
            Outcome::Different(differences) => {
                for difference in differences {
                    let cause = difference.cause.as_deref().unwrap_or("-");
                    let (locus, aspect) = (&difference.locus, &difference.aspect);
                    writeln!(
                        text,
                        "{} {locus} {aspect}: {} => {} | {cause}",
                        case.id, difference.expected, difference.actual
                    )
                    .unwrap();
                }
            }
            Outcome::Broken | Outcome::NotRun | Outcome::Waived => {
                writeln!(text, "{} {:?} {}", case.id, case.outcome, case.reason).unwrap();
            }
        }
    }
    text
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn privileged_equal_databases_are_the_same_and_recording_twice_changes_nothing() {
    let server = MariaDb::start(&[]);
    fill(&server, "one").await;
    fill(&server, "two").await;
    let env = TestEnv::new();
    let folder = env.path().join("snapshots/database");
    let recorded = record(&server.address("one"), &folder, &Silent)
        .await
        .unwrap();
    assert_eq!((recorded.tables, recorded.rows), (4, 61 + 6));
    let before = files(&folder);
    let again = record(&server.address("one"), &folder, &Silent)
        .await
        .unwrap();
    assert_eq!(again.changed, Vec::<std::path::PathBuf>::new());
    assert_eq!(files(&folder), before);
    assert!(before.iter().all(|(_, bytes)| {
        !bytes
            .windows(5)
            .any(|part| part == "tajn\u{e9}".as_bytes().get(..5).unwrap())
    }));

    let cases = compare_with_snapshot(&server.address("two"), &folder, &Silent).await;
    assert_eq!(findings(&cases), "");
    assert_eq!(Verdict::of(&cases), Verdict::Verified);
    let cases = compare_live(&server.address("one"), &server.address("two"), &Silent).await;
    assert_eq!(findings(&cases), "");
    assert_eq!(Verdict::of(&cases), Verdict::Verified);
}

/// One damage: its name, what does it, and what the finding must hold.
type Damage = (&'static str, &'static [u8], &'static str);

/// Every kind of damage, one cell of every column type among them.
const DAMAGES: &[Damage] = &[
    (
        "utf-8",
        b"UPDATE ziaci SET meno = CONVERT(CONVERT(meno USING utf8) USING binary) WHERE id = 3",
        "ziaci[id=3].meno charset",
    ),
    (
        "every row",
        b"UPDATE ziaci SET poznamka = CONVERT(_latin1'dlh\xfd' USING binary)",
        "poznamka",
    ),
    (
        "double",
        b"UPDATE ziaci SET utf = _utf8'\xc4\xb9\xe2\x84\xa2eka' WHERE id = 4",
        "double encoding: UTF-8 was taken for CP1250",
    ),
    (
        "latin2",
        b"UPDATE ziaci SET meno = _binary'\xaelu\xbbou\xe8k\xfd k\xf9\xf2 \x81' WHERE id = 3",
        "CP1250 text was converted to ISO 8859-2",
    ),
    (
        "question marks",
        b"UPDATE ziaci SET meno = REPLACE(meno, _binary'\x9d', '?') WHERE id = 3",
        "lost-characters",
    ),
    (
        "byte 81",
        b"UPDATE ziaci SET meno = REPLACE(meno, _binary'\x81', _binary'\x83') WHERE id = 3",
        "ziaci[id=3].meno value",
    ),
    (
        "trailing space",
        b"UPDATE ziaci SET meno = CONCAT(meno, ' ') WHERE id = 3",
        "trailing-spaces",
    ),
    (
        "truncation",
        b"UPDATE ziaci SET poznamka = LEFT(poznamka, 3) WHERE id = 3",
        "truncation",
    ),
    (
        "null to empty",
        b"UPDATE triedy SET nazov = '' WHERE nazov IS NULL",
        "NULL became the empty string",
    ),
    (
        "empty to null",
        b"UPDATE triedy SET nazov = NULL WHERE nazov = ''",
        "the empty string became NULL",
    ),
    (
        "case",
        b"UPDATE triedy SET nazov = 'X' WHERE nazov = 'x'",
        "letter-case",
    ),
    (
        "char",
        b"UPDATE ziaci SET kod = 'ac' WHERE id = 3",
        "ziaci[id=3].kod",
    ),
    (
        "varbinary",
        b"UPDATE ziaci SET surove = 0x00ff23 WHERE id = 3",
        "ziaci[id=3].surove",
    ),
    (
        "zero byte",
        b"UPDATE ziaci SET surove = 0xff22 WHERE id = 3",
        "ziaci[id=3].surove",
    ),
    (
        "blob",
        b"UPDATE ziaci SET obrazok = 0x89504e47000b WHERE id = 3",
        "ziaci[id=3].obrazok",
    ),
    (
        "tinyint",
        b"UPDATE ziaci SET male = 1 WHERE id = 3",
        "ziaci[id=3].male",
    ),
    (
        "smallint",
        b"UPDATE ziaci SET stredne = 1 WHERE id = 3",
        "ziaci[id=3].stredne",
    ),
    (
        "mediumint",
        b"UPDATE ziaci SET vacsie = 1 WHERE id = 3",
        "ziaci[id=3].vacsie",
    ),
    (
        "bigint",
        b"UPDATE ziaci SET velke = 2147483647 WHERE id = 3",
        "clipped to 2147483647",
    ),
    (
        "zerofill",
        b"UPDATE ziaci SET nuly = 43 WHERE id = 3",
        "ziaci[id=3].nuly",
    ),
    (
        "decimal",
        b"UPDATE ziaci SET presne = 12345.61 WHERE id = 3",
        "ziaci[id=3].presne",
    ),
    (
        "float",
        b"UPDATE ziaci SET cislo = 0.10000001 WHERE id = 3",
        "ziaci[id=3].cislo",
    ),
    (
        "double",
        b"UPDATE ziaci SET dvojite = 0.3 WHERE id = 3",
        "rounding",
    ),
    (
        "date",
        b"UPDATE ziaci SET den = '0000-00-00' WHERE id = 3",
        "ziaci[id=3].den time",
    ),
    (
        "datetime",
        b"UPDATE ziaci SET chvila = chvila + INTERVAL 1 HOUR WHERE id = 3",
        "the time zone is shifted by +1:00",
    ),
    (
        "time",
        b"UPDATE ziaci SET cas = '12:00:00' WHERE id = 3",
        "ziaci[id=3].cas",
    ),
    (
        "timestamp",
        b"UPDATE ziaci SET zmena = zmena - INTERVAL 2 HOUR WHERE id = 3",
        "the time zone is shifted by -2:00",
    ),
    (
        "year",
        b"UPDATE ziaci SET rok = 2000 WHERE id = 3",
        "ziaci[id=3].rok",
    ),
    (
        "enum",
        b"UPDATE ziaci SET druh = 3 WHERE id = 3",
        "ziaci[id=3].druh",
    ),
    (
        "enum that was a wrong value",
        b"UPDATE ziaci SET druh = 0 WHERE id = 4",
        "ziaci[id=4].druh",
    ),
    (
        "set",
        b"UPDATE ziaci SET znacky = 4 WHERE id = 3",
        "ziaci[id=3].znacky",
    ),
    (
        "bit",
        b"UPDATE ziaci SET bity = b'1010101011' WHERE id = 3",
        "ziaci[id=3].bity",
    ),
    (
        "negative key",
        b"UPDATE ziaci SET meno = 'x' WHERE id = -7",
        "ziaci[id=-7].meno",
    ),
    (
        "missing row",
        b"DELETE FROM ziaci WHERE id = 17",
        "ziaci[id=17] missing-row",
    ),
    (
        "extra row",
        b"INSERT INTO ziaci (id) VALUES (999999)",
        "ziaci[id=999999] extra-row",
    ),
    (
        "text key",
        b"DELETE FROM triedy WHERE kod = BINARY '1.\xc1'",
        "missing-row",
    ),
    (
        "key cell",
        b"UPDATE triedy SET nazov = 'z' WHERE kod = 'ch'",
        "triedy[kod=\"ch\", rok=2009].nazov",
    ),
    (
        "doubled row",
        b"INSERT INTO dennik VALUES ('2009-01-01', 'dva')",
        "extra-row",
    ),
    (
        "two doubled rows",
        b"INSERT INTO dennik VALUES ('2009-01-01', 'dva'), ('2009-01-01', 'dva')",
        "extra-row",
    ),
    (
        "row of a multiset",
        b"UPDATE dennik SET sprava = 'x' WHERE sprava = ''",
        "sprava",
    ),
    (
        "lost multiset row",
        b"DELETE FROM dennik WHERE kedy IS NULL",
        "missing-row",
    ),
    (
        "default",
        b"ALTER TABLE ziaci ALTER meno SET DEFAULT 'x'",
        "ziaci/schema column meno default",
    ),
    (
        "nullable",
        b"ALTER TABLE triedy MODIFY nazov VARCHAR(40) NOT NULL",
        "triedy/schema column nazov nullable",
    ),
    (
        "length",
        b"ALTER TABLE triedy MODIFY nazov VARCHAR(41)",
        "column nazov type: varchar(40) => varchar(41)",
    ),
    (
        "collation",
        b"ALTER TABLE triedy MODIFY nazov VARCHAR(40) COLLATE cp1250_general_ci",
        "column nazov collation: cp1250_czech_cs => cp1250_general_ci",
    ),
    (
        "charset",
        b"ALTER TABLE triedy MODIFY nazov VARCHAR(40) CHARACTER SET latin2",
        "column nazov collation",
    ),
    (
        "table collation",
        b"ALTER TABLE triedy COLLATE cp1250_general_ci",
        "triedy/schema table collation",
    ),
    (
        "index gone",
        b"ALTER TABLE triedy DROP KEY nazov",
        "key nazov missing",
    ),
    (
        "index prefix",
        b"ALTER TABLE triedy DROP KEY nazov, ADD KEY nazov (nazov(5))",
        "key nazov columns: nazov(10) => nazov(5)",
    ),
    (
        "index order",
        b"ALTER TABLE triedy DROP KEY nazov, ADD KEY nazov (nazov(10) DESC)",
        "key nazov columns: nazov(10) => nazov(10) DESC",
    ),
    (
        "index unique",
        b"ALTER TABLE triedy DROP KEY nazov, ADD UNIQUE nazov (nazov(10))",
        "key nazov unique",
    ),
    (
        "primary key",
        b"ALTER TABLE triedy DROP PRIMARY KEY",
        "key PRIMARY missing",
    ),
    (
        "engine",
        b"ALTER TABLE triedy ENGINE = InnoDB",
        "table engine: MyISAM => InnoDB",
    ),
    (
        "comment",
        b"ALTER TABLE triedy COMMENT = 'x'",
        "table comment",
    ),
    (
        "auto increment",
        b"ALTER TABLE ziaci MODIFY id INT NOT NULL",
        "column id extra",
    ),
    (
        "column gone",
        b"ALTER TABLE ziaci DROP bity",
        "column bity missing",
    ),
    (
        "column more",
        b"ALTER TABLE triedy ADD nove INT",
        "column nove extra",
    ),
    (
        "column order",
        b"ALTER TABLE triedy MODIFY nazov VARCHAR(40) FIRST",
        "column nazov after",
    ),
    (
        "constraint",
        b"ALTER TABLE ziaci ADD CONSTRAINT c CHECK (male <> 5)",
        "constraint c extra",
    ),
    (
        "table gone",
        b"DROP TABLE dennik",
        "database/tables dennik missing",
    ),
    (
        "table more",
        b"CREATE TABLE nova (a INT)",
        "database/tables nova extra",
    ),
    ("table to view", b"RENAME TABLE dennik TO d2", "d2 extra"),
    (
        "odd name",
        b"INSERT INTO `divn\xc3\xa1 ``tab``` VALUES (1)",
        "extra-row",
    ),
    ("view gone", b"DROP VIEW zoznam", "view zoznam missing"),
    (
        "view changed",
        b"ALTER VIEW zoznam AS SELECT id FROM ziaci",
        "view zoznam body",
    ),
    (
        "trigger gone",
        b"DROP TRIGGER zapis",
        "trigger zapis missing",
    ),
    (
        "trigger more",
        b"CREATE TRIGGER t2 BEFORE INSERT ON ziaci FOR EACH ROW SET NEW.rok = 1",
        "trigger t2 extra",
    ),
    (
        "procedure",
        b"CREATE PROCEDURE p() SELECT 1",
        "procedure p extra",
    ),
    (
        "event",
        b"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        "event e extra",
    ),
    (
        "counter",
        b"ALTER TABLE ziaci AUTO_INCREMENT = 1000",
        "ziaci/schema table auto_increment: 51 => 1000",
    ),
    (
        "row format",
        b"ALTER TABLE dennik ROW_FORMAT = FIXED",
        "dennik/schema table row format",
    ),
    (
        "grant",
        b"GRANT SELECT ON two.dennik TO reader@'127.0.0.1'",
        "login 'reader'@'127.0.0.1' on dennik: absent => SELECT",
    ),
    (
        "database charset",
        b"ALTER DATABASE CHARACTER SET latin1",
        "database/server settings character_set_database",
    ),
];

#[tokio::test]
async fn privileged_every_single_damage_is_found_and_named() {
    let server = MariaDb::start(&[]);
    fill(&server, "one").await;
    let logins = [
        "GRANT SELECT ON mysql.* TO reader@'127.0.0.1'",
        "CREATE USER stara@localhost IDENTIFIED BY 'x'",
        "GRANT SELECT ON `%`.* TO stara@localhost",
    ];
    server.execute("mysql", &logins).await;
    let env = TestEnv::new();
    let folder = env.path().join("snapshots/database");
    record(&server.address("one"), &folder, &Silent)
        .await
        .unwrap();
    let mut missed = String::new();
    for (name, statement, expected) in DAMAGES {
        fill(&server, "two").await;
        server
            .execute(
                "two",
                &[
                    b"SET SESSION time_zone = '+00:00'".as_slice(),
                    b"SET SESSION sql_mode = ''",
                    statement,
                ],
            )
            .await;
        let recorded = compare_with_snapshot(&server.address("two"), &folder, &Silent).await;
        let live = compare_live(&server.address("one"), &server.address("two"), &Silent).await;
        for (how, cases) in [("recorded", &recorded), ("live", &live)] {
            let text = findings(cases);
            if !text.contains(expected)
                || Verdict::of(cases) != Verdict::Different
                || text.contains("Broken")
            {
                writeln!(missed, "{name} ({how}) wants {expected}:\n{text}").unwrap();
            }
        }
        server.execute("mysql", &["DROP DATABASE two"]).await;
    }
    assert_eq!(missed, "");
}

#[tokio::test]
async fn privileged_one_database_is_never_compared_with_itself() {
    let server = MariaDb::start(&[]);
    fill(&server, "one").await;
    let env = TestEnv::new();
    let folder = env.path().join("snapshots/database");
    record(&server.address("one"), &folder, &Silent)
        .await
        .unwrap();
    let mut socket = server.address("one");
    socket.target = Target::Socket(server.socket());
    "root".clone_into(&mut socket.user);
    socket.password = None;
    for cases in [
        compare_with_snapshot(&server.address("one"), &folder, &Silent).await,
        compare_live(&server.address("one"), &server.address("one"), &Silent).await,
        compare_live(&socket, &server.address("one"), &Silent).await,
    ] {
        assert_eq!(Verdict::of(&cases), Verdict::Inconclusive);
        assert!(
            findings(&cases).contains("both sides are the same database"),
            "{}",
            findings(&cases)
        );
    }
    let guest = compare_with_snapshot(&socket, &folder, &Silent).await;
    assert_eq!(findings(&guest), "");
}

#[tokio::test]
async fn privileged_a_fingerprint_tells_which_tables_changed() {
    let server = MariaDb::start(&[]);
    fill(&server, "one").await;
    let address = server.address("one");
    let before = fingerprint(&address).await.unwrap();
    assert_eq!(before, fingerprint(&address).await.unwrap());
    server
        .execute(
            "one",
            &[
                "UPDATE ziaci SET cislo = 0.10000001 WHERE id = 1",
                "INSERT INTO dennik VALUES ('2009-01-01', 'dva'), ('2009-01-01', 'dva')",
            ],
        )
        .await;
    let after = fingerprint(&address).await.unwrap();
    assert_eq!(changed_tables(&before, &after), ["dennik", "ziaci"]);
}

#[tokio::test]
async fn privileged_a_login_that_does_not_see_all_proves_nothing() {
    let server = MariaDb::start(&[]);
    for name in ["one", "two"] {
        fill(&server, name).await;
    }
    server
        .execute(
            "mysql",
            &["REVOKE TRIGGER ON two.* FROM reader@'127.0.0.1'"],
        )
        .await;
    let cases = compare_live(&server.address("one"), &server.address("two"), &Silent).await;
    insta::assert_snapshot!(findings(&cases), @"database/triggers NotRun the login may not see triggers: grant it TRIGGER, on MySQL 5.0 SUPER");
    assert_eq!(Verdict::of(&cases), Verdict::Inconclusive);
}

#[tokio::test]
async fn privileged_a_server_that_is_not_there_is_inconclusive() {
    let env = TestEnv::new();
    let folder = env.path().join("snapshots/database");
    let address = "mysql://reader:secret@127.0.0.1:1/x".parse().unwrap();
    assert!(record(&address, &folder, &Silent).await.is_err());
    let cases = compare_with_snapshot(&address, &folder, &Silent).await;
    assert!(findings(&cases).contains("holds no recorded database"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("server.txt"), "").unwrap();
    let cases = compare_with_snapshot(&address, &folder, &Silent).await;
    assert!(findings(&cases).contains("can't connect to mysql://reader:****@127.0.0.1:1/x"));
    assert_eq!(Verdict::of(&cases), Verdict::Inconclusive);
}

#[tokio::test]
async fn privileged_the_program_records_and_compares() {
    let server = MariaDb::start(&[]);
    for name in ["one", "two"] {
        fill(&server, name).await;
    }
    let env = TestEnv::new();
    let url = |name| format!("mysql://reader:tajn%C3%A9@127.0.0.1:{}/{name}", server.port);
    let config = format!(
        "[legacy]\ndatabase = \"{}\"\n[candidate]\ndatabase = \"{}\"\n",
        url("one"),
        url("two")
    );
    env.write("migrate-verify.toml", config);
    let hidden = |text: String| {
        assert!(!text.contains("tajn"), "{text}");
        text.replace(&server.port.to_string(), "[PORT]")
    };
    let recorded = hidden(env.run(&["database", "record"]));
    assert!(recorded.starts_with("exit code: 0"), "{recorded}");
    let again = hidden(env.run(&["database", "record"]));
    assert!(again.contains("no file changed"), "{again}");
    insta::assert_snapshot!(hidden(env.run(&["database", "compare"])), @"
    exit code: 0
    ----- stdout -----
    mysql://reader:****@127.0.0.1:[PORT]/two

    database         same [TIME] 15 same

    VERIFIED: everything that was compared is the same
    ----- stderr -----
    ");
    server
        .execute("two", &["UPDATE triedy SET nazov = 'x ' WHERE kod = 'c'"])
        .await;
    insta::assert_snapshot!(hidden(env.run(&["database", "compare"])), @r#"
    exit code: 1
    ----- stdout -----
    mysql://reader:****@127.0.0.1:[PORT]/two

    database         different [TIME] 14 same, 1 different

    ≠ database/triedy/rows: 6 rows of 3 columns, by their key
        triedy[kod="c", rok=2009].nazov: value
          expected "y"
          found    "x "

    DIFFERENT: the candidate is not the same
    ----- stderr -----
    "#);
    let json = hidden(env.run(&["database", "compare", "--format", "json"]));
    assert!(json.contains("\"verdict\": \"different\""), "{json}");
    let wrong = hidden(env.run(&[
        "database",
        "compare",
        "--server",
        "mysql://reader@127.0.0.1",
    ]));
    assert!(wrong.starts_with("exit code: 2"), "{wrong}");
}

#[tokio::test]
async fn privileged_a_table_too_large_to_be_listed_is_compared_by_digests() {
    let server = MariaDb::start(&[]);
    let rows = "SELECT seq, REPEAT(MD5(seq), 8) FROM seq_1_to_70000";
    for name in ["one", "two"] {
        server.databases(&[name]).await;
        let statements = [
            "CREATE TABLE velka (id INT NOT NULL PRIMARY KEY, text VARCHAR(300))".to_owned(),
            "CREATE TABLE bez (id INT, text VARCHAR(300))".to_owned(),
            format!("INSERT INTO velka {rows}"),
            format!("INSERT INTO bez {rows} ORDER BY MD5(CONCAT('{name}', seq))"),
        ];
        server.execute(name, &statements).await;
    }
    let (one, two) = (server.address("one"), server.address("two"));
    let env = TestEnv::new();
    let folder = env.path().join("snapshots/database");
    let recorded = record(&one, &folder, &Silent).await.unwrap();
    assert_eq!(recorded.digested, ["bez", "velka"]);
    let cases = compare_with_snapshot(&two, &folder, &Silent).await;
    assert_eq!(findings(&cases), "");
    assert_eq!(Verdict::of(&cases), Verdict::Verified);
    let damage = [
        "UPDATE velka SET text = 'x' WHERE id = 50000",
        "DELETE FROM velka WHERE id = 70000",
        "UPDATE bez SET text = CONCAT(text, ' ') WHERE id = 50000",
    ];
    server.execute("two", &damage).await;
    let text = findings(&compare_with_snapshot(&two, &folder, &Silent).await);
    let count = |table: &str| text.lines().filter(|line| line.starts_with(table)).count();
    assert!(
        (1..=2).contains(&count("database/velka/rows velka[")),
        "{text}"
    );
    assert!((1..=2).contains(&count("database/bez/rows bez[")), "{text}");
    let text = findings(&compare_live(&one, &two, &Silent).await);
    assert!(text.contains("velka[id=50000].text"), "{text}");
    assert!(text.contains("velka[id=70000] missing-row"), "{text}");
    assert!(text.contains("spaces were added at the end"), "{text}");
    assert_eq!(text.lines().count(), 3, "{text}");
}

/// A table of every kind that servers hash, large enough for that, and statements that fill it.
fn large(engine: &str, key: &str) -> Vec<Vec<u8>> {
    let create = format!(
        "CREATE TABLE velka (id INT NOT NULL {key}, meno VARCHAR(30) NOT NULL, iny VARCHAR(30), utf VARCHAR(30) CHARACTER SET utf8, \
        surove VARBINARY(20), druh ENUM('','a','b'), znacky SET('a','b'), bity BIT(10), cena DECIMAL(8,2), kedy DATETIME, nuly INT(6) ZEROFILL) ENGINE={engine}"
    );
    let rows = b"INSERT INTO velka SELECT CAST(seq AS SIGNED) * 3 - 6000, CONCAT(_binary'\x9elu\x9d\x81,', seq), IF(seq % 7, seq, NULL), \
        _utf8'\xc5\x99', CHAR(0, seq), seq % 3 + 1, seq % 4, seq % 1024, seq / 7, '2009-01-01' + INTERVAL seq SECOND, seq FROM seq_1_to_6000";
    vec![create.into_bytes(), rows.to_vec()]
}

/// Damages that a sum of hashes must not miss: each leaves the number of rows, and most leave the text of all values together.
const HASHED: &[(&str, &[u8], &str)] = &[
    ("undefined byte", b"UPDATE velka SET meno = REPLACE(meno, _binary'\x81', _binary'\x83') WHERE id = 3000", "velka[id=3000].meno"),
    ("value moved to the next column", b"UPDATE velka SET meno = 'ab', iny = 'c' WHERE id = 3000", "velka[id=3000].iny"),
    ("comma moved", b"UPDATE velka SET meno = CONCAT(meno, ',1'), iny = NULL WHERE id = 3000", "velka[id=3000].iny"),
    ("null to empty", b"UPDATE velka SET iny = '' WHERE id = 7 * 3 - 6000", "NULL became the empty string"),
    ("null to N", b"UPDATE velka SET iny = 'N' WHERE id = 7 * 3 - 6000", "velka[id=-5979].iny"),
    ("enum zero", b"UPDATE velka SET druh = IF(druh = '', 0, druh) WHERE id = 3 * 3 - 6000", "velka[id=-5991].druh"),
    ("values swapped between rows", b"UPDATE velka SET meno = IF(id = 3000, _binary'\x9elu\x9d\x81,3001', _binary'\x9elu\x9d\x81,3000') WHERE id IN (3000, 3003)", "velka[id=3003].meno"),
    ("one change in every row", b"UPDATE velka SET utf = _utf8'\xc5\xa1'", "all 6,000 rows differ in this column"),
    ("zero byte", b"UPDATE velka SET surove = TRIM(LEADING CHAR(0) FROM surove) WHERE id = 3000", "velka[id=3000].surove"),
    ("decimal", b"UPDATE velka SET cena = cena + 0.01 WHERE id = 12000", "velka[id=12000].cena"),
    ("bit", b"UPDATE velka SET bity = bity ^ 1 WHERE id = 3000", "velka[id=3000].bity"),
    ("row gone", b"DELETE FROM velka WHERE id = 12000", "velka[id=12000] missing-row"),
    ("row beyond the last", b"INSERT INTO velka (id, meno) VALUES (2000000000, 'x')", "velka[id=2000000000] extra-row"),
    ("key moved", b"UPDATE velka SET id = 1 WHERE id = 0", "velka[id=0] missing-row"),
];

/// Says that the large table was compared by digests alone.
fn assert_hashed(cases: &[Case]) {
    assert_eq!(findings(cases), "");
    let rows = cases
        .iter()
        .find(|case| case.id.to_string() == "database/velka/rows");
    let reason = &rows.unwrap().reason;
    assert!(
        reason.contains("6,000 rows")
            && reason.contains("of each server")
            && !reason.contains("row by row"),
        "{reason}"
    );
}

#[tokio::test]
async fn privileged_large_tables_are_compared_by_their_servers_and_every_damage_is_found() {
    let server = MariaDb::start(&["--max-allowed-packet=1M"]);
    let (one, two) = (server.address("one"), server.address("two"));
    let mut missed = String::new();
    for (engine, key) in [
        ("InnoDB", "PRIMARY KEY"),
        ("MyISAM", "PRIMARY KEY"),
        ("MyISAM", ""),
    ] {
        server.databases(&["one"]).await;
        server.execute("one", &large(engine, key)).await;
        for (name, statement, expected) in HASHED {
            server.databases(&["two"]).await;
            server
                .execute(
                    "two",
                    &[
                        "CREATE TABLE velka LIKE one.velka",
                        "INSERT INTO velka SELECT * FROM one.velka ORDER BY meno",
                    ],
                )
                .await;
            if *name == HASHED[0].0 {
                assert_hashed(&compare_live(&one, &two, &Silent).await);
            }
            server
                .execute("two", &[b"SET SESSION sql_mode = ''".as_slice(), statement])
                .await;
            let text = findings(&compare_live(&one, &two, &Silent).await);
            if key.is_empty() && *name == "one change in every row" {
                // Without a key nothing says which rows belong together.
                assert!(text.contains("more rows"), "{text}");
                server.execute("mysql", &["DROP DATABASE two"]).await;
                continue;
            }
            // Without a key a row is named by its first values.
            let expected = if key.is_empty() {
                expected.split('[').next().unwrap()
            } else {
                expected
            };
            if !text.contains(expected) || text.contains("Broken") || text.lines().count() > 21 {
                writeln!(missed, "{engine} {key} {name} wants {expected}:\n{text}").unwrap();
            }
            server.execute("mysql", &["DROP DATABASE two"]).await;
        }
        server.execute("mysql", &["DROP DATABASE one"]).await;
    }
    assert_eq!(missed, "");
}

#[tokio::test]
async fn privileged_doubled_rows_in_a_copy_without_the_key_are_found() {
    let server = MariaDb::start(&[]);
    for engine in ["InnoDB", "MyISAM"] {
        server.databases(&["one", "two"]).await;
        server.execute("one", &large(engine, "PRIMARY KEY")).await;
        // The row is there three times: exclusive or alone would take it for one.
        let copy = [
            "CREATE TABLE velka LIKE one.velka",
            "ALTER TABLE velka DROP PRIMARY KEY",
            "INSERT INTO velka SELECT * FROM one.velka",
        ];
        let doubled = "INSERT INTO velka SELECT * FROM one.velka WHERE id = 3006";
        server.execute("two", &copy).await;
        server.execute("two", &[doubled, doubled]).await;
        let (one, two) = (server.address("one"), server.address("two"));
        let text = findings(&compare_live(&one, &two, &Silent).await);
        assert!(text.contains("velka[id=3006] extra-row"), "{text}");
        server
            .execute("two", &["DELETE FROM velka WHERE id IN (3000, 3003)"])
            .await;
        let text = findings(&compare_live(&one, &two, &Silent).await);
        for expected in ["3000] missing-row", "3003] missing-row", "3006] extra-row"] {
            assert!(text.contains(&format!("velka[id={expected}")), "{text}");
        }
        let drop = ["DROP DATABASE one", "DROP DATABASE two"];
        server.execute("mysql", &drop).await;
    }
}

#[tokio::test]
async fn privileged_rows_that_a_server_can_not_hash_are_read() {
    let server = MariaDb::start(&["--max-allowed-packet=1M"]);
    for (name, engine) in [("one", "InnoDB"), ("two", "MyISAM")] {
        server.databases(&[name]).await;
        server.execute(name, &[
            format!("CREATE TABLE t (id INT NOT NULL PRIMARY KEY, a MEDIUMTEXT, b MEDIUMTEXT) ENGINE={engine}"),
            "INSERT INTO t SELECT seq, seq, seq FROM seq_1_to_3000".to_owned(),
            "UPDATE t SET a = REPEAT('a', 500000), b = REPEAT('b', 550000) WHERE id = 2000".to_owned(),
        ]).await;
    }
    let (one, two) = (server.address("one"), server.address("two"));
    // A row of more than max_allowed_packet hashes to NULL on both sides, and NULL is no proof.
    server
        .execute(
            "two",
            &["UPDATE t SET b = CONCAT(LEFT(b, 549999), 'c') WHERE id = 2000"],
        )
        .await;
    let text = findings(&compare_live(&one, &two, &Silent).await);
    assert!(
        text.contains("database/t/rows t[id=2000].b value"),
        "{text}"
    );
}

#[tokio::test]
async fn privileged_mariadb_takes_a_password_of_before_4_1() {
    let server = MariaDb::start(&["--secure-auth=0"]);
    fill(&server, "one").await;
    fill(&server, "two").await;
    let login = [
        "CREATE USER stary@'127.0.0.1' IDENTIFIED VIA mysql_old_password USING '6f8c114b58f2ce9e'",
        "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO stary@'127.0.0.1'",
    ];
    server.execute("mysql", &login).await;
    let address = |name: &str, password: &str| {
        format!("mysql://stary:{password}@127.0.0.1:{}/{name}", server.port)
            .parse()
            .unwrap()
    };
    let cases = compare_live(
        &address("one", "mypass"),
        &address("two", "mypass"),
        &Silent,
    )
    .await;
    assert_eq!(findings(&cases), "");
    let cases = compare_live(
        &address("one", "mypast"),
        &address("two", "mypast"),
        &Silent,
    )
    .await;
    assert!(
        findings(&cases).contains("Access denied"),
        "{}",
        findings(&cases)
    );
    assert!(!findings(&cases).contains("mypast"));
}

#[tokio::test]
async fn privileged_a_crashed_table_is_named_and_the_others_compared() {
    let server = MariaDb::start(&["--myisam-recover-options=OFF"]);
    for name in ["one", "two"] {
        server.databases(&[name]).await;
        let statements = [
            "CREATE TABLE zla (id INT NOT NULL PRIMARY KEY, a VARCHAR(20)) ENGINE=MyISAM",
            "INSERT INTO zla SELECT seq, seq FROM seq_1_to_100",
            "CREATE TABLE `žiaci's \"x\\y%_` (a INT)",
            "INSERT INTO `žiaci's \"x\\y%_` VALUES (1)",
            "CREATE TABLE zdrava (a INT)",
            "INSERT INTO zdrava VALUES (1)",
            "FLUSH TABLES",
        ];
        server.execute(name, &statements).await;
    }
    server.damage("two/zla.MYI");
    let cases = compare_live(&server.address("one"), &server.address("two"), &Silent).await;
    let text = findings(&cases);
    assert_eq!(Verdict::of(&cases), Verdict::Inconclusive, "{text}");
    assert!(
        text.contains("zla") && !text.contains("zdrava") && !text.contains("žiaci"),
        "{text}"
    );
    server
        .execute("two", &["UPDATE `žiaci's \"x\\y%_` SET a = 2"])
        .await;
    let text =
        findings(&compare_live(&server.address("one"), &server.address("two"), &Silent).await);
    assert!(text.contains("žiaci's \"x\\y%_[a=1] missing-row"), "{text}");
}

#[tokio::test]
async fn privileged_a_login_whose_password_became_one_of_before_4_1_is_found() {
    let server = MariaDb::start(&["--secure-auth=0"]);
    fill(&server, "one").await;
    fill(&server, "two").await;
    let logins = [
        "GRANT SELECT ON mysql.* TO reader@'127.0.0.1'",
        "CREATE USER stara@localhost IDENTIFIED BY 'x'",
        "GRANT SELECT ON one.* TO stara@localhost",
        "GRANT SELECT ON two.* TO stara@localhost",
    ];
    server.execute("mysql", &logins).await;
    let env = TestEnv::new();
    let folder = env.path().join("snapshots/database");
    record(&server.address("one"), &folder, &Silent)
        .await
        .unwrap();
    let two = server.address("two");
    assert_eq!(
        findings(&compare_with_snapshot(&two, &folder, &Silent).await),
        ""
    );
    let older =
        "ALTER USER stara@localhost IDENTIFIED VIA mysql_old_password USING '6f8c114b58f2ce9e'";
    server.execute("mysql", &[older]).await;
    let text = findings(&compare_with_snapshot(&two, &folder, &Silent).await);
    insta::assert_snapshot!(text, @"database/grants login 'stara'@'localhost' password: of MySQL 4.1 and later => of before MySQL 4.1 | -");
}

#[tokio::test]
async fn privileged_rights_that_were_left_by_a_deleted_login_are_nobodys() {
    let server = MariaDb::start(&[]);
    for name in ["one", "two"] {
        fill(&server, name).await;
    }
    let statements = [
        "GRANT SELECT ON mysql.* TO reader@'127.0.0.1'",
        "CREATE USER stara@localhost IDENTIFIED BY 'x'",
        "GRANT SELECT ON one.* TO stara@localhost",
        "DELETE FROM mysql.global_priv WHERE User = 'stara'",
        "FLUSH PRIVILEGES",
    ];
    server.execute("mysql", &statements).await;
    let cases = compare_live(&server.address("one"), &server.address("two"), &Silent).await;
    assert_eq!(findings(&cases), "");
    // Rights that somebody has, and that SHOW GRANTS does not tell: at the hosts of mysql.host.
    let statements = [
        "CREATE USER nova@localhost IDENTIFIED BY 'x'",
        "INSERT INTO mysql.db (Host, Db, User, Select_priv) VALUES ('', 'one', 'nova', 'Y')",
        "FLUSH PRIVILEGES",
    ];
    server.execute("mysql", &statements).await;
    let cases = compare_live(&server.address("one"), &server.address("two"), &Silent).await;
    insta::assert_snapshot!(findings(&cases), @"database/grants NotRun the server does not tell the rights of a login that mysql.db names: give it them anew with GRANT");
    assert_eq!(Verdict::of(&cases), Verdict::Inconclusive);
    let env = TestEnv::new();
    let folder = env.path().join("snapshots/database");
    let recorded = record(&server.address("one"), &folder, &Silent).await;
    assert_eq!(recorded.unwrap().hidden.len(), 1);
    let cases = compare_with_snapshot(&server.address("two"), &folder, &Silent).await;
    assert_eq!(Verdict::of(&cases), Verdict::Inconclusive);
}
