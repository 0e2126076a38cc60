//! The share of requests that was not acknowledged.

use super::{Metric, Scale, whole};
use redrill_history::{Tolerated, Unit};
use std::time::Duration;

pub(super) const ERRORS: Metric = Metric {
    name: "errors",
    id: "gate.errors",
    statement: "No larger share of the requests stays unacknowledged than is tolerated.",
    unit: Unit::Ratio,
    scale: Scale::Difference,
    tolerated: Tolerated::new(0.005, Duration::ZERO),
    needs: None,
    absent: "nothing was asked",
    values: |block| whole((!block.requests.is_empty()).then(|| block.error_share())),
};
