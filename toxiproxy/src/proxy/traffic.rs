//! What went through a proxy, counted as it goes.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

/// The bytes of one direction.
#[derive(Default)]
pub(crate) struct Flow {
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
}

impl Flow {
    /// Counts bytes that were read from a source.
    pub(super) fn received(&self, bytes: usize) {
        self.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes that were written to a destination.
    pub(super) fn sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes read and bytes written until now.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.received_bytes.load(Ordering::Relaxed), self.sent_bytes.load(Ordering::Relaxed))
    }

    /// As the API shows it.
    pub(super) fn to_json(&self) -> Value {
        let (received, sent) = self.bytes();
        json!({"received_bytes": received, "sent_bytes": sent})
    }
}
