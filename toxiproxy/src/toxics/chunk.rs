//! What flows through a chain of toxics.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::Instant;

use super::Step;

/// What a queued chunk is charged beyond its bytes, so that many small ones stay bounded too.
const CHUNK_COST_BYTES: usize = 128;

/// Bytes read at once, and when.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chunk {
    /// The bytes, never empty.
    pub(crate) data: Bytes,
    /// When they were read, or when the last latency let them go.
    pub(crate) arrived: Instant,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The source sent its FIN: the other direction goes on.
    Fin,
    /// A toxic closes the connection, after what is already on its way.
    Close,
    /// The connection is reset, at both peers.
    Reset,
}

/// The queue before a stage.
#[derive(Default)]
pub(crate) struct Input {
    chunks: VecDeque<Chunk>,
    charged_bytes: usize,
    end: Option<End>,
}

impl Input {
    /// Queues a chunk.
    pub(crate) fn push(&mut self, chunk: Chunk) {
        self.charged_bytes += chunk.data.len() + CHUNK_COST_BYTES;
        self.chunks.push_back(chunk);
    }

    /// Nothing follows what is queued. The first end stays.
    pub(crate) fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    /// The end, once it was queued.
    pub(crate) fn ended(&self) -> Option<End> {
        self.end
    }

    /// The oldest chunk.
    pub(crate) fn front(&self) -> Option<&Chunk> {
        self.chunks.front()
    }

    /// Takes the oldest chunk.
    pub(crate) fn pop(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front()?;
        self.charged_bytes -= chunk.data.len() + CHUNK_COST_BYTES;
        Some(chunk)
    }

    /// The first bytes of the oldest chunk, which goes on; the rest stays.
    pub(crate) fn split(&mut self, bytes: usize) -> Step {
        match self.chunks.front_mut() {
            Some(chunk) if bytes < chunk.data.len() => {
                self.charged_bytes -= bytes;
                Step::Chunk(Chunk { data: chunk.data.split_to(bytes), arrived: chunk.arrived })
            }
            _ => self.pass(),
        }
    }

    /// Whether no chunk is queued.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Drops the queued chunks; true if there were any.
    pub(crate) fn discard(&mut self) -> bool {
        let any = !self.chunks.is_empty();
        self.chunks.clear();
        self.charged_bytes = 0;
        any
    }

    /// What is charged against the capacity of the stage, in bytes.
    pub(crate) fn charged_bytes(&self) -> usize {
        self.charged_bytes
    }

    /// What happens where no toxic acts: the oldest chunk, then the end.
    pub(crate) fn pass(&mut self) -> Step {
        match (self.pop(), self.end) {
            (Some(chunk), _) => Step::Chunk(chunk),
            (None, Some(end)) => Step::End(end),
            (None, None) => Step::Wait(None),
        }
    }
}
