//! A MySQL 4.1 or 5.0 of the tests: the handshake of that time byte by byte, a login with a password of before 4.1, and a
//! database of one table. It hears every byte that a client sends, and answers as a test wants it to.
//!
//! ```text
//! greeting   0a "5.0.51a\0" id(4) scramble(8) 00 capabilities(2) charset(1) status(2) 00*13 scramble(12) 00
//! login      capabilities(4) packet(4) charset(1) 00*23 "user\0" length(1) proof "database\0"
//! switch     fe                              the old password is asked for, there is no name of a plugin
//! proof      eight bytes and 00
//! ```

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// One value of a row.
pub(crate) type Value = Option<Vec<u8>>;

/// What the server does with a query.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It has done it.
    Done,
    /// It refuses.
    Refused(u16, &'static str),
    /// Rows of so many columns.
    Rows(usize, Vec<Vec<Value>>),
    /// One row again and again, until the client has enough.
    Endless(Vec<Value>),
    /// The start of rows, and then the end of the connection.
    Dropped(usize),
    /// Nothing at all.
    Silence,
}

/// Answers of a test, asked before the server's own.
pub(crate) type Script = fn(&str) -> Option<Reply>;

/// The server: its version, its name, its login.
#[derive(Debug)]
pub(crate) struct OldMySql {
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl OldMySql {
    /// Starts a server whose login is `citatel` with the password `mypass`, kept as `6f8c114b58f2ce9e`.
    pub(crate) fn start(version: &'static str, host: &'static str, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = heard.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = log.clone();
                thread::spawn(move || {
                    let _ended = serve(stream, version, host, script, &log);
                });
            }
        });
        Self { port, heard }
    }

    /// Returns the queries it has heard.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// Returns its address with a password.
    pub(crate) fn url(&self, password: &str) -> String {
        format!("mysql://citatel:{password}@127.0.0.1:{}/skola", self.port)
    }
}

const SCRAMBLE: &[u8; 20] = b"abcdefghijklmnopqrst";

fn serve(
    mut stream: TcpStream,
    version: &str,
    host: &str,
    script: Script,
    heard: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_nodelay(true)?;
    let mut greeting = vec![10];
    greeting.extend(version.as_bytes());
    greeting.extend([0, 7, 0, 0, 0]);
    greeting.extend(&SCRAMBLE[..8]);
    // Long flags, a database at login, protocol 4.1, transactions, the scramble of 20 bytes; no plugins.
    greeting.extend([0, 0x2c, 0xa2, 26, 2, 0]);
    greeting.extend([0; 13]);
    greeting.extend(&SCRAMBLE[8..]);
    greeting.push(0);
    send(&mut stream, 0, &greeting)?;
    let (number, login) = receive(&mut stream)?;
    // Capabilities, the largest packet, the charset, 23 zeros. What follows the database an old server does not read.
    let rest = login[32..].strip_prefix(b"citatel\0").unwrap();
    let proof = usize::from(rest[0]);
    assert!(
        rest[1 + proof..].starts_with(b"skola\0"),
        "{}",
        rest.escape_ascii()
    );
    send(&mut stream, number + 1, &[0xfe])?;
    let (number, proof) = receive(&mut stream)?;
    if proof != [old_proof(&SCRAMBLE[..8], b"mypass").as_slice(), &[0]].concat() {
        return send(
            &mut stream,
            number + 1,
            &refusal(1045, "Access denied for user 'citatel'"),
        );
    }
    send(&mut stream, number + 1, DONE)?;
    loop {
        let (_, command) = receive(&mut stream)?;
        if command.first() != Some(&3) {
            return Ok(());
        }
        let query = command[1..].escape_ascii().to_string();
        heard.lock().unwrap().push(query.clone());
        let reply = script(&query).unwrap_or_else(|| answer(&query, version, host));
        say(&mut stream, reply)?;
    }
}

