//! What a request costs the service and its Redis. These hardly vary with the machine's mood, so
//! that they show what latency hides: one more round trip in a hundred.

use super::{Metric, Scale, Values, whole};
use crate::gate::blocks::Block;
use redrill_history::{Tolerated, Unit};
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
    scale: Scale::PartOf,
    tolerated: Tolerated::new(0.01, Duration::ZERO),
    values: commands,
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
    about: None,
    absent: "the counters were not read",
    values: |_| Values::new(),
};

/// What a counter in the side's samples rose by.
fn a_request(block: &Block<'_>, counter: &str) -> Values {
    whole(block.per_request(counter).filter(|value| *value > 0.0))
}

/// All of them, and each: how often a worker looks for jobs is a matter of chance, and hides in the
/// sum of all commands what is exact in the one that a request has more.
fn commands(block: &Block<'_>) -> Values {
    let mut values = a_request(block, "redis_commands");
    for name in block.counters("calls.") {
        values.insert(name.to_owned(), block.per_request(&format!("calls.{name}")));
    }
    values
}
