//! Sends one request over a connection and reads the answer.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

use super::{
    answer::{Anomaly, Answer, Framing},
    chunked::{Chunks, Progress},
    coding,
    error::{ExchangeError, Phase},
    head::{self, BodyPlan, Head},
    request::{Dialect, Request, Server},
};
use crate::charset::visible;

/// How much of a server's time and bytes an exchange takes at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For opening the connection.
    pub connect: Duration,
    /// From the request to the first byte.
    pub first_byte: Duration,
    /// For everything: a server that drips bytes ends here.
    pub whole: Duration,
    /// The longest head.
    pub head: usize,
    /// The longest body, chunk heads included; also the longest one after its content coding.
    pub body: usize,
    /// How requests are made where they don't say so themselves.
    pub dialect: Dialect,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            whole: Duration::from_secs(120),
            head: 256 << 10,
            body: 64 << 20,
            dialect: Dialect::default(),
        }
    }
}

/// Asks `server` once, over a connection of its own.
pub async fn send(
    server: &Server,
    request: &Request,
    limits: &Limits,
) -> Result<Answer, ExchangeError> {
    let mut connection = Connection::open(server, limits).await?;
    let mut answer = connection.exchange(request).await?;
    connection.finish(&mut answer).await;
    Ok(answer)
}

/// Reads an answer to `method` that comes over any stream, as [`send`] reads it from a server.
pub async fn read_answer(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    server: &Server,
    limits: &Limits,
) -> Result<Answer, ExchangeError> {
    let mut connection = Connection::over(stream, server, limits);
    let mut answer = connection.answer(method).await?;
    connection.finish(&mut answer).await;
    Ok(answer)
}

/// What comes behind an answer is waited for so long, where the server does not close.
const LINGER: Duration = Duration::from_secs(1);

/// So much of it is read.
const MOST_SURPLUS: usize = 64 << 10;

/// Reads all that comes until the server closes; one that keeps the connection closes it when it hears that nobody asks again.
pub(super) async fn surplus(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    known: Vec<u8>,
    is_kept: bool,
) -> Vec<u8> {
    let mut bytes = known;
    // One that is gone hears nothing, and what came from it counts.
    if is_kept && stream.shutdown().await.is_err() {
        return bytes;
    }
    let until = Instant::now() + LINGER;
    while bytes.len() < MOST_SURPLUS {
        match timeout_at(until, stream.read_buf(&mut bytes)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) | Err(_) => break,
        }
    }
    // As many as came by chance beyond the limit are not the same twice.
    bytes.truncate(MOST_SURPLUS);
    bytes
}

/// An open connection and what was read from it.
pub(super) struct Connection<'a, S> {
    pub(super) stream: S,
    server: &'a Server,
    limits: &'a Limits,
    deadline: Instant,
    buffer: Vec<u8>,
    /// Whether anything came.
    pub(super) heard: bool,
    /// Whether the server reset the connection in the middle of an answer.
    reset: bool,
}

impl<'a> Connection<'a, TcpStream> {
    pub(super) async fn open(
        server: &'a Server,
        limits: &'a Limits,
    ) -> Result<Self, ExchangeError> {
        let connecting = TcpStream::connect((server.host.as_str(), server.port));
        let stream = timeout(limits.connect, connecting)
            .await
            .map_err(|_| timed_out(server, Phase::Connect, limits.connect))?
            .map_err(|source| failed(server, Phase::Connect, source))?;
        Ok(Self::over(stream, server, limits))
    }
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Connection<'a, S> {
    pub(super) fn over(stream: S, server: &'a Server, limits: &'a Limits) -> Self {
        Self {
            stream,
            server,
            limits,
            deadline: Instant::now() + limits.whole,
            buffer: Vec::new(),
            heard: false,
            reset: false,
        }
    }

    /// Asks once.
    pub(super) async fn exchange(&mut self, request: &Request) -> Result<Answer, ExchangeError> {
        let bytes = request.to_bytes(self.server, &self.limits.dialect);
        self.write(&bytes).await?;
        self.answer(&request.method).await
    }

