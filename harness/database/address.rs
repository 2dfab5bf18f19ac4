//! Where a database is: `mysql://USER[:PASSWORD]@HOST[:PORT]/NAME`, or a socket with `?socket=PATH`; `?timeout=SECONDS` (or
//! `&timeout=`) says how long it may stay silent.
//!
//! The password is a type of its own that prints as `****`, so that no message, report or snapshot can hold it.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{error::DatabaseError, manners::Manners};

/// MySQL's port.
const PORT: u16 = 3306;

/// A password, printed as `****`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("****")
    }
}

impl fmt::Display for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("****")
    }
}

/// How the server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Over the network.
    Tcp {
        /// Name or address of the host.
        host: String,
        /// Its port.
        port: u16,
    },
    /// Through a socket of this machine.
    Socket(PathBuf),
}

/// One database of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseAddress {
    /// Who logs in.
    pub user: String,
    /// With which password; none means an empty one.
    pub password: Option<Password>,
    /// How the server is reached.
    pub target: Target,
    /// The database's name.
    pub name: String,
    /// How long the server may stay silent, if not as long as usual.
    pub timeout: Option<Duration>,
    /// How the server is treated.
    pub manners: Manners,
}

impl FromStr for DatabaseAddress {
    type Err = DatabaseError;

    fn from_str(text: &str) -> Result<Self, DatabaseError> {
        let wrong = |reason| DatabaseError::Address { reason };
        let rest = text
            .strip_prefix("mysql://")
            .ok_or_else(|| wrong("it does not start with mysql://"))?;
        let (login, place) = rest
            .rsplit_once('@')
            .ok_or_else(|| wrong("it names no user"))?;
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(Password(decode(password)?))),
            None => (login, None),
        };
        let (server, name) = place
            .split_once('/')
            .ok_or_else(|| wrong("it names no database"))?;
        let (name, options) = name.split_once('?').unwrap_or((name, ""));
        let (mut socket, mut timeout) = (None, None);
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("socket", path)) => socket = Some(PathBuf::from(decode(path)?)),
                Some(("timeout", seconds)) => {
                    let seconds = seconds
                        .parse()
                        .ok()
                        .filter(|seconds| (1..=86_400).contains(seconds));
                    let seconds = seconds.ok_or_else(|| {
                        wrong("`timeout` is not a number of seconds from 1 to 86400")
                    })?;
                    timeout = Some(Duration::from_secs(seconds));
                }
                Some(_) | None => return Err(wrong("`socket` and `timeout` are its only options")),
            }
        }
        let target = match socket {
            Some(path) => Target::Socket(path),
            None => tcp(server)?,
        };
        let address = Self {
            user: decode(user)?,
            password,
            target,
            name: decode(name)?,
            timeout,
            manners: Manners::default(),
        };
        if address.user.is_empty() {
            return Err(wrong("it names no user"));
        }
        if address.name.is_empty() {
            return Err(wrong("it names no database"));
        }
        Ok(address)
    }
}

/// Reads `HOST[:PORT]`, `[IPv6][:PORT]`.
fn tcp(server: &str) -> Result<Target, DatabaseError> {
    let wrong = |reason| DatabaseError::Address { reason };
    let (host, port) = match server.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed
                .split_once(']')
                .ok_or_else(|| wrong("the IPv6 address does not end with ]"))?;
            (host, rest.strip_prefix(':'))
        }
        None => match server.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (server, None),
        },
    };
    if host.is_empty() {
        return Err(wrong("it names no host"));
    }
    let port = match port {
        Some(port) => port
            .parse()
            .map_err(|_not_a_number| wrong("the port is not a number from 1 to 65535"))?,
        None => PORT,
    };
    Ok(Target::Tcp {
        host: decode(host)?,
        port,
    })
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, DatabaseError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(String::from)
        .map_err(|_not_utf8| DatabaseError::Address {
            reason: "its percent-encoding is not UTF-8",
        })
}

/// Percent-encodes what would not read as it is meant.
fn encode(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'/');
    utf8_percent_encode(text, KEPT).to_string()
}

impl fmt::Display for DatabaseAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "mysql://{}", encode(&self.user))?;
        if self.password.is_some() {
            formatter.write_str(":****")?;
        }
        match &self.target {
            Target::Tcp { host, port } if host.contains(':') => {
                write!(formatter, "@[{host}]:{port}/{}", encode(&self.name))
            }
            Target::Tcp { host, port } => {
                write!(formatter, "@{host}:{port}/{}", encode(&self.name))
            }
            Target::Socket(path) => write!(
                formatter,
                "@localhost/{}?socket={}",
                encode(&self.name),
                encode(&path.display().to_string())
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_printed_without_its_password() {
        let table = [
            (
                "mysql://reader@192.0.2.10/school",
                "mysql://reader@192.0.2.10:3306/school",
            ),
            (
                "mysql://r:s%40cret@db:3307/a%20b",
                "mysql://r:****@db:3307/a%20b",
            ),
            ("mysql://r:a@b@[::1]:1/x", "mysql://r:****@[::1]:1/x"),
            (
                "mysql://r@localhost/x?socket=/run/my.sock",
                "mysql://r@localhost/x?socket=/run/my.sock",
            ),
            (
                "mysql://r@localhost/x?timeout=5&socket=/run/my.sock",
                "mysql://r@localhost/x?socket=/run/my.sock",
            ),
        ];
        for (text, expected) in table {
            let address: DatabaseAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), expected);
            assert!(!format!("{address:?}").contains("cret"));
        }
    }

    #[test]
    fn a_wrong_address_is_refused_without_repeating_it() {
        for text in [
            "",
            "mysql://secret",
            "mysql://@h/x",
            "mysql://u@/x",
            "mysql://u@h",
            "mysql://u@h/",
            "mysql://u@h:0x/y",
            "mysql://u@h/x?ssl=1",
            "mysql://u@h/x?timeout=0",
            "mysql://u@h/x?timeout",
            "postgres://u@h/x",
        ] {
            let error = text.parse::<DatabaseAddress>().unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