/// Sends a reply.
fn say(stream: &mut TcpStream, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Done => send(stream, 1, DONE),
        Reply::Refused(code, text) => send(stream, 1, &refusal(code, text)),
        Reply::Rows(columns, rows) => {
            let mut number = head(stream, columns)?;
            for row in rows {
                send(stream, number, &encode(&row))?;
                number = number.wrapping_add(1);
            }
            send(stream, number, END)
        }
        Reply::Endless(row) => {
            let mut number = head(stream, row.len())?;
            let row = encode(&row);
            loop {
                send(stream, number, &row)?;
                number = number.wrapping_add(1);
            }
        }
        Reply::Dropped(columns) => {
            let number = head(stream, columns)?;
            stream.write_all(&[200, 0, 0, number, 1, b'x'])?;
            stream.shutdown(Shutdown::Both)
        }
        Reply::Silence => {
            thread::sleep(Duration::from_secs(30));
            Ok(())
        }
    }
}

const DONE: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
const END: &[u8] = &[0xfe, 0, 0, 2, 0];

fn send(stream: &mut TcpStream, number: u8, payload: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let mut packet = vec![length[0], length[1], length[2], number];
    packet.extend(payload);
    stream.write_all(&packet)
}

fn receive(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let mut header = [0; 4];
    stream.read_exact(&mut header)?;
    let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload)?;
    Ok((header[3], payload))
}

fn refusal(code: u16, text: &str) -> Vec<u8> {
    let code = code.to_le_bytes();
    [
        &[0xff, code[0], code[1]],
        b"#42000".as_slice(),
        text.as_bytes(),
    ]
    .concat()
}

/// Sends the number of columns and their descriptions; returns the number of the next packet.
fn head(stream: &mut TcpStream, columns: usize) -> std::io::Result<u8> {
    let count = u8::try_from(columns).unwrap();
    send(stream, 1, &[count])?;
    for index in 0..count {
        let mut column = b"\x03def\0\0\0\x01c\0\x0c".to_vec();
        column.extend([63, 0, 255, 255, 255, 0, 253, 0, 0, 0, 0, 0]);
        send(stream, index + 2, &column)?;
    }
    send(stream, count + 2, END)?;
    Ok(count + 3)
}

fn encode(row: &[Value]) -> Vec<u8> {
    let mut packet = Vec::new();
    for value in row {
        match value {
            None => packet.push(0xfb),
            Some(bytes) => {
                let length = u16::try_from(bytes.len()).unwrap().to_le_bytes();
                packet.extend([0xfc, length[0], length[1]]);
                packet.extend(bytes);
            }
        }
    }
    packet
}

/// The two numbers that MySQL kept of a password before 4.1.
fn old_hash(password: &[u8]) -> (u32, u32) {
    let (mut first, mut add, mut second) = (1_345_345_333_u32, 7_u32, 0x1234_5671_u32);
    for byte in password.iter().filter(|byte| !b" \t".contains(byte)) {
        let byte = u32::from(*byte);
        let mixed = (first & 63)
            .wrapping_add(add)
            .wrapping_mul(byte)
            .wrapping_add(first << 8);
        first ^= mixed;
        second = second.wrapping_add((second << 8) ^ first);
        add = add.wrapping_add(byte);
    }
    (first & 0x7fff_ffff, second & 0x7fff_ffff)
}

/// What a client of before 4.1 sends to prove that it knows a password.
fn old_proof(scramble: &[u8], password: &[u8]) -> [u8; 8] {
    const LIMIT: u64 = 0x3fff_ffff;
    let (password, message) = (old_hash(password), old_hash(scramble));
    let mut first = u64::from(password.0 ^ message.0) % LIMIT;
    let mut second = u64::from(password.1 ^ message.1) % LIMIT;
    let mut next = || {
        first = (first * 3 + second) % LIMIT;
        second = (first + second + 33) % LIMIT;
        // The whole part of 31 times a fraction.
        u8::try_from(first * 31 / LIMIT).unwrap()
    };
    let mut proof = [0; 8];
    for byte in &mut proof {
        *byte = next() + 64;
    }
    let extra = next();
    proof.map(|byte| byte ^ extra)
}

/// Makes rows of texts; `~` is NULL.
pub(crate) fn rows(columns: usize, lines: &[&[&str]]) -> Reply {
    let value = |text: &&str| (*text != "~").then(|| text.as_bytes().to_vec());
    Reply::Rows(
        columns,
        lines
            .iter()
            .map(|line| line.iter().map(value).collect())
            .collect(),
    )
}

