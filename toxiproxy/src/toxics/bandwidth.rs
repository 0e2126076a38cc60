//! Bandwidth: chunks leave no faster than the rate; large ones leave in pieces every 100 ms.

use std::time::Duration;

use tokio::time::Instant;

use super::attributes::{MOST_BYTES, Range};
use super::{Attribute, Context, Input, Kind, Removal, Runs, Stage, Step};

const RATE: Attribute = Attribute {
    name: "rate",
    about: "rate in KB/s of 1,000 bytes; 0 stops the data and keeps it",
    range: Range::Whole(0..=MOST_BYTES, "int64"),
};

/// A piece is what leaves within this time.
const PIECE_MS: u64 = 100;

/// The registry's entry.
pub(super) const KIND: Kind = Kind {
    name: "bandwidth",
    struct_name: "toxics.BandwidthToxic",
    attributes: &[RATE],
    check: |_| Ok(()),
    runs: Runs::OnBytes(|| Box::new(Bandwidth { free_at: None, began: None })),
    removal: Removal::Flush,
};

struct Bandwidth {
    /// When the last piece had left, by the rate.
    free_at: Option<Instant>,
    /// When the current piece began to leave.
    began: Option<Instant>,
}

impl Stage for Bandwidth {
    fn pull(&mut self, input: &mut Input, context: &mut Context<'_>) -> Step {
        let Some(front) = input.front() else { return input.pass() };
        let bytes_per_ms = context.attributes.whole(&RATE);
        if bytes_per_ms == 0 {
            // Time in which nothing may leave is not made up for afterwards.
            (self.free_at, self.began) = (None, None);
            return Step::Wait(None);
        }
        let length = u64::try_from(front.data.len()).unwrap_or(u64::MAX);
        let piece = length.min(bytes_per_ms.saturating_mul(PIECE_MS));
        let takes = Duration::from_nanos(piece.saturating_mul(1_000_000) / bytes_per_ms);
        let idle_until = front.arrived.max(self.free_at.unwrap_or(front.arrived));
        let due = *self.began.get_or_insert(idle_until) + takes;
        if context.now < due {
            return Step::Wait(Some(due));
        }
        (self.free_at, self.began) = (Some(due), None);
        input.split(usize::try_from(piece).unwrap_or(usize::MAX))
    }
}
