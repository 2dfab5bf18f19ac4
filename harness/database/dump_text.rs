//! The statements of a dump, and the values of its INSERTs.
//!
//! ```text
//! -- MySQL dump 10.11
//! /*!40101 SET NAMES cp1250 */;
//! CREATE TABLE `ziaci` ( … );
//! INSERT INTO `ziaci` VALUES (1,'Novák',NULL,0x00FF,b'101'),(2,…);
//! -- Dump completed on 2009-07-01 10:00:00
//! ```

use std::{
    collections::BTreeSet,
    io::{self, BufRead},
};

use super::dump_scan::Inside;

/// No statement is longer: mysqldump ends one after a megabyte, or after one row.
const LONGEST: usize = 256 << 20;

/// What stands in a dump between two semicolons, and on which line it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// The line, from 1.
    pub(super) line: usize,
    /// The bytes, without the semicolon.
    pub(super) text: Vec<u8>,
}

/// What is wrong with a dump's text.
#[derive(Debug)]
pub(super) enum TextError {
    /// It can't be read.
    Io(io::Error),
    /// It is not what mysqldump writes: the line, from 1, and why.
    Wrong(usize, &'static str),
}

/// One thing that mysqldump says in a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Remark {
    /// Who it is, at the start.
    Begun,
    /// That it is done, at the end.
    Completed,
    /// That it was told `--routines`.
    Routines,
    /// That it was told `--events`.
    Events,
}

/// How the comments of [`Remark`] begin.
const REMARKS: [(&[u8], Remark); 5] = [
    (b"-- MySQL dump", Remark::Begun),
    (b"-- MariaDB dump", Remark::Begun),
    (b"-- Dump completed", Remark::Completed),
    (b"-- Dumping routines for database", Remark::Routines),
    (b"-- Dumping events for database", Remark::Events),
];

/// What mysqldump says in comments between statements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Remarks {
    /// What was said.
    pub(super) said: BTreeSet<Remark>,
    /// The database.
    pub(super) database: Option<Vec<u8>>,
    /// The server's version, its first two numbers.
    pub(super) version: Option<(u32, u32)>,
}

impl Remarks {
    fn take(&mut self, line: &[u8]) {
        for (start, remark) in REMARKS {
            if line.starts_with(start) {
                self.said.insert(remark);
            }
        }
        if let Some(host) = line.strip_prefix(b"-- Host: ") {
            let mark = b"    Database: ";
            let place = host.windows(mark.len()).position(|part| part == mark);
            self.database = place.map(|place| host[place + mark.len()..].trim_ascii().to_vec());
        }
        if let Some(version) = line.strip_prefix(b"-- Server version") {
            let version = str::from_utf8(version).unwrap_or_default().trim();
            let mut numbers = version.split('.').map(str::parse);
            if let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) {
                self.version = Some((major, minor));
            }
        }
    }
}

/// Reads a dump statement by statement.
#[derive(Debug)]
pub(super) struct Statements<R> {
    reader: R,
    line: usize,
    /// What ends a statement: bodies with semicolons stand between `DELIMITER ;;` and `DELIMITER ;`.
    delimiter: Vec<u8>,
    /// What was said so far.
    pub(super) remarks: Remarks,
}

