//! A layer is decompressed on one thread and hashed on a second one, while a third makes files of it.
//!
//! Buffers go round from the first to the last and back, so that memory stays small however large a layer is.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread::{self, ScopedJoinHandle},
};

use sha2::{Digest, Sha256};

use super::{
    budget::{Budget, BudgetLimit},
    error::UnpackError,
};
use crate::{
    digest::Sha256Digest,
    image::{LayerReader, tar::Source},
};

/// Bytes that change hands at once: larger ones leave the cache.
const CHUNK: usize = 256 * 1024;
/// Chunks that may wait.
const WAITING: usize = 8;

/// The tar bytes of a layer, as another thread decompresses them.
#[derive(Debug)]
pub(super) struct LayerStream {
    chunks: Receiver<Vec<u8>>,
    used: Sender<Vec<u8>>,
    current: Vec<u8>,
    position: usize,
}

/// What the decompressing thread says in the end.
#[derive(Debug)]
pub(super) struct LayerReport {
    /// Zeros followed the last gzip member; `None` where the layer was given up.
    pub(super) trailing_zeros: Option<bool>,
    /// How many bytes came out.
    pub(super) bytes: u64,
}

/// The threads behind a stream.
#[derive(Debug)]
pub(super) struct LayerThreads<'scope> {
    decompressing: ScopedJoinHandle<'scope, Result<Decompressed, UnpackError>>,
    hashing: ScopedJoinHandle<'scope, Option<Sha256Digest>>,
    given_up: Arc<AtomicBool>,
}

/// What is left of a layer, read to its end; `None` where it was given up.
#[derive(Debug)]
struct Decompressed {
    layer: Option<LayerReader>,
    bytes: u64,
}

/// Starts to decompress a layer; `budget.bytes` is what is left.
pub(super) fn start<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    layer: LayerReader,
    budget: Budget,
) -> (LayerStream, LayerThreads<'scope>) {
    let (send_plain, plain) = sync_channel(WAITING);
    let (send_chunk, chunks) = sync_channel(WAITING);
    let (used, receive_used) = channel();
    let given_up = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&given_up);
    let threads = LayerThreads {
        decompressing: scope.spawn(move || decompress(layer, budget, &send_plain, &receive_used)),
        hashing: scope.spawn(move || hash(&plain, &send_chunk, &stop)),
        given_up,
    };
    let stream = LayerStream {
        chunks,
        used,
        current: Vec::new(),
        position: 0,
    };
    (stream, threads)
}

impl LayerThreads<'_> {
    /// Lets the rest of a layer be: it has cost too much already, and its digests stay unknown.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// Waits for the end, and says whether the layer is what its digests say.
    pub(super) fn join(self) -> Result<LayerReport, UnpackError> {
        let decompressed = self
            .decompressing
            .join()
            .expect("the thread does not panic");
        let digest = self.hashing.join().expect("the thread does not panic");
        let Decompressed { layer, bytes } = decompressed?;
        // Without one of them the layer was given up, and there is an error that says why.
        let whole = layer.zip(digest);
        let end = whole
            .map(|(layer, digest)| layer.finish(digest))
            .transpose();
        let end = end.map_err(|source| UnpackError::Image { source })?;
        Ok(LayerReport {
            trailing_zeros: end.map(|end| end.trailing_zeros),
            bytes,
        })
    }
}

/// Hashes what passes by. Where the other side has found an error, the rest is hashed all the same: whether the layer is
/// what its digests say must not depend on which thread was faster.
fn hash(
    plain: &Receiver<Vec<u8>>,
    chunks: &SyncSender<Vec<u8>>,
    given_up: &AtomicBool,
) -> Option<Sha256Digest> {
    let mut hasher = Sha256::new();
    for chunk in plain {
        hasher.update(&chunk);
        if chunks.send(chunk).is_err() && given_up.load(Ordering::Relaxed) {
            return None;
        }
    }
    Some(Sha256Digest::from_hasher(hasher))
}

/// Fills a chunk; it is shorter only at the end.
fn fill(layer: &mut LayerReader, chunk: &mut Vec<u8>) -> io::Result<()> {
    chunk.resize(CHUNK, 0);
    let mut length = 0;
    while length < CHUNK {
        match layer.read(&mut chunk[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(length);
    Ok(())
}

fn decompress(
    mut layer: LayerReader,
    budget: Budget,
    chunks: &SyncSender<Vec<u8>>,
    used: &Receiver<Vec<u8>>,
) -> Result<Decompressed, UnpackError> {
    let by_ratio = layer
        .compressed_size()
        .saturating_mul(budget.ratio)
        .saturating_add(Budget::FREE_BYTES);
    let mut bytes = 0_u64;
    loop {
        let mut chunk = used.try_recv().unwrap_or_default();
        if let Err(source) = fill(&mut layer, &mut chunk) {
            return Err(UnpackError::Image {
                source: layer.explain(source),
            });
        }
        let length = chunk.len() as u64;
        bytes += length;
        if bytes > budget.bytes {
            return Err(UnpackError::Budget {
                limit: BudgetLimit::Bytes,
                allowed: budget.bytes,
            });
        }
        if bytes > by_ratio {
            return Err(UnpackError::Budget {
                limit: BudgetLimit::Ratio,
                allowed: budget.ratio,
            });
        }
        if length == 0 {
            return Ok(Decompressed {
                layer: Some(layer),
                bytes,
            });
        }
        if chunks.send(chunk).is_err() {
            // The layer was given up.
            return Ok(Decompressed { layer: None, bytes });
        }
    }
}

impl Source for LayerStream {
    fn fill(&mut self) -> io::Result<&[u8]> {
        if self.position == self.current.len() {
            let next = self.chunks.recv().unwrap_or_default();
            let used = std::mem::replace(&mut self.current, next);
            self.position = 0;
            // Nobody wants it after the last chunk.
            let _last = self.used.send(used);
        }
        Ok(&self.current[self.position..])
    }

    fn consume(&mut self, length: usize) {
        self.position += length;
    }

    fn skip(&mut self, length: u64) -> io::Result<u64> {
        let mut left = length;
        while left > 0 {
            let available = self.fill()?.len();
            if available == 0 {
                break;
            }
            let step = usize::try_from(left).map_or(available, |left| left.min(available));
            self.consume(step);
            left -= step as u64;
        }
        Ok(length - left)
    }
}
