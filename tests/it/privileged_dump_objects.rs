//! Views, triggers, routines and events of a dump: compared with a server that it was restored into, and with another dump.

use migrate_verify::{
    database::{Source, compare, not_in_dumps, record},
    outcome::{Case, Verdict},
    progress::Silent,
};

use crate::{
    env::{MariaDb, TestEnv},
    privileged_dump::told,
};

/// What mariadb-dump 10.11 wrote with `--routines --events` of a database that a client in CP1250 made.
const WRITTEN: &[u8] = b"/*M!999999\\- enable the sandbox mode */\x20
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: skola
-- ------------------------------------------------------
-- Server version\x0910.11.19-MariaDB-0+deb12u1

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

--
-- Table structure for table `dennik`
--

DROP TABLE IF EXISTS `dennik`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `dennik` (
  `kedy` datetime DEFAULT NULL,
  `sprava` varchar(100) DEFAULT NULL
) ENGINE=MyISAM DEFAULT CHARSET=cp1250 COLLATE=cp1250_czech_cs;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `dennik`
--

LOCK TABLES `dennik` WRITE;
/*!40000 ALTER TABLE `dennik` DISABLE KEYS */;
/*!40000 ALTER TABLE `dennik` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Temporary table structure for view `druhy`
--

DROP TABLE IF EXISTS `druhy`;
/*!50001 DROP VIEW IF EXISTS `druhy`*/;
SET @saved_cs_client     = @@character_set_client;
SET character_set_client = utf8mb4;
/*!50001 CREATE VIEW `druhy` AS SELECT
 NULL AS `id` */;
SET character_set_client = @saved_cs_client;

--
-- Table structure for table `ziaci`
--

DROP TABLE IF EXISTS `ziaci`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `ziaci` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `meno` varchar(30) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=cp1250 COLLATE=cp1250_czech_cs;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `ziaci`
--