impl<R: BufRead> Statements<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            line: 0,
            delimiter: b";".to_vec(),
            remarks: Remarks::default(),
        }
    }

    /// Returns the next statement, `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Statement>, TextError> {
        let mut statement = Statement {
            line: 0,
            text: Vec::new(),
        };
        let mut inside = Inside::Code;
        loop {
            let start = statement.text.len();
            let length = self
                .reader
                .read_until(b'\n', &mut statement.text)
                .map_err(TextError::Io)?;
            if length == 0 {
                return if statement.text.iter().all(u8::is_ascii_whitespace) {
                    Ok(None)
                } else {
                    Err(TextError::Wrong(
                        statement.line,
                        "the dump ends in the middle of this statement",
                    ))
                };
            }
            self.line += 1;
            if statement.text.len() > LONGEST {
                return Err(TextError::Wrong(
                    statement.line.max(1),
                    "the statement has no end",
                ));
            }
            if start == 0 {
                if self.is_no_statement(&statement.text) {
                    statement.text.clear();
                    continue;
                }
                statement.line = self.line;
            }
            let comments = self.delimiter != b";";
            let (mut at, mut commented) = (start, false);
            while at < statement.text.len() {
                let (next, length) = inside.advance(&statement.text, at, comments);
                commented |= inside == Inside::Line;
                (inside, at) = (next, at + length);
            }
            let end = statement.text.trim_ascii_end().len();
            if inside == Inside::Code
                && !commented
                && statement.text[..end].ends_with(&self.delimiter)
            {
                statement.text.truncate(end - self.delimiter.len());
                return Ok(Some(statement));
            }
        }
    }

    /// Takes a line between statements that is none.
    fn is_no_statement(&mut self, line: &[u8]) -> bool {
        let line = line.trim_ascii();
        if let Some(delimiter) = line.strip_prefix(b"DELIMITER ") {
            self.delimiter = delimiter.trim_ascii().to_vec();
            return true;
        }
        self.remarks.take(line);
        // MariaDB's client reads the last as a command.
        line.is_empty()
            || [b"--".as_slice(), b"#", b"/*M!999999\\-"]
                .iter()
                .any(|start| line.starts_with(start))
    }
}

/// One value as it stands in an INSERT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    /// NULL.
    Null,
    /// A number.
    Bare(Vec<u8>),
    /// Text in quotes, its escapes undone; in the dump's charset.
    Text(Vec<u8>),
    /// Bytes: `0xFF`, `_binary 'x'`.
    Bytes(Vec<u8>),
    /// `b'101'`.
    Bits(Vec<u8>),
}

/// Reads the rows of `(1,'a'),(2,'b')`; the rows are given to `take` one by one.
pub(super) fn rows<E>(
    mut text: &[u8],
    wrong: impl Fn(&'static str) -> E,
    mut take: impl FnMut(Vec<Literal>) -> Result<(), E>,
) -> Result<(), E> {
    loop {
        text = text.trim_ascii_start();
        let Some(inside) = text.strip_prefix(b"(") else {
            return Err(wrong("a row does not begin with a parenthesis"));
        };
        let mut row = Vec::new();
        text = inside;
        loop {
            let (literal, rest) =
                literal(text.trim_ascii_start()).ok_or_else(|| wrong("a value can't be read"))?;
            row.push(literal);
            text = rest.trim_ascii_start();
            if let Some(rest) = text.strip_prefix(b",") {
                text = rest;
            } else if let Some(rest) = text.strip_prefix(b")") {
                text = rest.trim_ascii_start();
                break;
            } else {
                return Err(wrong("a value is not followed by a comma"));
            }
        }
        take(row)?;
        match text.strip_prefix(b",") {
            Some(rest) => text = rest,
            None if text.is_empty() => return Ok(()),
            None => return Err(wrong("a row is not followed by a comma")),
        }
    }
}

fn literal(text: &[u8]) -> Option<(Literal, &[u8])> {
    if text.first() == Some(&b'\'') {
        let (value, rest) = quoted(text)?;
        return Some((Literal::Text(value), rest));
    }
    let end = text.iter().position(|byte| b",) '".contains(byte))?;
    let (word, rest) = text.split_at(end);
    if word.starts_with(b"_") || word.eq_ignore_ascii_case(b"x") {
        let (value, rest) = quoted(rest.trim_ascii_start())?;
        let value = if word.starts_with(b"_") {
            value
        } else {
            unhex(&value)?
        };
        return Some((Literal::Bytes(value), rest));
    }
    if word.eq_ignore_ascii_case(b"b") {
        let (value, rest) = quoted(rest)?;
        return Some((Literal::Bits(value), rest));
    }
    if word.eq_ignore_ascii_case(b"NULL") {
        return Some((Literal::Null, rest));
    }
    if let Some(digits) = word.strip_prefix(b"0x") {
        return Some((Literal::Bytes(unhex(digits)?), rest));
    }
    let is_number = !word.is_empty()
        && word
            .iter()
            .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte));
    is_number.then(|| (Literal::Bare(word.to_vec()), rest))
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

