//! What the guest wrote to its console and to syslog, in order, with the time since boot.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::UnixDatagram,
};

use super::priority::keywords;

/// A guest that writes more has gone mad; the oldest records go first, and the report says so.
const MOST_RECORDS: usize = 20_000;

/// A longer line of the console is cut in pieces.
const LONGEST_LINE: usize = 4096;

/// A longer message of syslog is cut.
const LONGEST_RECORD: usize = 8192;

/// When nothing came for so long, the last message has arrived.
const QUIET: Duration = Duration::from_millis(100);

/// Where a record comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The console.
    Console,
    /// /dev/log.
    Syslog,
}

/// How bad a syslog message is (RFC 3164, section 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Emergency, alert, critical or error: 0 to 3.
    Error,
    /// 4.
    Warning,
    /// Notice, informational or debug: 5 to 7.
    Notice,
}

/// One line of the console, or one message of syslog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When, since boot.
    pub at: Duration,
    /// Where it comes from.
    pub source: Source,
    /// The priority that stood before a syslog message: facility times eight plus severity.
    pub priority: Option<u8>,
    /// The bytes, without priority and line end.
    pub bytes: Vec<u8>,
}

impl Record {
    /// Returns the severity of a syslog message. What MySQL calls it itself counts more: `mysqld_safe` sends all that its server
    /// writes as errors.
    pub fn severity(&self) -> Option<Severity> {
        let priority = self.priority?;
        let says = |word: &[u8]| self.bytes.windows(word.len()).any(|part| part == word);
        if says(b"[Note]") {
            return Some(Severity::Notice);
        }
        if says(b"[Warning]") {
            return Some(Severity::Warning);
        }
        Some(match priority % 8 {
            0..=3 => Severity::Error,
            4 => Severity::Warning,
            _ => Severity::Notice,
        })
    }

    /// Returns the keywords of a syslog message's facility and severity, as [`Record::severity`] takes it.
    pub fn keywords(&self) -> Option<(&'static str, &'static str)> {
        let (facility, severity) = keywords(self.priority?);
        Some(match self.severity()? {
            Severity::Warning => (facility, "warning"),
            Severity::Notice if self.priority? % 8 < 5 => (facility, "notice"),
            Severity::Error | Severity::Notice => (facility, severity),
        })
    }

    /// Returns the bytes as text: UTF-8 as it is, everything else and control characters escaped.
    pub fn text(&self) -> String {
        Self::escaped(&self.bytes)
    }

    /// Returns bytes as the text of a record would be.
    pub fn escaped(bytes: &[u8]) -> String {
        let escape = |text: &str| -> String {
            text.chars()
                .flat_map(|c| {
                    if c.is_control() {
                        c.escape_default().collect()
                    } else {
                        vec![c]
                    }
                })
                .collect()
        };
        bytes.utf8_chunks().fold(String::new(), |text, chunk| {
            text + &escape(chunk.valid()) + &chunk.invalid().escape_ascii().to_string()
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Console => "console",
            Source::Syslog => "syslog",
        };
        write!(
            formatter,
            "{:8.3} {source} {}",
            self.at.as_secs_f64(),
            self.text()
        )
    }
}

/// All records of a boot; filled while it runs.
#[derive(Clone, Debug)]
pub struct Journal {
    started: Instant,
    records: Arc<Mutex<VecDeque<Record>>>,
    dropped: Arc<AtomicU64>,
}

impl Journal {
    /// Starts a journal now.
    pub(super) fn start() -> Self {
        Self {
            started: Instant::now(),
            records: Arc::default(),
            dropped: Arc::default(),
        }
    }

    /// Returns what stands in it now.
    pub fn records(&self) -> Vec<Record> {
        self.records
            .lock()
            .expect("no code panics while it holds the journal")
            .iter()
            .cloned()
            .collect()
    }

    /// Returns how many of the oldest records had to go.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Returns the time since boot.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns the moment from which its times count.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Waits until nothing more arrives, up to a limit.
    pub(super) async fn settle(&self, limit: Duration) {
        let count = || {
            let records = self.records.lock();
            let records = records.expect("no code panics while it holds the journal");
            records.len() as u64 + self.dropped()
        };
        let deadline = Instant::now() + limit;
        let mut before = None;
        while before != Some(count()) && Instant::now() < deadline {
            before = Some(count());
            tokio::time::sleep(QUIET).await;
        }
    }

