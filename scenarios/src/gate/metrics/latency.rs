//! Latency by operation, from the intended start to the answer's end.

use super::{Measured, Metric, Scale};
use crate::statistics::quantile;
use redrill_history::{Flags, Tolerated, Unit};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const P50: Latency = Latency {
    name: "p50",
    id: "gate.p50",
    statement: "No operation takes longer at the median than is tolerated.",
    quantile: 0.5,
    least: 40,
    tolerated: Tolerated::new(0.25, Duration::from_micros(100)),
};
pub(super) const P90: Latency = Latency {
    name: "p90",
    id: "gate.p90",
    statement: "No operation takes longer at 90 % than is tolerated.",
    quantile: 0.9,
    least: 150,
    tolerated: Tolerated::new(0.4, Duration::from_micros(250)),
};
pub(super) const P99: Latency = Latency {
    name: "p99",
    id: "gate.p99",
    statement: "No operation takes longer at 99 % than is tolerated.",
    quantile: 0.99,
    least: 500,
    tolerated: Tolerated::new(1.0, Duration::from_millis(2)),
};

pub(super) struct Latency {
    name: &'static str,
    id: &'static str,
    statement: &'static str,
    quantile: f64,
    /// Answers of an operation in a block, below which the quantile is a matter of a few.
    least: usize,
    tolerated: Tolerated,
}

impl Metric for Latency {
    fn name(&self) -> &'static str {
        self.name
    }

    fn id(&self) -> &'static str {
        self.id
    }

    fn statement(&self) -> &'static str {
        self.statement
    }

    fn unit(&self) -> Unit {
        Unit::Nanoseconds
    }

    fn scale(&self) -> Scale {
        Scale::MoreIsWorse
    }

    fn tolerated(&self) -> Tolerated {
        self.tolerated
    }

    fn absent(&self) -> &'static str {
        "no operation was answered often enough in every block: raise the rate or the length of a \
         block, or leave the metric out"
    }

    fn values(&self, block: &Measured<'_>) -> BTreeMap<String, f64> {
        let mut latencies: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for op in block.0.requests.iter().filter(|op| op.is_ok()) {
            // What the cache answers and what the model does are two kinds of answers.
            let kind = if op.flags.has(Flags::HIT) { " hit" } else { "" };
            let name = format!("{}.{}{kind}", op.capability.name(), op.action.name());
            latencies.entry(name).or_default().push(op.latency_ns() as f64);
        }
        latencies.retain(|_, latencies| latencies.len() >= self.least);
        let of = |(name, mut latencies): (String, Vec<f64>)| {
            latencies.sort_by(f64::total_cmp);
            Some((name, quantile(&latencies, self.quantile)?))
        };
        latencies.into_iter().filter_map(of).collect()
    }
}
