//! The requests of one visitor, one after the other, over a connection that is kept where both sides keep it (RFC 9112, 9.3).
//!
//! A kept connection must not change what is seen. It is used again only behind an answer whose end is beyond doubt, and only
//! for a request that may be sent twice: a server may close a kept connection at any time, and then nobody knows whether it
//! took notice of the request. What comes without being asked for belongs to the answer before, and never to the next one.

use std::io;

use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;

use super::{
    answer::{Anomaly, Answer, Framing},
    client::{Connection, Limits, surplus},
    error::ExchangeError,
    request::{HttpVersion, Request, Server},
};

/// No connection carries more requests: servers end one after a number of them, and tell so in the last answer's `Connection`,
/// which would look like a difference. lighttpd of that time did so after 16, Apache and nginx after 100.
const MOST_REQUESTS: usize = 16;

/// A visitor, and the connection that he keeps.
#[derive(Debug)]
pub struct Visit {
    /// Whether a connection is used more than once.
    keeps: bool,
    kept: Option<Kept>,
    surplus: Option<Anomaly>,
    repeated: bool,
}

/// A connection behind an answer.
#[derive(Debug)]
struct Kept {
    stream: TcpStream,
    /// How many requests went over it.
    requests: usize,
}

/// What a connection is like on which nothing was asked.
enum Idle {
    /// Nothing came.
    Quiet,
    /// Something came.
    Surplus,
    /// The server has closed it.
    Closed,
}

impl Visit {
    /// Begins a visit; `keeps` allows that safe requests share a connection.
    pub fn new(keeps: bool) -> Self {
        Self {
            keeps,
            kept: None,
            surplus: None,
            repeated: false,
        }
    }

    /// Asks `server`, over the kept connection where that is possible.
    pub async fn send(
        &mut self,
        server: &Server,
        request: &Request,
        limits: &Limits,
    ) -> Result<Answer, ExchangeError> {
        self.repeated = false;
        if !request.is_safe() {
            self.let_go().await;
        }
        if let Some(Kept { stream, requests }) = self.quiet().await {
            let mut connection = Connection::over(stream, server, limits);
            match connection.exchange(request).await {
                Err(error) if !connection.heard && was_closed(&error) => self.repeated = true,
                result => {
                    let answer = result?;
                    return Ok(self
                        .keep(request, limits, answer, connection, requests + 1)
                        .await);
                }
            }
        }
        let mut connection = Connection::open(server, limits).await?;
        let answer = connection.exchange(request).await?;
        Ok(self.keep(request, limits, answer, connection, 1).await)
    }

    /// Returns whether the last request was sent twice, because the server had closed the kept connection.
    pub fn was_repeated(&self) -> bool {
        self.repeated
    }

    /// Returns, once, what came behind the answer before the last one that nobody had asked for.
    pub fn take_surplus(&mut self) -> Option<Anomaly> {
        self.surplus.take()
    }

    /// Ends the visit; returns what came behind its last answer.
    pub async fn end(mut self) -> Option<Anomaly> {
        self.let_go().await;
        self.surplus
    }

    /// Ends the kept connection, where there is one, and keeps what came behind its last answer.
    async fn let_go(&mut self) {
        if let Some(Kept { mut stream, .. }) = self.kept.take() {
            let bytes = surplus(&mut stream, Vec::new(), true).await;
            self.surplus = (!bytes.is_empty()).then_some(Anomaly::TrailingBytes(bytes));
        }
    }

    /// Takes the kept connection, where nothing happened on it.
    async fn quiet(&mut self) -> Option<Kept> {
        match idle(&self.kept.as_ref()?.stream) {
            Idle::Quiet => return self.kept.take(),
            Idle::Surplus => self.let_go().await,
            Idle::Closed => self.kept = None,
        }
        None
    }

    /// Keeps the connection where both sides do; else what comes behind its last answer belongs to that.
    async fn keep(
        &mut self,
        request: &Request,
        limits: &Limits,
        mut answer: Answer,
        mut connection: Connection<'_, TcpStream>,
        requests: usize,
    ) -> Answer {
        let wanted = self.keeps && request.keeps_connection(limits.dialect);
        let asked_in = request.version(limits.dialect);
        let is_wanted = wanted && requests < MOST_REQUESTS;
        if is_wanted && connection.is_drained() && is_kept(&answer, asked_in) {
            let stream = connection.stream;
            self.kept = Some(Kept { stream, requests });
        } else {
            connection.finish(&mut answer).await;
        }
        answer
    }
}

/// Asks the system, not the runtime, which learns of an end only when it waits.
fn idle(stream: &TcpStream) -> Idle {
    match recv(stream, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok((_, 0)) => Idle::Closed,
        Ok(_) => Idle::Surplus,
        Err(rustix::io::Errno::AGAIN) => Idle::Quiet,
        Err(_) => Idle::Closed,
    }
}

/// Returns whether an error says that the server had closed the connection.
fn was_closed(error: &ExchangeError) -> bool {
    match error {
        ExchangeError::NoAnswer { .. } => true,
        ExchangeError::Io { source, .. } => matches!(
            source.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
        ),
        ExchangeError::Address { .. }
        | ExchangeError::Timeout { .. }
        | ExchangeError::HeadTooLong { .. }
        | ExchangeError::BodyTooLong { .. } => false,
    }
}

/// Returns whether the server keeps the connection behind an answer whose end is beyond doubt.
fn is_kept(answer: &Answer, asked_in: HttpVersion) -> bool {
    let ends_clearly = match answer.framing {
        Framing::Length | Framing::Chunked | Framing::NoBody => answer.anomalies.is_empty(),
        Framing::Close => false,
    };
    let says = |wanted: &str| {
        let lines = answer.headers.iter().filter(|line| line.is("connection"));
        lines
            .flat_map(|line| line.value.split(|&byte| byte == b','))
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
    };
    let by_itself = asked_in == HttpVersion::Http11 && answer.status_line.starts_with(b"HTTP/1.1 ");
    let is_known = by_itself || answer.status_line.starts_with(b"HTTP/1.");
    let is_kept = is_known && (by_itself || says("keep-alive")) && !says("close");
    ends_clearly && is_kept && !is_last(answer)
}

/// Returns whether `Keep-Alive: max=1` tells that the next answer would be the last one.
fn is_last(answer: &Answer) -> bool {
    let lines = answer.headers.iter().filter(|line| line.is("keep-alive"));
    lines
        .flat_map(|line| line.value.split(|&byte| byte == b','))
        .any(|parameter| {
            let parameter = parameter.trim_ascii().to_ascii_lowercase();
            matches!(parameter.as_slice(), b"max=0" | b"max=1")
        })
}
