//! SQL dumps as mysqldump of 2008 wrote them: restored they are the same as themselves, and a damaged one is never compared.

use std::{fmt::Write as _, path::PathBuf};

use migrate_verify::{
    database::{Source, compare, record},
    outcome::{Case, Outcome, Verdict},
    progress::Silent,
};

use crate::env::{MariaDb, TestEnv};

/// What mysqldump of MySQL 5.0 writes, statement by statement, in CP1250.
const STATEMENTS: &[&[u8]] = &[
    b"/*!40101 SET NAMES cp1250 */",
    b"/*!40103 SET TIME_ZONE='+00:00' */",
    b"/*!40101 SET SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */",
    b"DROP TABLE IF EXISTS `\x9eiaci`",
    b"CREATE TABLE `\x9eiaci` (
  `id` int(11) NOT NULL auto_increment,
  `meno` varchar(30) collate cp1250_czech_cs NOT NULL default '' COMMENT 'men\xe1, '' priezvisk\xe1',
  `pozn\xe1mka` text collate cp1250_czech_cs,
  `utf` varchar(30) character set utf8 default NULL,
  `surove` varbinary(20) default NULL,
  `obrazok` blob,
  `velke` bigint(20) unsigned default NULL,
  `nuly` int(6) unsigned zerofill default NULL,
  `presne` decimal(10,2) default '0.00',
  `cislo` float default NULL,
  `dvojite` double default NULL,
  `den` date default NULL,
  `chvila` datetime NOT NULL default '0000-00-00 00:00:00',
  `zmena` timestamp NOT NULL default CURRENT_TIMESTAMP on update CURRENT_TIMESTAMP,
  `druh` enum('','dobr\xfd','zl\xfd') collate cp1250_czech_cs default NULL,
  `znacky` set('a','b') collate cp1250_czech_cs default NULL,
  `bity` bit(10) default NULL,
  PRIMARY KEY  (`id`),
  UNIQUE KEY `meno` (`meno`),
  KEY `dva` (`den`,`pozn\xe1mka`(10)),
  FULLTEXT KEY `hladaj` (`pozn\xe1mka`)
) ENGINE=MyISAM AUTO_INCREMENT=43 DEFAULT CHARSET=cp1250 COLLATE=cp1250_czech_cs COMMENT='ziaci'",
    b"LOCK TABLES `\x9eiaci` WRITE",
    b"INSERT INTO `\x9eiaci` VALUES (42,'\x8elu\x9dou\xe8k\xfd; \\'k\xf9\xf2\\'','a\\r\\nb\\\\','\xf8eka',0x00FF22,'\\0\\Z\\n\"',18446744073709551615,000042,12345.60,0.1,0.30000000000000004,'2009-02-03','0000-00-00 00:00:00','2009-07-01 10:00:00','dobr\xfd','a,b',b'1010101010'),(-7,'',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2009-02-03 04:05:06','2009-07-01 10:00:00','','',b'1')",
    b"UNLOCK TABLES",
    b"CREATE TABLE `bez ``kluca` (
  `a` int(11) default NULL,
  `b` char(4) default NULL
) ENGINE=InnoDB DEFAULT CHARSET=latin2",
    b"INSERT INTO `bez ``kluca` VALUES (2,'x'),(1,'\x9a'),(2,'x')",
];

fn dump(statements: &[&[u8]]) -> Vec<u8> {
    let mut text = b"-- MySQL dump 10.11\n--\n-- Host: localhost    Database: skola\n\n".to_vec();
    for statement in statements {
        text.extend_from_slice(statement);
        text.extend(b";\n\n");
    }
    text.extend(b"-- Dump completed on 2009-07-01 10:00:00\n");
    text
}

pub(crate) fn told(cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases.iter().filter(|case| case.outcome != Outcome::Same) {
        writeln!(text, "{} {} {:?}", case.id, case.reason, case.differences()).unwrap();
    }
    text
}

