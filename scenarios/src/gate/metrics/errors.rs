//! The share of requests that was not acknowledged.

use super::{Measured, Metric, Scale, whole};
use redrill_history::{Tolerated, Unit};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) struct Errors;

impl Metric for Errors {
    fn name(&self) -> &'static str {
        "errors"
    }

    fn id(&self) -> &'static str {
        "gate.errors"
    }

    fn statement(&self) -> &'static str {
        "No larger share of the requests stays unacknowledged than is tolerated."
    }

    fn unit(&self) -> Unit {
        Unit::Ratio
    }

    fn scale(&self) -> Scale {
        Scale::Difference
    }

    fn tolerated(&self) -> Tolerated {
        Tolerated::new(0.005, Duration::ZERO)
    }

    fn absent(&self) -> &'static str {
        "nothing was asked"
    }

    fn values(&self, block: &Measured<'_>) -> BTreeMap<String, f64> {
        whole((!block.0.requests.is_empty()).then(|| block.0.error_share()))
    }
}
