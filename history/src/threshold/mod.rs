//! Thresholds: what must not be, as people write it: `p99 > 50ms for sessions.read`.

mod metric;
mod parse;

pub use metric::{METRICS, Metric, parse_rate};
pub use parse::Misread;

use crate::{RunView, Scope, Segment, Traffic};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;

/// A bound that a load must not break.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// What is measured.
    pub metric: Metric,
    /// The bound, in the metric's unit.
    pub limit: f64,
    /// True when reaching the bound breaks it.
    pub is_strict: bool,
    /// Which requests.
    pub scope: Scope,
    /// As it was written.
    text: String,
}

impl Threshold {
    /// Reads `<metric> > <number> [for <capability>[.<operation>]]`; the metrics are [`METRICS`].
    ///
    /// # Errors
    /// What cannot be read, where it stands, and what can stand there.
    pub fn parse(text: &str) -> Result<Self, Misread> {
        parse::parse(text)
    }

    /// What the metric came to in a segment; `None` when there are too few requests to tell.
    pub fn value(&self, run: &RunView, segment: &Segment) -> Option<f64> {
        self.metric.value(&Traffic::of(run, segment, self.scope))
    }

    /// True when the value is beyond the bound.
    pub fn is_broken_by(&self, value: f64) -> bool {
        let beyond =
            if self.metric.is_worse_above() { value > self.limit } else { value < self.limit };
        beyond || (self.is_strict && value == self.limit)
    }

    /// What must hold, in words: `p99 of sessions.read is at most 50ms`.
    pub fn statement(&self) -> String {
        format!("{} is {}", self.subject(), self.bound())
    }

    /// What is bounded, in words: `p99 of sessions.read`.
    pub fn subject(&self) -> String {
        let of = match self.scope {
            Scope::All => "all requests".to_owned(),
            scope => scope.name(),
        };
        format!("{} of {of}", self.metric.name())
    }

    /// The bound in words: `at most 50ms`.
    pub fn bound(&self) -> String {
        let bound = match (self.metric.is_worse_above(), self.is_strict) {
            (true, false) => "at most",
            (true, true) => "below",
            (false, false) => "at least",
            (false, true) => "above",
        };
        format!("{bound} {}", self.limit_text())
    }

    /// The bound as it was written: `50ms`.
    pub fn limit_text(&self) -> &str {
        self.text.split([' ', '>', '<', '=']).filter(|word| !word.is_empty()).nth(1).unwrap_or("")
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.text)
    }
}

impl Serialize for Threshold {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(|misread| D::Error::custom(misread.message))
    }
}
