//! What an answer told beyond its operation: a fixed-size record with the operation's sequence.

use crate::log::Record;
use serde::Serialize;

/// Facts read from one answer; absent ones are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Observation {
    /// The operation's sequence number.
    pub seq: u64,
    /// The user whom a session's answer names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<u64>,
    /// A limiter's count after this hit; a job's attempts; a user's sockets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<u64>,
    /// The id of the limiter's window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u64>,
    /// The limit that the answer states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The remaining hits that the answer states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u64>,
    /// Seconds until the window ends, as the answer states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_s: Option<u64>,
    /// Seconds of `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// Age of a cached response by its own timestamp, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_ns: Option<u64>,
    /// The Redis node that acknowledged: the first 16 hexadecimal digits of its run id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<u64>,
}

impl Observation {
    /// The fields after the sequence, in file order; bit `n` of the mask belongs to field `n`.
    fn fields(&self) -> [Option<u64>; 9] {
        [
            self.owner,
            self.counter,
            self.window,
            self.limit,
            self.remaining,
            self.reset_s,
            self.retry_after_s,
            self.age_ns,
            self.node,
        ]
    }

    /// True when nothing was observed.
    pub fn is_empty(&self) -> bool {
        self.fields().iter().all(Option::is_none)
    }

    /// The number by which a node's run id (40 hexadecimal digits) is recorded.
    pub fn node_number(run_id: &str) -> Option<u64> {
        u64::from_str_radix(run_id.get(..16)?, 16).ok()
    }
}

impl Record for Observation {
    const SIZE: usize = 88;
    const MAGIC: [u8; 8] = *b"REDRILOB";

    fn encode(&self, out: &mut Vec<u8>) {
        let fields = self.fields();
        let mut mask = 0_u64;
        for (bit, field) in fields.iter().enumerate() {
            mask |= u64::from(field.is_some()) << bit;
        }
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&mask.to_le_bytes());
        for field in fields {
            out.extend_from_slice(&field.unwrap_or_default().to_le_bytes());
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let word = |index: usize| -> Option<u64> {
            Some(u64::from_le_bytes(bytes.get(index * 8..index * 8 + 8)?.try_into().ok()?))
        };
        let mask = word(1)?;
        let field = |bit: usize| (mask >> bit & 1 == 1).then(|| word(bit + 2)).flatten();
        Some(Self {
            seq: word(0)?,
            owner: field(0),
            counter: field(1),
            window: field(2),
            limit: field(3),
            remaining: field(4),
            reset_s: field(5),
            retry_after_s: field(6),
            age_ns: field(7),
            node: field(8),
        })
    }
}
