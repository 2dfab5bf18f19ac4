//! One connection that only reads: no conversion of bytes, no local socket behind our back, a limit on everything.
//!
//! Left alone, the driver asks a server for its socket's path and reconnects to that path *on this machine*, which
//! compares the wrong server; it also speaks UTF-8, which loses what the server can't convert. Both are turned off here.

use std::time::{Duration, Instant};

use mysql_async::{
    BinaryProtocol, Conn, OptsBuilder, QueryResult, TextProtocol, prelude::Queryable,
};
use tokio::time::timeout;

use super::{
    address::{DatabaseAddress, Target},
    cell::{Row, of_value},
    error::{DatabaseError, driver_error},
    large::ValueHash,
    manners::{Manners, Pace, pause},
};

/// How long a server may take to greet and to log in.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// How long a server may take to the first row: an old disk reads and sorts a big table in this time.
const QUERY_LIMIT: Duration = Duration::from_secs(900);

/// How long a server may take from one row to the next.
const ROW_LIMIT: Duration = Duration::from_secs(60);

/// The largest row that is read: memory stays bounded whatever the server sends.
const LARGEST_PACKET: usize = 64 << 20;

/// No list of a catalogue is longer than this.
const LONGEST_LIST: usize = 100_000;

/// Nor are all its bytes more than this.
const LARGEST_LIST: usize = 64 << 20;

/// What every session is told, in this order; a server that is too old for one of them does without.
const SESSION: [&str; 13] = [
    "SET NAMES binary",
    "SET SESSION character_set_results = NULL",
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION sql_mode = ''",
    "SET SESSION sql_quote_show_create = 1",
    "SET SESSION sql_select_limit = 18446744073709551615",
    "SET SESSION sql_big_selects = 1",
    "SET SESSION max_sort_length = 4096",
    "SET SESSION net_write_timeout = 600",
    // MySQL from 8.0 on tells of a day ago when a table changed last and what its counter is.
    "SET SESSION information_schema_stats_expiry = 0",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET SESSION TRANSACTION READ ONLY",
    SNAPSHOT,
];

/// Begins to read one moment.
pub(super) const SNAPSHOT: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT";

/// Those of [`SESSION`] without which bytes or times would be compared wrongly.
const NEEDED: [&str; 6] = [
    SESSION[0], SESSION[1], SESSION[2], SESSION[3], SESSION[5], SESSION[7],
];

/// A connection to one database.
#[derive(Debug)]
pub(super) struct Connection {
    /// There until it is dropped.
    conn: Option<Conn>,
    target: DatabaseAddress,
    /// The server, as messages name it.
    pub(super) address: String,
    /// Whether a time-out or an error left it in the middle of an answer.
    broken: bool,
    /// Whether a table is locked.
    pub(super) is_locked: bool,
    /// The load that was made.
    pub(super) pace: Pace,
    /// What the server hashes large values with; nothing as long as none had to be known.
    pub(super) value_hash: Option<ValueHash>,
}

impl Connection {
    /// Connects, logs in and prepares the session.
    pub(super) async fn open(address: &DatabaseAddress) -> Result<Self, DatabaseError> {
        let mut connection = Self {
            conn: Some(connect(address).await?),
            target: address.clone(),
            address: address.to_string(),
            broken: false,
            is_locked: false,
            pace: Pace::default(),
            value_hash: None,
        };
        connection.prepare().await?;
        Ok(connection)
    }

    /// Connects again if an answer broke off: what comes after it may well be answered.
    pub(super) async fn mend(&mut self) -> Result<(), DatabaseError> {
        if self.broken {
            self.abandon();
            self.conn = Some(connect(&self.target).await?);
            self.broken = false;
            self.is_locked = false;
            self.prepare().await?;
        }
        if self.is_locked {
            self.unlock().await?;
        }
        Ok(())
    }

    /// Returns the name of the database.
    pub(super) fn database(&self) -> &str {
        &self.target.name
    }

    /// Returns how the server is to be treated.
    pub(super) fn manners(&self) -> Manners {
        self.target.manners
    }