    /// Ends the connection, and names what comes behind its last answer.
    pub(super) async fn finish(&mut self, answer: &mut Answer) {
        let known = std::mem::take(&mut self.buffer);
        let bytes = match answer.framing {
            Framing::Close => known,
            Framing::Length | Framing::Chunked | Framing::NoBody => {
                let closes = answer.header("Connection");
                let is_kept = closes.is_none_or(|value| !value.eq_ignore_ascii_case("close"));
                surplus(&mut self.stream, known, is_kept).await
            }
        };
        if !bytes.is_empty() {
            answer.anomalies.push(Anomaly::TrailingBytes(bytes));
        }
    }

    /// Returns whether nothing came behind the last answer so far.
    pub(super) fn is_drained(&self) -> bool {
        self.buffer.is_empty()
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ExchangeError> {
        match timeout_at(self.deadline, self.stream.write_all(bytes)).await {
            Err(_) => Err(timed_out(self.server, Phase::Send, self.limits.whole)),
            // A server may answer and close before it has read everything: its answer counts.
            Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Ok(Err(source)) => Err(failed(self.server, Phase::Send, source)),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// Reads some more; 0 at the end of the connection.
    async fn more(&mut self) -> Result<usize, ExchangeError> {
        let (phase, limit, deadline) = if self.heard {
            (Phase::Read, self.limits.whole, self.deadline)
        } else {
            let wait = self.limits.first_byte.min(self.limits.whole);
            (
                Phase::FirstByte,
                wait,
                (Instant::now() + wait).min(self.deadline),
            )
        };
        self.buffer.reserve(16 << 10);
        let count = timeout_at(deadline, self.stream.read_buf(&mut self.buffer))
            .await
            .map_err(|_| timed_out(self.server, phase, limit))?
            .map_err(|source| failed(self.server, phase, source))?;
        self.heard |= count > 0;
        Ok(count)
    }

    async fn answer(&mut self, method: &str) -> Result<Answer, ExchangeError> {
        let mut interim = Vec::new();
        let mut head = loop {
            let Some(head) = self.head().await? else {
                return self.without_head(interim).await;
            };
            match head::status_code(&head.status_line) {
                Some(100..=199) if interim.len() < 16 => {
                    interim.push(Anomaly::Interim(visible(&head.status_line)));
                }
                _ => break head,
            }
        };
        head.anomalies.splice(0..0, interim);
        let plan = head::plan(&mut head, method);
        let mut answer = self.body(head, plan).await?;
        coding::undo(&mut answer, self.limits.body);
        Ok(answer)
    }

    /// Reads a head and takes it off the buffer; `None` where what comes is no head.
    async fn head(&mut self) -> Result<Option<Head>, ExchangeError> {
        let mut searched = 0;
        loop {
            let known = self.buffer.len().min(5);
            if self.buffer[..known] != b"HTTP/"[..known] {
                return Ok(None);
            }
            if let Some(end) = head::end(&self.buffer, searched) {
                let head = head::parse(&self.buffer[..end]);
                self.buffer.drain(..end);
                return Ok(Some(head));
            }
            searched = self.buffer.len();
            if searched > self.limits.head {
                return Err(ExchangeError::HeadTooLong {
                    authority: self.server.authority.clone(),
                    limit: self.limits.head,
                });
            }
            if self.more().await? == 0 {
                if self.buffer.is_empty() {
                    return Err(ExchangeError::NoAnswer {
                        authority: self.server.authority.clone(),
                    });
                }
                let mut head = head::parse(&self.buffer);
                head.anomalies.push(Anomaly::TruncatedHead);
                self.buffer.clear();
                return Ok(Some(head));
            }
        }
    }

    async fn without_head(&mut self, mut anomalies: Vec<Anomaly>) -> Result<Answer, ExchangeError> {
        self.read_to_end().await?;
        anomalies.push(Anomaly::NoHead);
        Ok(Answer {
            status_line: Vec::new(),
            headers: Vec::new(),
            framing: Framing::Close,
            wire_length: self.buffer.len(),
            body: std::mem::take(&mut self.buffer),
            coded: None,
            anomalies,
        })
    }

    async fn body(&mut self, head: Head, plan: BodyPlan) -> Result<Answer, ExchangeError> {
        let mut anomalies = head.anomalies;
        let chunks = match plan.framing {
            Framing::NoBody => None,
            Framing::Length => {
                self.check_size(plan.length)?;
                while self.buffer.len() < plan.length && self.more_or_cut().await? {}
                if self.buffer.len() < plan.length {
                    anomalies.push(Anomaly::TruncatedBody);
                }
                None
            }
            Framing::Close => {
                self.read_to_end().await?;
                if self.reset {
                    anomalies.push(Anomaly::TruncatedBody);
                }
                None
            }
            Framing::Chunked => Some(self.chunks(&mut anomalies).await?),
        };
        let announced = match plan.framing {
            Framing::NoBody => Some(0),
            Framing::Length => Some(plan.length),
            Framing::Close | Framing::Chunked => None,
        };
        let (wire_length, body) = chunks.unwrap_or_else(|| {
            let mut body = std::mem::take(&mut self.buffer);
            if announced.is_some_and(|length| body.len() > length) {
                self.buffer = body.split_off(announced.unwrap_or_default());
            }
            (body.len(), body)
        });
        Ok(Answer {
            status_line: head.status_line,
            headers: head.headers,
            framing: plan.framing,
            wire_length,
            body,
            coded: None,
            anomalies,
        })
    }

    /// Reads a chunked body: how long it is on the wire, and what its chunks hold.
    async fn chunks(
        &mut self,
        anomalies: &mut Vec<Anomaly>,
    ) -> Result<(usize, Vec<u8>), ExchangeError> {
        let mut chunks = Chunks::default();
        loop {
            match chunks.advance(&self.buffer) {
                Progress::Complete(end) => {
                    self.buffer.drain(..end);
                    anomalies.append(&mut chunks.anomalies);
                    return Ok((end, chunks.body));
                }
                Progress::Bad => {
                    self.read_to_end().await?;
                    anomalies.push(Anomaly::BadChunk);
                    let body = std::mem::take(&mut self.buffer);
                    return Ok((body.len(), body));
                }
                Progress::More => {}
            }
            self.check_size(self.buffer.len())?;
            if !self.more_or_cut().await? {
                anomalies.append(&mut chunks.anomalies);
                anomalies.push(Anomaly::TruncatedBody);
                let came = std::mem::take(&mut self.buffer);
                return Ok((came.len(), chunks.into_partial(&came)));
            }
        }
    }

    async fn read_to_end(&mut self) -> Result<(), ExchangeError> {
        while self.more_or_cut().await? {
            self.check_size(self.buffer.len())?;
        }
        Ok(())
    }

    /// Reads some more; false at the end, also where the server cut the connection off.
    async fn more_or_cut(&mut self) -> Result<bool, ExchangeError> {
        match self.more().await {
            Ok(count) => Ok(count > 0),
            Err(ExchangeError::Io { source, .. })
                if source.kind() == io::ErrorKind::ConnectionReset && !self.buffer.is_empty() =>
            {
                self.reset = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn check_size(&self, size: usize) -> Result<(), ExchangeError> {
        if size > self.limits.body {
            return Err(ExchangeError::BodyTooLong {
                authority: self.server.authority.clone(),
                limit: self.limits.body,
            });
        }
        Ok(())
    }
}

fn timed_out(server: &Server, phase: Phase, limit: Duration) -> ExchangeError {
    ExchangeError::Timeout {
        authority: server.authority.clone(),
        phase,
        limit,
    }
}

fn failed(server: &Server, phase: Phase, source: io::Error) -> ExchangeError {
    ExchangeError::Io {
        authority: server.authority.clone(),
        phase,
        source,
    }
}