    /// Returns the console's last lines, for an error message.
    pub fn console_tail(&self, lines: usize) -> String {
        let records = self.records();
        let console: Vec<String> = records
            .iter()
            .filter(|record| record.source == Source::Console)
            .map(Record::text)
            .collect();
        console[console.len().saturating_sub(lines)..].join("\n")
    }

    fn add(&self, source: Source, priority: Option<u8>, bytes: &[u8]) {
        let mut records = self
            .records
            .lock()
            .expect("no code panics while it holds the journal");
        if records.len() == MOST_RECORDS {
            records.pop_front();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        let bytes = &bytes[..bytes.len().min(LONGEST_RECORD)];
        records.push_back(Record {
            at: self.started.elapsed(),
            source,
            priority,
            bytes: bytes.to_owned(),
        });
    }

    /// Keeps the lines of the console until it closes.
    pub(super) async fn keep_console(self, mut stream: impl AsyncRead + Unpin) {
        let mut line = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            for &byte in &buffer[..read] {
                if byte == b'\n' || line.len() == LONGEST_LINE {
                    self.console_line(&line);
                    line.clear();
                }
                if byte != b'\n' {
                    line.push(byte);
                }
            }
        }
        self.console_line(&line);
    }

    fn console_line(&self, line: &[u8]) {
        let line = line.trim_ascii();
        if !line.is_empty() {
            self.add(Source::Console, None, line);
        }
    }

    /// Keeps the messages of syslog for as long as the task lives.
    pub(super) async fn keep_syslog(self, socket: UnixDatagram) {
        let mut buffer = vec![0; 65_536];
        while let Ok(read) = socket.recv(&mut buffer).await {
            let (priority, rest) = split_priority(&buffer[..read]);
            self.add(Source::Syslog, priority, rest.trim_ascii_end());
        }
    }
}

/// Splits `<30>message` (RFC 3164, section 4.1.1).
fn split_priority(message: &[u8]) -> (Option<u8>, &[u8]) {
    let parsed = || {
        let rest = message.strip_prefix(b"<")?;
        let end = rest.iter().take(4).position(|&byte| byte == b'>')?;
        let priority: u8 = str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
        (priority < 192).then_some((priority, &rest[end + 1..]))
    };
    parsed().map_or((None, message), |(priority, rest)| (Some(priority), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_priority_of_a_message_is_split_off_only_where_it_is_one() {
        assert_eq!(
            split_priority(b"<30>init: x"),
            (Some(30), b"init: x".as_slice())
        );
        for odd in [b"<>x".as_slice(), b"<999>x", b"no", b"<12345>x", b""] {
            assert_eq!(split_priority(odd), (None, odd));
        }
    }

    #[test]
    fn cp1250_text_and_control_characters_are_escaped_not_lost() {
        let record = Record {
            at: Duration::ZERO,
            source: Source::Syslog,
            priority: Some(27),
            bytes: b"\x1b[31m u\xe8ite\xbe".to_vec(),
        };
        assert_eq!(record.text(), "\\u{1b}[31m u\\xe8ite\\xbe");
        assert_eq!(record.severity(), Some(Severity::Error));
    }

    #[test]
    fn mysql_knows_its_severity_better_than_who_sends_it() {
        let severity = |bytes: &[u8], priority| {
            let (at, source, bytes) = (Duration::ZERO, Source::Syslog, bytes.to_owned());
            let record = Record {
                at,
                source,
                priority,
                bytes,
            };
            record.severity()
        };
        let (error, info) = (Some(27), Some(30));
        assert_eq!(
            severity(b"mysqld: 0 [Note] ready", error),
            Some(Severity::Notice)
        );
        assert_eq!(
            severity(b"mysqld: 0 [Warning] slow", error),
            Some(Severity::Warning)
        );
        assert_eq!(
            severity(b"mysqld: 0 [ERROR] full", error),
            Some(Severity::Error)
        );
        assert_eq!(severity(b"cron: ran", info), Some(Severity::Notice));
        assert_eq!(severity(b"cron: ran", None), None);
    }
}
