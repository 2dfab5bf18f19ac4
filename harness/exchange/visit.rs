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

/// Why a request was sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// The server had closed the kept connection, and there was no answer.
    Closed,
    /// The answer says that it is the connection's last one, and to the same request over a connection of its own the server does
    /// not say so: it has counted the connection's requests, and the page has no part in it.
    Ended,
    /// The answer ends the connection, over one of its own, too; or there is none over one of its own.
    Ends,
}

/// A visitor, and the connection that he keeps.
#[derive(Debug)]
pub struct Visit {
    /// Whether a connection is used more than once.
    keeps: bool,
    kept: Option<TcpStream>,
    surplus: Option<Anomaly>,
    again: Option<Again>,
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
            again: None,
        }
    }

    /// Asks `server`, over the kept connection where that is possible.
    pub async fn send(
        &mut self,
        server: &Server,
        request: &Request,
        limits: &Limits,
    ) -> Result<Answer, ExchangeError> {
        self.again = None;
        if !request.is_safe() {
            self.let_go().await;
        }
        if let Some(stream) = self.quiet().await {
            let mut connection = Connection::over(stream, server, limits);
            match connection.exchange(request).await {
                Err(error) if !connection.heard && was_closed(&error) => {
                    self.again = Some(Again::Closed);
                }
                result => {
                    let answer = self.keep(request, limits, result?, connection).await;
                    let is_wanted = request.keeps_connection(&limits.dialect);
                    if self.kept.is_none() && is_wanted && ends_clearly(&answer) {
                        self.find_out(server, request, limits).await;
                    }
                    return Ok(answer);
                }
            }
        }
        self.send_alone(server, request, limits).await
    }

    /// Asks over a new connection.
    async fn send_alone(
        &mut self,
        server: &Server,
        request: &Request,
        limits: &Limits,
    ) -> Result<Answer, ExchangeError> {
        let mut connection = Connection::open(server, limits).await?;
        let answer = connection.exchange(request).await?;
        Ok(self.keep(request, limits, answer, connection).await)
    }

    /// Finds out whether it was the page that ended the connection, by asking for it over a new one.
    async fn find_out(&mut self, server: &Server, request: &Request, limits: &Limits) {
        let alone = self.send_alone(server, request, limits).await;
        self.again = Some(if alone.is_ok() && self.kept.is_some() {
            Again::Ended
        } else {
            Again::Ends
        });
    }

    /// Returns why the last request was sent twice, where it was.
    pub fn again(&self) -> Option<Again> {
        self.again
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
        if let Some(mut stream) = self.kept.take() {
            let bytes = surplus(&mut stream, Vec::new(), true).await;
            self.surplus = (!bytes.is_empty()).then_some(Anomaly::TrailingBytes(bytes));
        }
    }

    /// Takes the kept connection, where nothing happened on it.
    async fn quiet(&mut self) -> Option<TcpStream> {
        match idle(self.kept.as_ref()?) {
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
    ) -> Answer {
        let asked_in = request.version(&limits.dialect);
        let is_wanted = self.keeps && request.keeps_connection(&limits.dialect);
        let is_clear = connection.is_drained() && ends_clearly(&answer);
        if is_wanted && is_clear && is_kept(&answer, asked_in) {
            self.kept = Some(connection.stream);
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

/// Returns whether nobody can doubt where an answer ends.
fn ends_clearly(answer: &Answer) -> bool {
    match answer.framing {
        Framing::Length | Framing::Chunked | Framing::NoBody => answer.anomalies.is_empty(),
        Framing::Close => false,
    }
}

/// Returns whether the server keeps the connection behind an answer.
fn is_kept(answer: &Answer, asked_in: HttpVersion) -> bool {
    let says = |wanted: &str| {
        let lines = answer.headers.iter().filter(|line| line.is("connection"));
        lines
            .flat_map(|line| line.value.split(|&byte| byte == b','))
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
    };
    let by_itself = asked_in == HttpVersion::Http11 && answer.status_line.starts_with(b"HTTP/1.1 ");
    let is_known = by_itself || answer.status_line.starts_with(b"HTTP/1.");
    is_known && (by_itself || says("keep-alive")) && !says("close")
}
