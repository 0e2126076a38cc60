//! What a request costs the service and its Redis. These hardly vary with the machine's mood, so
//! that they show what latency hides: one more round trip in a hundred.

use super::{Metric, Scale, whole};
use crate::gate::blocks::Block;
use redrill_history::{Tolerated, Unit};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const CPU: Metric = Metric {
    name: "cpu",
    id: "gate.cpu",
    statement: "A request costs the service no more processor time than is tolerated.",
    unit: Unit::Nanoseconds,
    tolerated: Tolerated::new(0.1, Duration::ZERO),
    needs: Some("the service's processes, which redrill must have started"),
    values: |block| a_request(block, "server_cpu_ns"),
    ..COST
};
pub(super) const COMMANDS: Metric = Metric {
    name: "commands",
    id: "gate.commands",
    statement: "A request costs no more Redis commands than is tolerated.",
    tolerated: Tolerated::new(0.01, Duration::ZERO),
    values: |block| a_request(block, "redis_commands"),
    ..COST
};
pub(super) const BYTES: Metric = Metric {
    name: "bytes",
    id: "gate.bytes",
    statement: "A request moves no more bytes to and from Redis than is tolerated.",
    tolerated: Tolerated::new(0.03, Duration::ZERO),
    values: |block| a_request(block, "redis_net_bytes"),
    ..COST
};

/// What all of them share; no metric of its own.
const COST: Metric = Metric {
    name: "",
    id: "",
    statement: "",
    unit: Unit::Count,
    scale: Scale::MoreIsWorse,
    tolerated: Tolerated::new(0.0, Duration::ZERO),
    needs: Some("the service's own Redis, which redrill must have started"),
    absent: "the counters were not read",
    values: |_| BTreeMap::new(),
};

/// What a counter in the side's samples rose by.
fn a_request(block: &Block<'_>, counter: &str) -> BTreeMap<String, f64> {
    whole(block.per_request(counter).filter(|value| *value > 0.0))
}