    /// Lets go of a connection in the middle of an answer. Dropped, the driver would read the answer to its end, which may never
    /// come; so its socket is left to the end of the program, and the server waits for somebody to read.
    fn abandon(&mut self) {
        if self.broken {
            std::mem::forget(self.conn.take());
        }
    }

    async fn prepare(&mut self) -> Result<(), DatabaseError> {
        for command in SESSION {
            match self.rows("the session", command).await {
                Ok(_none) => {}
                Err(error) if error.is_refusal() && !NEEDED.contains(&command) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads a short answer whole.
    pub(super) async fn rows(
        &mut self,
        what: &str,
        query: impl AsRef<[u8]>,
    ) -> Result<Vec<Row>, DatabaseError> {
        let mut stream = self.stream(what, query.as_ref(), Exactness::Text).await?;
        let mut rows = Vec::new();
        let mut size = 0;
        while let Some(row) = stream.next().await? {
            size += row.iter().flatten().map(Vec::len).sum::<usize>();
            if rows.len() == LONGEST_LIST || size > LARGEST_LIST {
                return Err(stream.nonsense("the list has no end"));
            }
            rows.push(row);
        }
        Ok(rows)
    }

    /// Returns how many warnings came with the last answer.
    pub(super) fn warnings(&self) -> u16 {
        self.conn.as_ref().map_or(0, Conn::get_warnings)
    }

    /// Reads a short answer whole; `None` if this server does not know the question or does not allow it.
    pub(super) async fn rows_if_known(
        &mut self,
        what: &str,
        query: impl AsRef<[u8]>,
    ) -> Result<Option<Vec<Row>>, DatabaseError> {
        unless(self.rows(what, query).await, DatabaseError::is_unknown)
    }

    /// Reads a short answer whole; `None` if the server refuses, for whatever reason.
    pub(super) async fn rows_if_answered(
        &mut self,
        what: &str,
        query: impl AsRef<[u8]>,
    ) -> Result<Option<Vec<Row>>, DatabaseError> {
        unless(self.rows(what, query).await, DatabaseError::is_refusal)
    }

    /// Reads a short answer whole; `None` if the login may not read it.
    pub(super) async fn rows_if_allowed(
        &mut self,
        what: &str,
        query: impl AsRef<[u8]>,
    ) -> Result<Option<Vec<Row>>, DatabaseError> {
        unless(self.rows(what, query).await, DatabaseError::is_denial)
    }

    /// Asks for rows and reads them one by one, when the server has rested and is not busy.
    pub(super) async fn stream(
        &mut self,
        what: &str,
        query: &[u8],
        exactness: Exactness,
    ) -> Result<RowStream<'_>, DatabaseError> {
        if !self.broken {
            pause(self, self.target.manners).await?;
        }
        self.ask(what, query, exactness).await
    }

    /// Asks for rows at once.
    pub(super) async fn ask(
        &mut self,
        what: &str,
        query: &[u8],
        exactness: Exactness,
    ) -> Result<RowStream<'_>, DatabaseError> {
        if self.broken {
            return Err(DatabaseError::Broken {
                what: what.to_owned(),
                address: self.address.clone(),
            });
        }
        let limit = self.target.timeout;
        let Self {
            conn,
            address,
            broken,
            pace,
            ..
        } = self;
        let conn = conn.as_mut().ok_or_else(|| DatabaseError::Broken {
            what: what.to_owned(),
            address: address.clone(),
        })?;
        *broken = true;
        let query = query.to_vec();
        let asked = async {
            match exactness {
                Exactness::Text => conn.query_iter(query).await.map(Answer::Text),
                Exactness::Binary => {
                    let statement = conn.prep(query).await?;
                    conn.exec_iter(statement, ()).await.map(Answer::Binary)
                }
            }
        };
        let first = limit.unwrap_or(QUERY_LIMIT);
        let began = Instant::now();
        let answered = timeout(first, asked).await;
        pace.worked += began.elapsed();
        match answered {
            Err(_elapsed) => Err(DatabaseError::TimedOut {
                address: address.clone(),
                limit: first,
            }),
            Ok(Err(error)) => {
                *broken = error.is_fatal();
                Err(DatabaseError::Query {
                    what: what.to_owned(),
                    address: address.clone(),
                    source: driver_error(error),
                })
            }
            Ok(Ok(answer)) => Ok(RowStream {
                answer,
                what: what.to_owned(),
                address,
                broken,
                pace,
                limit: limit.unwrap_or(ROW_LIMIT),
            }),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Takes an expected error for no answer.
fn unless(
    answer: Result<Vec<Row>, DatabaseError>,
    expected: impl Fn(&DatabaseError) -> bool,
) -> Result<Option<Vec<Row>>, DatabaseError> {
    match answer {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if expected(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Connects and logs in.
async fn connect(address: &DatabaseAddress) -> Result<Conn, DatabaseError> {
    let shown = address.to_string();
    let limit = address.timeout.unwrap_or(CONNECT_LIMIT);
    match timeout(limit, Conn::new(options(address)?)).await {
        Err(_elapsed) => Err(DatabaseError::TimedOut {
            address: shown,
            limit,
        }),
        Ok(Err(error)) => Err(DatabaseError::Connect {
            address: shown,
            source: driver_error(error),
        }),
        Ok(Ok(conn)) => Ok(conn),
    }
}

/// Which protocol carries the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exactness {
    /// As text: every type but FLOAT and DOUBLE is exact.
    Text,
    /// In binary, which carries FLOAT and DOUBLE to the last bit.
    Binary,
}

/// An answer that is being read.
#[derive(Debug)]
enum Answer<'a> {
    Text(QueryResult<'a, 'static, TextProtocol>),
    Binary(QueryResult<'a, 'static, BinaryProtocol>),
}

/// Rows that come one by one.
#[derive(Debug)]
pub(super) struct RowStream<'a> {
    answer: Answer<'a>,
    what: String,
    address: &'a str,
    broken: &'a mut bool,
    pace: &'a mut Pace,
    limit: Duration,
}

impl RowStream<'_> {
    /// Returns the next row, `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Row>, DatabaseError> {
        let next = async {
            match &mut self.answer {
                Answer::Text(result) => result.next().await,
                Answer::Binary(result) => result.next().await,
            }
        };
        let began = Instant::now();
        let next = timeout(self.limit, next).await;
        self.pace.worked += began.elapsed();
        match next {
            Err(_elapsed) => Err(DatabaseError::TimedOut {
                address: self.address.to_owned(),
                limit: self.limit,
            }),
            Ok(Err(error)) => {
                *self.broken = error.is_fatal();
                Err(DatabaseError::Query {
                    what: self.what.clone(),
                    address: self.address.to_owned(),
                    source: driver_error(error),
                })
            }
            Ok(Ok(None)) => {
                *self.broken = false;
                Ok(None)
            }
            Ok(Ok(Some(row))) => Ok(Some(row.unwrap().into_iter().map(of_value).collect())),
        }
    }

    /// Makes the error for an answer that no server should give.
    pub(super) fn nonsense(&self, reason: &'static str) -> DatabaseError {
        DatabaseError::Answer {
            what: self.what.clone(),
            address: self.address.to_owned(),
            reason,
        }
    }
}

/// Returns the driver's options for an address.
fn options(address: &DatabaseAddress) -> Result<OptsBuilder, DatabaseError> {
    let options = OptsBuilder::default()
        .user(Some(&address.user))
        .pass(address.password.as_ref().map(|password| &password.0))
        .db_name(Some(&address.name))
        .prefer_socket(false)
        .secure_auth(false)
        .stmt_cache_size(0)
        .max_allowed_packet(Some(LARGEST_PACKET))
        .wait_timeout(Some(28_800));
    Ok(match &address.target {
        Target::Tcp { host, port } => options.ip_or_hostname(host).tcp_port(*port),
        Target::Socket(path) => {
            let path = path.to_str().ok_or(DatabaseError::Address {
                reason: "its socket's path is not UTF-8",
            })?;
            options.socket(Some(path))
        }
    })
}
