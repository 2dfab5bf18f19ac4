//! The front matter of a snapshot file, read line by line in the one way in which [`super::format`] writes it.
//!
//! Any YAML reader reads it, but this program reads thousands, and a file that is written in another way was written by
//! somebody else.

use serde::{Deserialize, Serialize};

use super::{
    hole::HoleKind,
    model::{Coded, Differs},
};

/// The front matter: what insta calls `description`, `info`, `extension` and `snapshot_kind`.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) description: String,
    pub(super) request: String,
    pub(super) sent: Vec<String>,
    pub(super) asked: String,
    pub(super) pending: bool,
    pub(super) accepted: Option<String>,
    pub(super) differs: Option<Differs>,
    pub(super) status: String,
    pub(super) headers: Vec<String>,
    pub(super) framing: String,
    pub(super) coded: Option<Coded>,
    pub(super) anomalies: Vec<String>,
    pub(super) charset: Option<String>,
    pub(super) charset_from: Option<String>,
    /// The charset in which the page is read instead.
    pub(super) read_as: Option<String>,
    /// How many bytes of the page are stray.
    pub(super) stray: Option<usize>,
    pub(super) zone: String,
    pub(super) body: String,
    pub(super) file: String,
    pub(super) holes: Vec<HoleRecord>,
    /// The extension of the bytes beside a binary one.
    pub(super) extension: Option<String>,
}

/// A hole with its place.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HoleRecord {
    pub(super) name: String,
    pub(super) place: String,
    pub(super) at: usize,
    #[serde(flatten)]
    pub(super) kind: HoleKind,
}

/// Reads a front matter without the lines around it; `version` is the line that must be there.
pub(super) fn read(yaml: &str, version: &str) -> Result<Front, String> {
    let mut lines = Lines::of(yaml);
    let description = lines.value("description: ")?;
    lines.exactly("info:")?;
    lines.exactly(version)?;
    let front = Front {
        description,
        request: lines.value("  request: ")?,
        sent: lines.list("  sent:")?,
        asked: lines.value("  asked: ")?,
        pending: lines.is("  pending: true"),
        accepted: lines.optional("  accepted: ")?,
        differs: lines.optional("  differs: ")?,
        status: lines.value("  status: ")?,
        headers: if lines.is("  headers: []") {
            Vec::new()
        } else {
            lines.list("  headers:")?
        },
        framing: lines.value("  framing: ")?,
        coded: lines.optional("  coded: ")?,
        anomalies: lines.list("  anomalies:")?,
        charset: lines.optional("  charset: ")?,
        charset_from: lines.optional("  charset_from: ")?,
        read_as: lines.optional("  read_as: ")?,
        stray: lines.optional("  stray: ")?,
        zone: lines.value("  zone: ")?,
        body: lines.value("  body: ")?,
        file: lines.value("  file: ")?,
        holes: lines.list("  holes:")?,
        extension: lines.optional("extension: ")?,
    };
    if front.extension.is_some() {
        lines.exactly("snapshot_kind: binary")?;
    }
    match lines.current {
        None => Ok(front),
        Some(_) => Err(lines.unknown()),
    }
}

/// Lines that are taken one by one.
struct Lines<'a> {
    /// The line that is next.
    current: Option<&'a str>,
    rest: std::str::Split<'a, char>,
    /// Its number in the file, whose first line is before the front matter.
    number: usize,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let mut rest = text.split('\n');
        Self {
            current: rest.next(),
            rest,
            number: 2,
        }
    }

    fn advance(&mut self) {
        self.current = self.rest.next();
        self.number += 1;
    }

    /// Takes the next line where it is this one.
    fn is(&mut self, line: &str) -> bool {
        let is = self.current == Some(line);
        if is {
            self.advance();
        }
        is
    }

    fn exactly(&mut self, line: &str) -> Result<(), String> {
        if self.is(line) {
            Ok(())
        } else {
            Err(self.unknown())
        }
    }

    fn optional<T: Deserialize<'a>>(&mut self, key: &str) -> Result<Option<T>, String> {
        let Some(value) = self.current.and_then(|line| line.strip_prefix(key)) else {
            return Ok(None);
        };
        let value = serde_json::from_str(value).map_err(|_| self.unknown())?;
        self.advance();
        Ok(Some(value))
    }

    fn value<T: Deserialize<'a>>(&mut self, key: &str) -> Result<T, String> {
        self.optional(key)?.ok_or_else(|| self.unknown())
    }

    /// Takes a list with its name; none where the name is missing.
    fn list<T: Deserialize<'a>>(&mut self, name: &str) -> Result<Vec<T>, String> {
        let mut values = Vec::new();
        if self.is(name) {
            while let Some(value) = self.optional("    - ")? {
                values.push(value);
            }
        }
        Ok(values)
    }

    fn unknown(&self) -> String {
        format!(
            "line {} is not as `record` writes it; `record` it again",
            self.number
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRONT: &str = r#"description: "a"
info:
  version: 2
  request: "GET /"
  asked: "sha256:0"
  status: "HTTP/1.1 200 OK"
  headers:
    - "Date: {{time-1}}"
  framing: "close"
  charset: "utf-8"
  charset_from: "meta"
  zone: "UTC"
  body: "sha256:1"
  file: "sha256:2"
  holes:
    - {"name":"n","place":"body","at":27,"kind":"number","most":3}
extension: "png"
snapshot_kind: binary"#;

    #[test]
    fn a_front_matter_is_read_in_the_one_way_in_which_it_is_written() {
        let read = |text: &str| read(text, "  version: 2");
        let front = read(FRONT).unwrap();
        assert_eq!(front.headers, ["Date: {{time-1}}"]);
        assert_eq!((front.holes.len(), front.holes[0].at), (1, 27));
        assert_eq!(front.extension.as_deref(), Some("png"));
        for (from, to, line) in [
            ("description: \"a\"", "description: a", 2),
            ("info:", "info: ", 3),
            ("version: 2", "version: 3", 4),
            ("  request: \"GET /\"\n", "", 5),
            ("\"HTTP/1.1 200 OK\"", "\"HTTP/1.1 200 OK", 7),
            ("  framing:", "  server: \"x\"\n  framing:", 10),
            ("    - \"Date", "   - \"Date", 9),
            ("\"most\":3", "\"most\":-3", 17),
            ("\nsnapshot_kind: binary", "", 19),
            ("binary", "binary\n", 20),
        ] {
            let refused = read(&FRONT.replacen(from, to, 1)).unwrap_err();
            assert!(
                refused.starts_with(&format!("line {line} ")),
                "{to}: {refused}"
            );
        }
    }
}
