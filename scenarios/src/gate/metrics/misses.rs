//! The share of the cache's answers that the model had to give: a cache that is off, or that lost
//! its keys, is slow where nobody compares hits with misses.

use super::{Metric, Scale, Values, subject};
use crate::gate::blocks::Block;
use redrill_history::{Action, Capability, Flags, Tolerated, Unit};
use std::time::Duration;

/// Answers in a block, below which a share is a matter of a few.
const LEAST: usize = 100;

pub(super) const MISSES: Metric = Metric {
    name: "misses",
    id: "gate.misses",
    statement: "The cache leaves no larger share of its requests to the model than is tolerated.",
    unit: Unit::Ratio,
    scale: Scale::Difference,
    tolerated: Tolerated::new(0.05, Duration::ZERO),
    needs: None,
    about: Some(Capability::Cache),
    absent: "the cache gave fewer than 100 answers in a block",
    values: share,
};

fn share(block: &Block<'_>) -> Values {
    let answers: Vec<_> = block
        .requests
        .iter()
        .filter(|op| {
            op.capability == Capability::Cache && op.action == Action::Generate && op.is_ok()
        })
        .collect();
    let missed = answers.iter().filter(|op| !op.flags.has(Flags::HIT)).count();
    let share = (answers.len() >= LEAST).then(|| missed as f64 / answers.len() as f64);
    answers.first().map(|op| (subject(op), share)).into_iter().collect()
}
