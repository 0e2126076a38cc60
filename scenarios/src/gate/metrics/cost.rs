//! What a request costs the service and its Redis. These hardly vary with the machine's mood, so
//! that they show what latency hides: one more round trip in a hundred.

use super::{Measured, Metric, Scale, whole};
use redrill_history::{Tolerated, Unit};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const CPU: Cost = Cost {
    name: "cpu",
    id: "gate.cpu",
    statement: "A request costs the service no more processor time than is tolerated.",
    counter: "server_cpu_ns",
    unit: Unit::Nanoseconds,
    share: 0.1,
    needs: "the service's processes, which redrill must have started",
};
pub(super) const COMMANDS: Cost = Cost {
    name: "commands",
    id: "gate.commands",
    statement: "A request costs no more Redis commands than is tolerated.",
    counter: "redis_commands",
    unit: Unit::Count,
    share: 0.01,
    needs: "the service's own Redis, which redrill must have started",
};
pub(super) const BYTES: Cost = Cost {
    name: "bytes",
    id: "gate.bytes",
    statement: "A request moves no more bytes to and from Redis than is tolerated.",
    counter: "redis_net_bytes",
    unit: Unit::Count,
    share: 0.03,
    needs: "the service's own Redis, which redrill must have started",
};

pub(super) struct Cost {
    name: &'static str,
    id: &'static str,
    statement: &'static str,
    /// The counter in the side's samples.
    counter: &'static str,
    unit: Unit,
    share: f64,
    needs: &'static str,
}

impl Metric for Cost {
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
        self.unit
    }

    fn scale(&self) -> Scale {
        Scale::MoreIsWorse
    }

    fn tolerated(&self) -> Tolerated {
        Tolerated::new(self.share, Duration::ZERO)
    }

    fn needs(&self) -> Option<&'static str> {
        Some(self.needs)
    }

    fn absent(&self) -> &'static str {
        "the counters were not read"
    }

    fn values(&self, block: &Measured<'_>) -> BTreeMap<String, f64> {
        whole(block.0.per_request(self.counter).filter(|value| *value > 0.0))
    }
}
