//! Databases on a real server: equal ones are the same, and every single damage is found and named.

use std::{fmt::Write as _, fs, path::Path};

use migrate_verify::{
    database::{changed_tables, compare_live, compare_with_snapshot, fingerprint, record},
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
            "0.1, 0.1 + 0.2, '2009-02-03', '2009-02-03 04:05:{:02}', '-12:00:00', '2009-07-01 10:00:00', 1999, ",
            id % 60
        );
        statement.extend(rest.into_bytes());
        statement.extend(b"2, 5, b'1010101010', _utf8'\xc5\x99eka')");
        statement
    };
    let mut statements = vec![b"SET SESSION time_zone = '+00:00'".to_vec()];
    statements.extend((1..=50).map(row));
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
                writeln!(text, "{} {:?} {}", case.id, case.outcome, case.reason).unwrap()
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