LOCK TABLES `ziaci` WRITE;
/*!40000 ALTER TABLE `ziaci` DISABLE KEYS */;
INSERT INTO `ziaci` VALUES
(1,'\xc5\xbdlu\xc5\xa5');
/*!40000 ALTER TABLE `ziaci` ENABLE KEYS */;
UNLOCK TABLES;
/*!50003 SET @saved_cs_client      = @@character_set_client */ ;
/*!50003 SET @saved_cs_results     = @@character_set_results */ ;
/*!50003 SET @saved_col_connection = @@collation_connection */ ;
/*!50003 SET character_set_client  = cp1250 */ ;
/*!50003 SET character_set_results = cp1250 */ ;
/*!50003 SET collation_connection  = cp1250_general_ci */ ;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;
/*!50003 SET sql_mode              = '' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER zapis AFTER INSERT ON ziaci FOR EACH ROW INSERT INTO dennik VALUES ('2009-01-01', CONCAT('\x9e', NEW.meno))\x20
*/;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;
/*!50003 SET character_set_client  = @saved_cs_client */ ;
/*!50003 SET character_set_results = @saved_cs_results */ ;
/*!50003 SET collation_connection  = @saved_col_connection */ ;
/*!50003 SET @saved_cs_client      = @@character_set_client */ ;
/*!50003 SET @saved_cs_results     = @@character_set_results */ ;
/*!50003 SET @saved_col_connection = @@collation_connection */ ;
/*!50003 SET character_set_client  = cp1250 */ ;
/*!50003 SET character_set_results = cp1250 */ ;
/*!50003 SET collation_connection  = cp1250_general_ci */ ;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;
/*!50003 SET sql_mode              = '' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER uprava before update
 ON `ziaci` FOR EACH ROW BEGIN
  -- don't; stop
  /* nor \"here; */
  INSERT INTO `dennik` VALUES (NOW(), 'a;
b');
  SET NEW.meno = OLD.meno;
END\x20
*/;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;
/*!50003 SET character_set_client  = @saved_cs_client */ ;
/*!50003 SET character_set_results = @saved_cs_results */ ;
/*!50003 SET collation_connection  = @saved_col_connection */ ;

--
-- Temporary table structure for view `zoznam`
--

DROP TABLE IF EXISTS `zoznam`;
/*!50001 DROP VIEW IF EXISTS `zoznam`*/;
SET @saved_cs_client     = @@character_set_client;
SET character_set_client = utf8mb4;
/*!50001 CREATE VIEW `zoznam` AS SELECT
 NULL AS `id`,
 NULL AS `meno` */;
SET character_set_client = @saved_cs_client;

--
-- Dumping events for database 'skola'
--
/*!50106 SET @save_time_zone= @@TIME_ZONE */ ;
/*!50106 DROP EVENT IF EXISTS `raz` */;
DELIMITER ;;
/*!50003 SET @saved_cs_client      = @@character_set_client */ ;;
/*!50003 SET @saved_cs_results     = @@character_set_results */ ;;
/*!50003 SET @saved_col_connection = @@collation_connection */ ;;
/*!50003 SET character_set_client  = cp1250 */ ;;
/*!50003 SET character_set_results = cp1250 */ ;;
/*!50003 SET collation_connection  = cp1250_general_ci */ ;;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;;
/*!50003 SET sql_mode              = '' */ ;;
/*!50003 SET @saved_time_zone      = @@time_zone */ ;;
/*!50003 SET time_zone             = 'SYSTEM' */ ;;
/*!50106 CREATE*/ /*!50117 DEFINER=`root`@`localhost`*/ /*!50106 EVENT `raz` ON SCHEDULE AT '2031-01-01 00:00:00' ON COMPLETION NOT PRESERVE ENABLE DO DELETE FROM dennik\x20
*/ ;;
/*!50003 SET time_zone             = @saved_time_zone */ ;;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;;
/*!50003 SET character_set_client  = @saved_cs_client */ ;;
/*!50003 SET character_set_results = @saved_cs_results */ ;;
/*!50003 SET collation_connection  = @saved_col_connection */ ;;
/*!50106 DROP EVENT IF EXISTS `upratuj` */;;
DELIMITER ;;
/*!50003 SET @saved_cs_client      = @@character_set_client */ ;;
/*!50003 SET @saved_cs_results     = @@character_set_results */ ;;
/*!50003 SET @saved_col_connection = @@collation_connection */ ;;
/*!50003 SET character_set_client  = cp1250 */ ;;
/*!50003 SET character_set_results = cp1250 */ ;;
/*!50003 SET collation_connection  = cp1250_general_ci */ ;;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;;
/*!50003 SET sql_mode              = '' */ ;;
/*!50003 SET @saved_time_zone      = @@time_zone */ ;;
/*!50003 SET time_zone             = 'SYSTEM' */ ;;
/*!50106 CREATE*/ /*!50117 DEFINER=`root`@`localhost`*/ /*!50106 EVENT `upratuj` ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS '2030-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE COMMENT 'x do y' DO BEGIN DELETE FROM dennik WHERE sprava = ' DO '; SELECT 1; END\x20
*/ ;;
/*!50003 SET time_zone             = @saved_time_zone */ ;;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;;
/*!50003 SET character_set_client  = @saved_cs_client */ ;;
/*!50003 SET character_set_results = @saved_cs_results */ ;;
/*!50003 SET collation_connection  = @saved_col_connection */ ;;
DELIMITER ;
/*!50106 SET TIME_ZONE= @save_time_zone */ ;

--
-- Dumping routines for database 'skola'
--
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;
/*!50003 SET sql_mode              = '' */ ;
/*!50003 DROP FUNCTION IF EXISTS `dva` */;
/*!50003 SET @saved_cs_client      = @@character_set_client */ ;
/*!50003 SET @saved_cs_results     = @@character_set_results */ ;
/*!50003 SET @saved_col_connection = @@collation_connection */ ;
/*!50003 SET character_set_client  = cp1250 */ ;
/*!50003 SET character_set_results = cp1250 */ ;
/*!50003 SET collation_connection  = cp1250_general_ci */ ;
DELIMITER ;;
CREATE DEFINER=`root`@`localhost` FUNCTION `dva`(a INT) RETURNS int(11)
    DETERMINISTIC
RETURN a * 2
;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;
/*!50003 SET character_set_client  = @saved_cs_client */ ;
/*!50003 SET character_set_results = @saved_cs_results */ ;
/*!50003 SET collation_connection  = @saved_col_connection */ ;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;
/*!50003 SET sql_mode              = 'PIPES_AS_CONCAT,ANSI_QUOTES' */ ;
/*!50003 DROP PROCEDURE IF EXISTS `pocitaj` */;
/*!50003 SET @saved_cs_client      = @@character_set_client */ ;
/*!50003 SET @saved_cs_results     = @@character_set_results */ ;
/*!50003 SET @saved_col_connection = @@collation_connection */ ;
/*!50003 SET character_set_client  = cp1250 */ ;
/*!50003 SET character_set_results = cp1250 */ ;
/*!50003 SET collation_connection  = cp1250_general_ci */ ;
DELIMITER ;;
CREATE DEFINER=\"root\"@\"localhost\" PROCEDURE \"pocitaj\"(IN a INT, OUT b INT)
    READS SQL DATA
    SQL SECURITY INVOKER
    COMMENT 'pocet'
BEGIN
  -- it's \x9e
  SELECT COUNT(*) INTO b FROM ziaci WHERE id > a;
END
;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;
/*!50003 SET character_set_client  = @saved_cs_client */ ;
/*!50003 SET character_set_results = @saved_cs_results */ ;
/*!50003 SET collation_connection  = @saved_col_connection */ ;

--
-- Final view structure for view `druhy`
--

/*!50001 DROP VIEW IF EXISTS `druhy`*/;
/*!50001 SET @saved_cs_client          = @@character_set_client */;
/*!50001 SET @saved_cs_results         = @@character_set_results */;
/*!50001 SET @saved_col_connection     = @@collation_connection */;
/*!50001 SET character_set_client      = cp1250 */;
/*!50001 SET character_set_results     = cp1250 */;
/*!50001 SET collation_connection      = cp1250_general_ci */;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY INVOKER */
/*!50001 VIEW `druhy` AS select `z`.`id` AS `id` from `zoznam` `z` */;
/*!50001 SET character_set_client      = @saved_cs_client */;
/*!50001 SET character_set_results     = @saved_cs_results */;
/*!50001 SET collation_connection      = @saved_col_connection */;

--
-- Final view structure for view `zoznam`
--

/*!50001 DROP VIEW IF EXISTS `zoznam`*/;
/*!50001 SET @saved_cs_client          = @@character_set_client */;
/*!50001 SET @saved_cs_results         = @@character_set_results */;
/*!50001 SET @saved_col_connection     = @@collation_connection */;
/*!50001 SET character_set_client      = cp1250 */;
/*!50001 SET character_set_results     = cp1250 */;
/*!50001 SET collation_connection      = cp1250_general_ci */;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `zoznam` AS select `ziaci`.`id` AS `id`,`ziaci`.`meno` AS `meno` from `ziaci` where `ziaci`.`meno` <> '\x9e' */
/*!50002 WITH CASCADED CHECK OPTION */;
/*!50001 SET character_set_client      = @saved_cs_client */;
/*!50001 SET character_set_results     = @saved_cs_results */;
/*!50001 SET collation_connection      = @saved_col_connection */;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed
";

/// What mysqldump of MySQL 5.0 writes with `--routines`, in CP1250.
const OLD: &[u8] = b"-- MySQL dump 10.11
--
-- Host: localhost    Database: skola
-- ------------------------------------------------------
-- Server version\t5.0.51a-24+lenny5-log

/*!40101 SET NAMES cp1250 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
DROP TABLE IF EXISTS `ziaci`;
CREATE TABLE `ziaci` (
  `id` int(11) NOT NULL auto_increment,
  `meno` varchar(30) collate cp1250_czech_cs NOT NULL default '',
  PRIMARY KEY  (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=cp1250 COLLATE=cp1250_czech_cs;

/*!50003 SET @OLD_SQL_MODE=@@SQL_MODE*/;
DELIMITER ;;
/*!50003 SET SESSION SQL_MODE=\"\" */;;
/*!50003 CREATE */ /*!50017 DEFINER=`root`@`localhost` */ /*!50003 TRIGGER `zapis` AFTER INSERT ON `ziaci` FOR EACH ROW BEGIN
INSERT INTO `ziaci` VALUES (NULL,'\x9e;');
END */;;

DELIMITER ;
/*!50003 SET SESSION SQL_MODE=@OLD_SQL_MODE */;

--
-- Temporary table structure for view `zoznam`
--

DROP TABLE IF EXISTS `zoznam`;
/*!50001 DROP VIEW IF EXISTS `zoznam`*/;
/*!50001 CREATE TABLE `zoznam` (
  `id` int(11),
  `meno` varchar(30)
) */;

--
-- Dumping routines for database 'skola'
--
DELIMITER ;;
/*!50003 DROP PROCEDURE IF EXISTS `pocitaj` */;;
/*!50003 SET SESSION SQL_MODE=\"\"*/;;
/*!50003 CREATE*/ /*!50020 DEFINER=`root`@`localhost`*/ /*!50003 PROCEDURE `pocitaj`(OUT b INT)
BEGIN
  -- it's \x9e
  SELECT COUNT(*) INTO b FROM ziaci;
END */;;
/*!50003 SET SESSION SQL_MODE=@OLD_SQL_MODE*/;;
DELIMITER ;

--
-- Final view structure for view `zoznam`
--

/*!50001 DROP TABLE `zoznam`*/;
/*!50001 DROP VIEW IF EXISTS `zoznam`*/;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `zoznam` AS select `skola`.`ziaci`.`id` AS `id`,`skola`.`ziaci`.`meno` AS `meno` from `skola`.`ziaci` */;

-- Dump completed on 2009-07-01 10:00:00
";

/// What is done to the server, and what is found.
const DAMAGES: [(&[&str], &str); 11] = [
    (
        &["ALTER VIEW druhy AS SELECT id + 1 AS id FROM zoznam"],
        "view druhy\", aspect: \"body",
    ),
    (
        &["ALTER DEFINER = stary@localhost VIEW druhy AS SELECT z.id FROM zoznam z"],
        "view druhy\", aspect: \"definer",
    ),
    (&["DROP VIEW zoznam"], "view zoznam\", aspect: \"missing"),
    (
        &[
            "DROP TRIGGER zapis",
            "CREATE TRIGGER zapis BEFORE INSERT ON ziaci FOR EACH ROW INSERT INTO dennik VALUES ('2009-01-01', CONCAT('x', NEW.meno))",
        ],
        "trigger zapis\", aspect: \"timing",
    ),
    (
        &["DROP TRIGGER zapis"],
        "trigger zapis\", aspect: \"missing",
    ),
    (
        &[
            "SET sql_mode = 'ANSI'",
            "DROP FUNCTION dva",
            "CREATE FUNCTION dva(a INT) RETURNS int DETERMINISTIC RETURN a * 2",
        ],
        "function dva\", aspect: \"sql mode",
    ),
    (
        &["ALTER PROCEDURE pocitaj SQL SECURITY DEFINER"],
        "procedure pocitaj\", aspect: \"body",
    ),
    (
        &["DROP PROCEDURE pocitaj"],
        "procedure pocitaj\", aspect: \"missing",
    ),
    (
        &["SET NAMES latin2", "ALTER EVENT raz COMMENT 'x'"],
        "event raz\", aspect: \"character_set_client",
    ),
    (
        &["ALTER EVENT upratuj ON SCHEDULE EVERY '1:31' HOUR_MINUTE"],
        "event upratuj\", aspect: \"every",
    ),
    (
        &["ALTER EVENT upratuj ENABLE"],
        "event upratuj\", aspect: \"status",
    ),
];

/// Returns the dump of MySQL 5.0 with one damage each, and what is found.
fn damaged() -> [(Vec<u8>, &'static str); 10] {
    [
        (
            changed(OLD, b"AS `meno` from", b"AS `men` from"),
            "view zoznam\", aspect: \"body",
        ),
        (
            changed(OLD, b"SECURITY DEFINER", b"SECURITY INVOKER"),
            "view zoznam\", aspect: \"security",
        ),
        (
            changed(OLD, b" AFTER INSERT", b" BEFORE INSERT"),
            "trigger zapis\", aspect: \"timing",
        ),
        (
            changed(OLD, b" AFTER INSERT", b" AFTER UPDATE"),
            "trigger zapis\", aspect: \"event",
        ),
        (
            changed(OLD, b"'\x9e;'", b"'\x9e;;'"),
            "trigger zapis\", aspect: \"body",
        ),
        (
            changed(
                OLD,
                b"DEFINER=`root`@`localhost` */ /*!50003",
                b"DEFINER=`root`@`%` */ /*!50003",
            ),
            "root@%",
        ),
        (
            changed(OLD, b"SQL_MODE=\"\" */;;", b"SQL_MODE=\"ANSI\" */;;"),
            "trigger zapis\", aspect: \"sql mode",
        ),
        (
            changed(OLD, b"it's \x9e", b"it's \x8e"),
            "procedure pocitaj\", aspect: \"body",
        ),
        (
            without(
                OLD,
                b"/*!50003 CREATE*/ /*!50020",
                b"/*!50003 SET SESSION SQL_MODE=@OLD_SQL_MODE*/;;",
            ),
            "procedure pocitaj\", aspect: \"missing",
        ),
        (
            without(
                OLD,
                b"/*!50003 CREATE */",
                b"\nDELIMITER ;\n/*!50003 SET SESSION SQL_MODE=@OLD_SQL_MODE */",
            ),
            "the dump has no trigger",
        ),
    ]
}

/// Returns a text with one part changed, which must be there once.
fn changed(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<usize> = (0..text.len())
        .filter(|&place| text[place..].starts_with(from))
        .collect();
    assert_eq!(places.len(), 1, "{}", from.escape_ascii());
    [&text[..places[0]], to, &text[places[0] + from.len()..]].concat()
}

/// Returns a text without what stands from one mark up to another.
fn without(text: &[u8], from: &[u8], up_to: &[u8]) -> Vec<u8> {
    let find = |mark: &[u8]| {
        text.windows(mark.len())
            .position(|part| part == mark)
            .unwrap()
    };
    [&text[..find(from)], &text[find(up_to)..]].concat()
}

fn ids(cases: &[Case]) -> String {
    let ids: Vec<String> = cases.iter().map(|case| case.id.to_string()).collect();
    ids.join(" ")
}

#[tokio::test]
async fn privileged_what_a_dump_makes_beside_tables_is_compared_with_a_server() {
    let server = MariaDb::start(&[]);
    let env = TestEnv::new();
    let known = Source::Dump(env.write("dump.sql", WRITTEN));
    let live = Source::Live(server.address("skola"));
    server.databases(&["skola"]).await;
    server.restore("skola", WRITTEN);
    let cases = compare(&known, &live, &Silent).await;
    assert_eq!(told(&cases), "");
    let text = "database/tables database/dennik/schema database/dennik/rows database/ziaci/schema database/ziaci/rows \
        database/views database/triggers database/routines database/events";
    assert_eq!(
        (Verdict::of(&cases), ids(&cases).as_str()),
        (Verdict::Verified, text)
    );
    let folder = env.path().join("database");
    record(&server.address("skola"), &folder, &Silent)
        .await
        .unwrap();
    let recorded = Source::Recorded(folder);
    assert_eq!(told(&compare(&recorded, &known, &Silent).await), "");
    for (statements, expected) in DAMAGES {
        server.execute("mysql", &["DROP DATABASE skola"]).await;
        server.databases(&["skola"]).await;
        server.restore("skola", WRITTEN);
        server.execute("skola", statements).await;
        let text = told(&compare(&known, &live, &Silent).await);
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[tokio::test]
async fn privileged_a_dump_without_routines_does_not_say_that_there_are_none() {
    let server = MariaDb::start(&[]);
    let env = TestEnv::new();
    let silent = without(
        WRITTEN,
        b"--\n-- Dumping events",
        b"--\n-- Final view structure for view `druhy`",
    );
    let known = Source::Dump(env.write("dump.sql", &silent));
    let live = Source::Live(server.address("skola"));
    server.databases(&["skola"]).await;
    server.restore("skola", WRITTEN);
    for (first, second) in [(&known, &live), (&live, &known)] {
        let cases = compare(first, second, &Silent).await;
        let text = told(&cases);
        insta::allow_duplicates! {
            insta::assert_snapshot!(text, @"
            database/routines the dump has none: was it made without --routines? []
            database/events the dump has none: was it made without --events? []
            ");
        }
        assert_eq!(Verdict::of(&cases), Verdict::Inconclusive);
    }
    server
        .execute(
            "skola",
            &[
                "DROP PROCEDURE pocitaj",
                "DROP FUNCTION dva",
                "DROP EVENT raz",
                "DROP EVENT upratuj",
            ],
        )
        .await;
    let cases = compare(&known, &live, &Silent).await;
    assert_eq!(Verdict::of(&cases), Verdict::Verified, "{}", told(&cases));
    insta::assert_snapshot!(not_in_dumps(&cases).join("\n"), @"
    database: settings, logins and collations: a dump does not tell them
    database: routines: the dump has none: was it made without --routines?
    database: events: the dump has none: was it made without --events?
    ");
}

#[tokio::test]
async fn two_dumps_of_mysql_5_0_differ_in_what_they_make_beside_tables() {
    let env = TestEnv::new();
    let known = Source::Dump(env.write("known.sql", OLD));
    let found = Source::Dump(env.write("found.sql", OLD));
    let cases = compare(&known, &found, &Silent).await;
    assert_eq!(
        (told(&cases).as_str(), Verdict::of(&cases)),
        ("", Verdict::Verified)
    );
    assert!(
        ids(&cases).ends_with("database/views database/triggers database/routines database/events")
    );
    for (text, expected) in damaged() {
        env.write("found.sql", &text);
        let text = told(&compare(&known, &found, &Silent).await);
        assert!(text.contains(expected), "{expected}: {text}");
    }
    env.write(
        "found.sql",
        without(OLD, b"/*!50001 DROP TABLE `zoznam`", b"-- Dump completed"),
    );
    let text = told(&compare(&known, &found, &Silent).await);
    insta::assert_snapshot!(text, @"database/views the dump holds only the place of the view zoznam []");
}
