//! Acknowledged requests a second: a side that falls behind its arrivals has fewer.

use super::{Measured, Metric, Scale, whole};
use redrill_history::{Tolerated, Unit};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) struct Throughput;

impl Metric for Throughput {
    fn name(&self) -> &'static str {
        "throughput"
    }

    fn id(&self) -> &'static str {
        "gate.throughput"
    }

    fn statement(&self) -> &'static str {
        "The same arrivals are acknowledged at the same rate, but for what is tolerated."
    }

    fn unit(&self) -> Unit {
        Unit::PerSecond
    }

    fn scale(&self) -> Scale {
        Scale::LessIsWorse
    }

    fn tolerated(&self) -> Tolerated {
        Tolerated::new(0.02, Duration::ZERO)
    }

    fn absent(&self) -> &'static str {
        "nothing was acknowledged"
    }

    fn values(&self, block: &Measured<'_>) -> BTreeMap<String, f64> {
        whole(Some(block.0.throughput_per_s()).filter(|rate| *rate > 0.0))
    }
}
