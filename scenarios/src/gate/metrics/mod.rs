//! What is compared: one value a block, for the whole of it or by operation.

mod cost;
mod errors;
mod latency;
mod misses;
mod throughput;

use super::blocks::Block;
use redrill_history::{Capability, Operation, Tolerated, Unit};
use std::collections::BTreeMap;

/// Something that a candidate may be worse in.
#[derive(Debug)]
pub struct Metric {
    /// The name in plans: `p50`.
    pub name: &'static str,
    /// The finding's id: `gate.p50`.
    pub id: &'static str,
    /// What must hold, in plain words.
    pub statement: &'static str,
    /// The unit of the values.
    pub unit: Unit,
    /// How a difference is taken.
    pub scale: Scale,
    /// What a plan tolerates that does not say.
    pub tolerated: Tolerated,
    /// What it needs beside the load's own answers, where it does.
    pub needs: Option<&'static str>,
    /// The one capability that it is about, where it is about one.
    pub about: Option<Capability>,
    /// Why there may be no value, for a reader who misses one.
    pub absent: &'static str,
    /// The block's values.
    values: fn(&Block<'_>) -> Values,
}

impl Metric {
    pub(super) fn values(&self, block: &Block<'_>) -> Values {
        (self.values)(block)
    }
}

/// A block's values by operation, by the empty name for the whole; `None` where too few answers
/// tell it.
pub(super) type Values = BTreeMap<String, Option<f64>>;

/// An operation's name as a subject.
pub(super) fn subject(op: &Operation) -> String {
    format!("{}.{}", op.capability.name(), op.action.name())
}

/// How a difference to the worse is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// By ratio; more is worse.
    MoreIsWorse,
    /// By ratio; less is worse.
    LessIsWorse,
    /// By difference, because nought is usual; more is worse.
    Difference,
    /// By difference, as a share of the base's whole; more is worse. What one side has none of, it
    /// has nought of.
    PartOf,
}

/// Every metric, in the order of reports.
pub const METRICS: &[&Metric] = &[
    &latency::P50,
    &latency::P90,
    &latency::P99,
    &throughput::THROUGHPUT,
    &errors::ERRORS,
    &misses::MISSES,
    &cost::CPU,
    &cost::COMMANDS,
    &cost::BYTES,
];

/// The metric of that name.
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().copied().find(|metric| metric.name == name)
}

/// The value of the whole block.
fn whole(value: Option<f64>) -> Values {
    value.map(|value| (String::new(), Some(value))).into_iter().collect()
}
