//! Acknowledged requests a second: a side that falls behind its arrivals has fewer.

use super::{Metric, Scale, whole};
use redrill_history::{Tolerated, Unit};
use std::time::Duration;

pub(super) const THROUGHPUT: Metric = Metric {
    name: "throughput",
    id: "gate.throughput",
    statement: "The same arrivals are acknowledged at the same rate, but for what is tolerated.",
    unit: Unit::PerSecond,
    scale: Scale::LessIsWorse,
    tolerated: Tolerated::new(0.02, Duration::ZERO),
    needs: None,
    about: None,
    absent: "nothing was acknowledged",
    values: |block| whole(Some(block.throughput_per_s()).filter(|rate| *rate > 0.0)),
};