/// Reads a text in quotes as MySQL does.
pub(super) fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let text = text.strip_prefix(b"'")?;
    let mut value = Vec::new();
    let mut index = 0;
    loop {
        match (*text.get(index)?, text.get(index + 1)) {
            (b'\'', Some(b'\'')) => {
                value.push(b'\'');
                index += 2;
            }
            (b'\'', _) => return Some((value, &text[index + 1..])),
            (b'\\', Some(&escaped)) => {
                value.push(match escaped {
                    b'0' => 0,
                    b'b' => 8,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'Z' => 26,
                    other => other,
                });
                index += 2;
            }
            (byte, _) => {
                value.push(byte);
                index += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(text: &[u8]) -> Result<Vec<String>, (usize, &'static str)> {
        let mut statements = Statements::new(text);
        let mut found = Vec::new();
        loop {
            match statements.next() {
                Ok(Some(statement)) => found.push(format!(
                    "{} {}",
                    statement.line,
                    statement.text.escape_ascii()
                )),
                Ok(None) => return Ok(found),
                Err(TextError::Wrong(line, reason)) => return Err((line, reason)),
                Err(TextError::Io(error)) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn statements_end_at_semicolons_outside_of_quotes() {
        let dump = b"-- MySQL dump 10.11\n\n/*!40101 SET NAMES cp1250 */;\nINSERT INTO `a;\n` VALUES ('x;\n\\';\n');\n-- Dump completed\n";
        assert_eq!(
            statements(dump).unwrap(),
            [
                "3 /*!40101 SET NAMES cp1250 */",
                "4 INSERT INTO `a;\\n` VALUES (\\'x;\\n\\\\\\';\\n\\')"
            ]
        );
        assert_eq!(
            statements(b"SELECT 1;\nINSERT INTO a VALUES ('x"),
            Err((2, "the dump ends in the middle of this statement"))
        );
    }

    #[test]
    fn bodies_end_at_their_own_delimiter() {
        let dump = b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n-- Host: localhost    Database: skola\n\
            -- Server version\t5.0.51a-24\nDELIMITER ;;\n/*!50003 TRIGGER a BEGIN -- don't;;\n/* \" */\nINSERT INTO `b` VALUES (1);\nEND */;;\n\
            DELIMITER ;\nSELECT 1;\n";
        assert_eq!(
            statements(dump).unwrap(),
            [
                "6 /*!50003 TRIGGER a BEGIN -- don\\'t;;\\n/* \\\" */\\nINSERT INTO `b` VALUES (1);\\nEND */",
                "11 SELECT 1"
            ]
        );
        let mut read = Statements::new(dump.as_slice());
        while read.next().unwrap().is_some() {}
        let remarks = Remarks {
            said: [Remark::Begun].into(),
            database: Some(b"skola".to_vec()),
            version: Some((5, 0)),
        };
        assert_eq!(read.remarks, remarks);
    }

    #[test]
    fn values_are_read_as_mysql_reads_them() {
        let mut found = Vec::new();
        rows(
            b"(1,-2.5e+3,NULL,'a\\'b''c\\0\\n\\Z\\%',0x00fF,_binary 'x',b'101',''),(2)",
            |reason| reason,
            |row| {
                found.push(row);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(
            found,
            [
                vec![
                    Literal::Bare(b"1".to_vec()),
                    Literal::Bare(b"-2.5e+3".to_vec()),
                    Literal::Null,
                    Literal::Text(b"a'b'c\0\n\x1a%".to_vec()),
                    Literal::Bytes(vec![0, 255]),
                    Literal::Bytes(b"x".to_vec()),
                    Literal::Bits(b"101".to_vec()),
                    Literal::Text(Vec::new()),
                ],
                vec![Literal::Bare(b"2".to_vec())],
            ]
        );
        for wrong in [
            b"".as_slice(),
            b"(1",
            b"(1)(2)",
            b"(1,)",
            b"(now())",
            b"('a)",
            b"(0x0)",
            b"1",
        ] {
            assert!(
                rows(wrong, |reason| reason, |_| Ok(())).is_err(),
                "{}",
                wrong.escape_ascii()
            );
        }
    }
}
