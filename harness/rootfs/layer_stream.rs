//! A layer is decompressed and hashed on one thread while another makes files of it.
//!
//! Buffers go to and fro between the two, so that memory stays small however large a layer is.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    thread::{self, ScopedJoinHandle},
};

use super::{
    budget::{Budget, BudgetLimit},
    error::UnpackError,
};
use crate::image::{LayerReader, tar::Source};

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
    /// Zeros followed the last gzip member; `None` where nobody wanted the rest.
    pub(super) trailing_zeros: Option<bool>,
    /// How many bytes came out.
    pub(super) bytes: u64,
}

/// Starts to decompress a layer; `budget.bytes` is what is left.
pub(super) fn start<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    layer: LayerReader,
    budget: Budget,
) -> (
    LayerStream,
    ScopedJoinHandle<'scope, Result<LayerReport, UnpackError>>,
) {
    let (send_chunk, chunks) = sync_channel(WAITING);
    let (used, receive_used) = channel();
    let thread = scope.spawn(move || decompress(layer, budget, &send_chunk, &receive_used));
    let stream = LayerStream {
        chunks,
        used,
        current: Vec::new(),
        position: 0,
    };
    (stream, thread)
}

fn decompress(
    mut layer: LayerReader,
    budget: Budget,
    chunks: &SyncSender<Vec<u8>>,
    used: &Receiver<Vec<u8>>,
) -> Result<LayerReport, UnpackError> {
    let by_ratio = layer
        .compressed_size()
        .saturating_mul(budget.ratio)
        .saturating_add(Budget::FREE_BYTES);
    let mut bytes = 0_u64;
    loop {
        let mut chunk = used.try_recv().unwrap_or_default();
        chunk.clear();
        let room = CHUNK as u64;
        let length = match (&mut layer).take(room).read_to_end(&mut chunk) {
            Ok(length) => length as u64,
            Err(source) => {
                return Err(UnpackError::Image {
                    source: layer.explain(source),
                });
            }
        };
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
            let end = layer
                .finish()
                .map_err(|source| UnpackError::Image { source })?;
            return Ok(LayerReport {
                trailing_zeros: Some(end.trailing_zeros),
                bytes,
            });
        }
        if chunks.send(chunk).is_err() {
            // The other side has found an error and says so itself.
            return Ok(LayerReport {
                trailing_zeros: None,
                bytes,
            });
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
