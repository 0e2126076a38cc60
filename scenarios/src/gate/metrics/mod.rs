//! What is compared: one value a block, for the whole of it or by operation.

mod cost;
mod errors;
mod latency;
mod throughput;

use super::blocks::Block;
use redrill_history::{Tolerated, Unit};
use std::collections::BTreeMap;

/// Something that a candidate may be worse in.
pub trait Metric: Sync {
    /// The name in plans: `p50`.
    fn name(&self) -> &'static str;
    /// The finding's id: `gate.p50`.
    fn id(&self) -> &'static str;
    /// What must hold, in plain words.
    fn statement(&self) -> &'static str;
    /// The unit of the values.
    fn unit(&self) -> Unit;
    /// How a difference is taken.
    fn scale(&self) -> Scale;
    /// What a plan tolerates that does not say.
    fn tolerated(&self) -> Tolerated;
    /// What it needs beside the load's own answers, where it does.
    fn needs(&self) -> Option<&'static str> {
        None
    }
    /// Why there may be no value, for a reader who misses one.
    fn absent(&self) -> &'static str;
    /// The block's values by operation; by the empty name for the whole.
    fn values(&self, block: &Measured<'_>) -> BTreeMap<String, f64>;
}

/// A block as metrics see it.
pub struct Measured<'a>(pub(super) &'a Block<'a>);

impl std::fmt::Debug for Measured<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "Measured({} requests)", self.0.requests.len())
    }
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
}

/// Every metric, in the order of reports.
pub const METRICS: &[&dyn Metric] = &[
    &latency::P50,
    &latency::P90,
    &latency::P99,
    &throughput::Throughput,
    &errors::Errors,
    &cost::CPU,
    &cost::COMMANDS,
    &cost::BYTES,
];

/// The metric of that name.
pub fn find(name: &str) -> Option<&'static dyn Metric> {
    METRICS.iter().copied().find(|metric| metric.name() == name)
}

/// The value of the whole block.
fn whole(value: Option<f64>) -> BTreeMap<String, f64> {
    value.map(|value| (String::new(), value)).into_iter().collect()
}
