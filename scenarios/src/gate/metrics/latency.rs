//! Latency by operation, from the intended start to the answer's end.

use super::{Metric, Scale, Values, subject};
use crate::gate::blocks::Block;
use crate::statistics::quantile;
use redrill_history::{Flags, Tolerated, Unit};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const P50: Metric = Metric {
    name: "p50",
    id: "gate.p50",
    statement: "No operation takes longer at the median than is tolerated.",
    unit: Unit::Nanoseconds,
    scale: Scale::MoreIsWorse,
    tolerated: Tolerated::new(0.25, Duration::from_micros(100)),
    needs: None,
    about: None,
    absent: "no operation was answered often enough in every block: raise the rate or the length \
             of a block, or leave the metric out",
    values: |block| by_operation(block, 0.5, 40),
};
pub(super) const P90: Metric = Metric {
    name: "p90",
    id: "gate.p90",
    statement: "No operation takes longer at 90 % than is tolerated.",
    tolerated: Tolerated::new(0.4, Duration::from_micros(250)),
    values: |block| by_operation(block, 0.9, 150),
    ..P50
};
pub(super) const P99: Metric = Metric {
    name: "p99",
    id: "gate.p99",
    statement: "No operation takes longer at 99 % than is tolerated.",
    tolerated: Tolerated::new(1.0, Duration::from_millis(2)),
    values: |block| by_operation(block, 0.99, 500),
    ..P50
};

/// The quantile of each operation; not of one that was answered less than `least` times, of which
/// it is a matter of a few answers.
fn by_operation(block: &Block<'_>, share: f64, least: usize) -> Values {
    let mut latencies: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for op in block.requests.iter().filter(|op| op.is_ok()) {
        // What the cache answers and what the model does are two kinds of answers.
        let kind = if op.flags.has(Flags::HIT) { " hit" } else { "" };
        let name = format!("{}{kind}", subject(op));
        latencies.entry(name).or_default().push(op.latency_ns() as f64);
    }
    let told = |(name, mut latencies): (String, Vec<f64>)| {
        latencies.sort_by(f64::total_cmp);
        let is_enough = latencies.len() >= least;
        (name, is_enough.then(|| quantile(&latencies, share)).flatten())
    };
    latencies.into_iter().map(told).collect()
}
