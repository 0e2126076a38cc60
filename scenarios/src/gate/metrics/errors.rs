//! The share of requests that was not acknowledged, of all of them and by operation: what fails in
//! one that is rare does not show in the whole.

use super::{Metric, Scale, Values, subject};
use crate::gate::blocks::Block;
use redrill_history::{Tolerated, Unit};
use std::collections::BTreeMap;
use std::time::Duration;

/// Requests of an operation in a block, below which a share is a matter of a few.
const LEAST: usize = 150;

pub(super) const ERRORS: Metric = Metric {
    name: "errors",
    id: "gate.errors",
    statement: "No larger share of the requests stays unacknowledged than is tolerated.",
    unit: Unit::Ratio,
    scale: Scale::Difference,
    tolerated: Tolerated::new(0.005, Duration::ZERO),
    needs: None,
    about: None,
    absent: "nothing was asked",
    values: shares,
};

fn shares(block: &Block<'_>) -> Values {
    // Asked and not acknowledged.
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for op in block.meant() {
        for name in [String::new(), subject(op)] {
            let (asked, failed) = counts.entry(name).or_default();
            *asked += 1;
            *failed += usize::from(!op.is_ok());
        }
    }
    let told = |(name, (asked, failed)): (String, (usize, usize))| {
        let is_enough = name.is_empty() || asked >= LEAST;
        (name, is_enough.then(|| failed as f64 / asked as f64))
    };
    counts.into_iter().map(told).collect()
}