#[tokio::test]
async fn privileged_a_restored_dump_is_the_same_and_every_damage_is_found() {
    let server = MariaDb::start(&[]);
    server.databases(&["one"]).await;
    server.execute("one", STATEMENTS).await;
    let env = TestEnv::new();
    let path: PathBuf = env.write("dump.sql", dump(STATEMENTS));
    let (known, live) = (Source::Dump(path), Source::Live(server.address("one")));
    let cases = compare(&known, &live, &Silent).await;
    assert_eq!(told(&cases), "");
    assert_eq!((Verdict::of(&cases), cases.len()), (Verdict::Verified, 7));
    let folder = env.path().join("database");
    record(&server.address("one"), &folder, &Silent)
        .await
        .unwrap();
    let cases = compare(&known, &Source::Recorded(folder), &Silent).await;
    assert_eq!(told(&cases), "");
    let damages = [
        (
            "UPDATE `žiaci` SET cislo = 0.10000001 WHERE id = 42",
            ".cislo",
        ),
        ("UPDATE `žiaci` SET utf = 'reka' WHERE id = 42", ".utf"),
        ("UPDATE `žiaci` SET druh = 0 WHERE id = -7", "[id=-7].druh"),
        ("ALTER TABLE `žiaci` DROP KEY hladaj", "key hladaj"),
        (
            "ALTER TABLE `žiaci` ALTER presne SET DEFAULT '1.00'",
            "column presne",
        ),
        ("ALTER TABLE `žiaci` AUTO_INCREMENT = 99", "auto_increment"),
        (
            "DELETE FROM `bez ``kluca` WHERE a = 2 LIMIT 1",
            "missing-row",
        ),
    ];
    for (statement, expected) in damages {
        server
            .execute("one", &["SET SESSION sql_mode = ''", statement])
            .await;
        let text = told(&compare(&known, &live, &Silent).await);
        assert!(text.contains(expected), "{statement}: {text}");
    }
}

#[tokio::test]
async fn a_dump_that_ends_early_or_lies_about_its_charset_is_named_and_not_compared() {
    let env = TestEnv::new();
    let whole = dump(STATEMENTS);
    let mut lying = STATEMENTS.to_vec();
    lying[0] = b"/*!40101 SET NAMES utf8 */";
    lying[4] =
        b"CREATE TABLE `t` (\n  `a` varchar(30) NOT NULL\n) ENGINE=MyISAM DEFAULT CHARSET=cp1250";
    lying[6] = b"INSERT INTO `t` VALUES ('\x8elu\x9d')";
    let cut = |at: &[u8]| {
        let end = whole.windows(at.len()).position(|part| part == at).unwrap();
        whole[..end].to_vec()
    };
    let table: [(Vec<u8>, &str); 6] = [
        (
            cut(b"k\xf9\xf2"),
            "the dump ends in the middle of this statement",
        ),
        (cut(b"-- Dump completed"), "mysqldump did not finish"),
        (
            dump(&lying),
            "it was written with another charset than its SET NAMES says",
        ),
        (dump(&[b"SELECT 1"]), "the dump makes no table"),
        (
            dump(&[STATEMENTS[4], b"INSERT INTO `\x9eiaci` (`id`) VALUES (1)"]),
            "a statement that changes data in a way that is not read",
        ),
        (Vec::new(), "the dump makes no table"),
    ];
    for (bytes, expected) in table {
        let path = env.write("dump.sql", &bytes);
        let side = Source::Dump(path);
        let cases = compare(&side, &side, &Silent).await;
        assert!(
            told(&cases).contains(expected),
            "{expected}: {}",
            told(&cases)
        );
        assert_eq!(Verdict::of(&cases), Verdict::Inconclusive);
    }
}

/// Returns a dump of two tables of so many bytes that their rows are not kept: with a key and without.
fn large_dump(changed: &str) -> Vec<u8> {
    let table = |name: &str, key: &str| {
        let made = format!(
            "CREATE TABLE `{name}` (\n  `id` int(11) NOT NULL,\n  `a` varchar(255) default NULL{key}\n) ENGINE=MyISAM DEFAULT CHARSET=cp1250;\n"
        );
        let rows = (0..90_000).map(|id| match id {
            40_000 => format!("({id},'{changed}')"),
            _ => format!("({id},'{id:0200}')"),
        });
        let rows = rows.collect::<Vec<_>>().join(",");
        format!("{made}INSERT INTO `{name}` VALUES {rows};\n")
    };
    let tables = [
        table("s_klucom", ",\n  PRIMARY KEY (`id`)"),
        table("bez", ""),
    ]
    .concat();
    format!("-- MySQL dump 10.11\n{tables}-- Dump completed\n").into_bytes()
}

#[tokio::test]
async fn tables_that_are_digested_on_both_sides_are_compared() {
    let env = TestEnv::new();
    let [one, same, other] = [("one", "x"), ("same", "x"), ("other", "y")]
        .map(|(name, changed)| Source::Dump(env.write(name, large_dump(changed))));
    let cases = compare(&one, &same, &Silent).await;
    assert_eq!(told(&cases), "");
    let text = told(&compare(&one, &other, &Silent).await);
    for expected in ["database/s_klucom/rows", "database/bez/rows"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}