/// The database: one table, whose text is CP1250.
fn answer(query: &str, version: &str, host: &str) -> Reply {
    let starts = |text: &str| query.starts_with(text);
    let unknown = Reply::Refused(1064, "You have an error in your SQL syntax");
    let newer = [
        "SHOW FULL TABLES",
        "SHOW TRIGGERS",
        "SHOW PROCEDURE",
        "SHOW FUNCTION",
    ];
    if query == "SET SESSION TRANSACTION READ ONLY"
        || (version.starts_with("4.1") && newer.into_iter().any(starts))
    {
        return unknown;
    }
    if starts("SET ") || starts("START ") {
        return Reply::Done;
    }
    match query {
        "SHOW GLOBAL VARIABLES" => rows(
            2,
            &[
                &["character_set_server", "cp1250"],
                &["hostname", host],
                &["old_passwords", "ON"],
                &["port", "3306"],
                &["sql_mode", ""],
                &["version", version],
            ],
        ),
        _ if starts("SHOW SESSION VARIABLES") => rows(2, &[&["character_set_database", "cp1250"]]),
        "SHOW FULL TABLES" => rows(2, &[&["ziaci", "BASE TABLE"]]),
        "SHOW TABLES" => rows(1, &[&["ziaci"]]),
        "SELECT NOW()" => rows(1, &[&["2009-01-01 00:00:00"]]),
        "SELECT VERSION()" => rows(1, &[&[version]]),
        _ if query.contains("FROM mysql.db") => {
            Reply::Refused(1142, "SELECT command denied to user")
        }
        "SELECT CONNECTION_ID()" => rows(1, &[&["7"]]),
        "SHOW GRANTS" => rows(
            1,
            &[&[
                "GRANT ALL PRIVILEGES ON *.* TO 'citatel'@'%' IDENTIFIED BY PASSWORD '6f8c114b58f2ce9e'",
            ]],
        ),
        "SHOW TRIGGERS" => rows(7, &[]),
        _ if starts("SHOW PROCEDURE") || starts("SHOW FUNCTION") => rows(8, &[]),
        _ => of_table(query).unwrap_or(unknown),
    }
}

/// Answers what is asked about the table.
fn of_table(query: &str) -> Option<Reply> {
    const CREATE: &str = "CREATE TABLE `ziaci` (\n  `id` int(11) NOT NULL,\n  `meno` varchar(30) collate cp1250_czech_cs default NULL,\n  PRIMARY KEY  (`id`)\n) ENGINE=MyISAM DEFAULT CHARSET=cp1250 COLLATE=cp1250_czech_cs";
    Some(match query {
        "SHOW FULL COLUMNS FROM `ziaci`" => rows(
            9,
            &[
                &["id", "int(11)", "~", "NO", "PRI", "~", "", "select", ""],
                &[
                    "meno",
                    "varchar(30)",
                    "cp1250_czech_cs",
                    "YES",
                    "",
                    "~",
                    "",
                    "select",
                    "",
                ],
            ],
        ),
        "SHOW INDEX FROM `ziaci`" => rows(
            12,
            &[&[
                "ziaci", "0", "PRIMARY", "1", "id", "A", "2", "~", "~", "", "BTREE", "",
            ]],
        ),
        "SHOW CREATE TABLE `ziaci`" => rows(2, &[&["ziaci", CREATE]]),
        _ if query.starts_with("SHOW TABLE STATUS LIKE") => rows(
            18,
            &[&[
                "ziaci",
                "MyISAM",
                "9",
                "Dynamic",
                "2",
                "20",
                "40",
                "281474976710655",
                "2048",
                "0",
                "~",
                "~",
                "~",
                "~",
                "cp1250_czech_cs",
                "~",
                "",
                "",
            ]],
        ),
        "SELECT MIN(`id`),MAX(`id`) FROM `ziaci`" => rows(2, &[&["1", "2"]]),
        _ if query.starts_with("SELECT COUNT(*) FROM") => rows(1, &[&["2"]]),
        _ if query.starts_with("SELECT `id`, `meno` FROM `ziaci`") => Reply::Rows(
            2,
            vec![
                vec![Some(b"1".to_vec()), Some(b"\x8elt\xfd".to_vec())],
                vec![Some(b"2".to_vec()), None],
            ],
        ),
        _ => return None,
    })
}
