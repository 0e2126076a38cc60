//! Latency: every chunk waits; the delay runs from its arrival, so throughput is not limited.

use std::time::Duration;

use rand::Rng;

use super::{Attribute, Context, Input, Kind, Removal, Runs, Stage, Step};

const LATENCY: Attribute = Attribute::millis("latency", "mean delay of a chunk, in ms");
const JITTER: Attribute =
    Attribute::millis("jitter", "largest deviation from the mean, drawn evenly, in ms");

/// The registry's entry.
pub(super) const KIND: Kind = Kind {
    name: "latency",
    struct_name: "toxics.LatencyToxic",
    attributes: &[LATENCY, JITTER],
    check: |_| Ok(()),
    runs: Runs::OnBytes(|| Box::new(Latency { draw: None })),
    removal: Removal::Flush,
};

/// The place of the oldest chunk's delay within the jitter, from 0 to 1, drawn once a chunk.
struct Latency {
    draw: Option<f64>,
}

impl Latency {
    fn delay(&mut self, context: &mut Context<'_>) -> Duration {
        let (latency, jitter) = (context.millis(&LATENCY), context.millis(&JITTER));
        if jitter.is_zero() {
            return latency;
        }
        let draw = *self.draw.get_or_insert_with(|| context.random.random());
        (latency + jitter.mul_f64(2.0 * draw)).saturating_sub(jitter)
    }
}

impl Stage for Latency {
    fn pull(&mut self, input: &mut Input, context: &mut Context<'_>) -> Step {
        let Some(arrived) = input.front().map(|chunk| chunk.arrived) else { return input.pass() };
        let due = arrived + self.delay(context);
        if context.now < due {
            return Step::Wait(Some(due));
        }
        self.draw = None;
        match input.pass() {
            // The next latency counts from here, not from when a timer happened to wake us.
            Step::Chunk(chunk) => Step::Chunk(super::Chunk { arrived: due, ..chunk }),
            other => other,
        }
    }

    fn capacity_bytes(&self) -> usize {
        // 64 MB in flight: 64 MB/s at a delay of one second.
        64 * 1024 * 1024
    }
}
