//! What is sent, and to whom.

use url::Url;

use super::error::ExchangeError;

/// Who asks. It is the same on both servers, so that nothing depends on it.
pub const USER_AGENT: &str = concat!(
    "Mozilla/5.0 (compatible; migrate-verify/",
    env!("CARGO_PKG_VERSION"),
    ")"
);

/// A server that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The host, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Host and port as they stand in `Host` and in absolute links; the default port is left out.
    pub authority: String,
}

impl Server {
    /// Reads `http://HOST[:PORT]`.
    pub fn parse(url: &str) -> Result<Self, ExchangeError> {
        let wrong = |reason: &str| ExchangeError::Address {
            url: url.to_owned(),
            reason: reason.to_owned(),
        };
        let parsed = Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
        if parsed.scheme() != "http" {
            return Err(wrong(
                "only http:// is spoken: old servers' TLS is refused by today's libraries, put a tunnel (stunnel, ssh) before it",
            ));
        }
        if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() {
            return Err(wrong("it has a path, which belongs into the scenarios"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(wrong(
                "it has a user name, which belongs into a header of the scenarios",
            ));
        }
        let host = parsed.host_str().ok_or_else(|| wrong("it has no host"))?;
        let port = parsed.port().unwrap_or(80);
        let authority = match parsed.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            authority,
        })
    }
}

/// The version of HTTP that a request speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// `HTTP/1.0`, as old proxies and monitors speak it: servers answer without chunks, and close.
    Http10,
    /// `HTTP/1.1`.
    #[default]
    Http11,
}

impl HttpVersion {
    /// Reads `1.0` or `1.1`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "1.0" => Some(Self::Http10),
            "1.1" => Some(Self::Http11),
            _ => None,
        }
    }

    /// Returns the end of a request's first line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

/// How requests are made where they don't say so themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    /// The version of HTTP.
    pub version: HttpVersion,
    /// Whether the server is asked to keep the connection.
    pub keep_alive: bool,
    /// What `Accept-Encoding` says: `identity` where nothing is set.
    pub accept_encoding: Option<String>,
}

/// Asks for bodies without a content coding (RFC 9110, 12.5.3).
const IDENTITY: &str = "identity";

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: String,
    /// The version of HTTP; without one it is the dialect's.
    pub version: Option<HttpVersion>,
    /// Path and query, encoded.
    pub target: String,
    /// Headers beside `Host`, `User-Agent`, `Accept`, `Accept-Encoding`, `Connection` and `Content-Length`; one of these
    /// names replaces the usual value.
    pub headers: Vec<(String, String)>,
    /// The body, where there is one.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// Makes a `GET`.
    pub fn get(target: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            version: None,
            target: target.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// Returns whether asking twice does no harm, as far as the method says.
    pub fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }

    /// Returns the version of HTTP in which it is sent.
    pub fn version(&self, dialect: &Dialect) -> HttpVersion {
        self.version.unwrap_or(dialect.version)
    }

    /// Returns whether the server is asked to keep the connection.
    pub fn keeps_connection(&self, dialect: &Dialect) -> bool {
        let mut own = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
            .peekable();
        if own.peek().is_none() {
            return dialect.keep_alive;
        }
        own.all(|(_, value)| value.eq_ignore_ascii_case("keep-alive"))
    }

    /// Returns the bytes that are sent: the same for both servers but for `Host`.
    pub fn to_bytes(&self, server: &Server, dialect: &Dialect) -> Vec<u8> {
        let connection = if dialect.keep_alive {
            "keep-alive"
        } else {
            "close"
        };
        let accepted = dialect.accept_encoding.as_deref().unwrap_or(IDENTITY);
        let usual = [
            ("Host", server.authority.as_str()),
            ("User-Agent", USER_AGENT),
            ("Accept", "*/*"),
            ("Accept-Encoding", accepted),
            ("Connection", connection),
        ];
        let mut head = String::with_capacity(512);
        let version = self.version(dialect).as_str();
        for part in [&self.method, " ", &self.target, " ", version, "\r\n"] {
            head.push_str(part);
        }
        let mut push = |name: &str, value: &str| {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        };
        for (name, value) in usual {
            if !self
                .headers
                .iter()
                .any(|(own, _)| own.eq_ignore_ascii_case(name))
            {
                push(name, value);
            }
        }
        for (name, value) in &self.headers {
            push(name, value);
        }
        if let Some(body) = &self.body {
            push("Content-Length", &body.len().to_string());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_the_same_bytes_for_every_server_but_for_host() {
        let server = Server::parse("http://192.0.2.10:8080").unwrap();
        let mut request = Request::get("/x?y");
        request
            .headers
            .push(("accept".to_owned(), "text/html".to_owned()));
        request.body = Some(b"a=b".to_vec());
        let bytes = request.to_bytes(&server, &Dialect::default());
        let text = str::from_utf8(&bytes).unwrap().replace('\r', "␍");
        insta::assert_snapshot!(text, @r"
        GET /x?y HTTP/1.1␍
        Host: 192.0.2.10:8080␍
        User-Agent: Mozilla/5.0 (compatible; migrate-verify/0.1.0)␍
        Accept-Encoding: identity␍
        Connection: close␍
        accept: text/html␍
        Content-Length: 3␍
        ␍
        a=b
        ");
    }

    #[test]
    fn addresses_that_can_not_be_asked_are_refused() {
        for url in [
            "https://x",
            "x",
            "http://",
            "http://x/path",
            "http://u:p@x/",
        ] {
            assert!(Server::parse(url).is_err(), "{url}");
        }
        assert_eq!(Server::parse("http://[::1]:80").unwrap().host, "::1");
    }
}
