//! What a threshold can be held against.

use crate::{LONGEST_DURATION, Traffic};

/// A number of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// Latency at a quantile.
    Latency(f64),
    /// The longest latency.
    Max,
    /// The share of requests that were not served.
    Errors,
    /// Requests served, a second.
    Rate,
    /// What was served in time, as a share of what was offered.
    Goodput,
    /// By how much the jobs that wait grew, as a share of those acknowledged.
    Backlog,
}

/// Every metric with its name and what it is.
pub const METRICS: &[(&str, Metric, &str)] = &[
    ("p50", Metric::Latency(0.5), "half of the requests took no longer"),
    ("p90", Metric::Latency(0.9), "nine in ten requests took no longer"),
    ("p95", Metric::Latency(0.95), "19 in 20 requests took no longer"),
    ("p99", Metric::Latency(0.99), "99 in 100 requests took no longer"),
    ("p99.9", Metric::Latency(0.999), "999 in 1000 requests took no longer"),
    ("max", Metric::Max, "the slowest request"),
    ("errors", Metric::Errors, "the share of requests that were not served"),
    ("rate", Metric::Rate, "requests served a second"),
    ("goodput", Metric::Goodput, "requests served in time, as a share of those offered"),
    (
        "backlog",
        Metric::Backlog,
        "how much the jobs that wait grew, as a share of those acknowledged",
    ),
];

impl Metric {
    /// The metric of that name.
    pub fn find(name: &str) -> Option<Self> {
        METRICS.iter().find(|(known, ..)| *known == name).map(|(_, metric, _)| *metric)
    }

    /// The name in plans and reports.
    pub fn name(self) -> &'static str {
        METRICS.iter().find(|(_, metric, _)| *metric == self).map_or("", |(name, ..)| name)
    }

    /// True when more is worse.
    pub const fn is_worse_above(self) -> bool {
        !matches!(self, Self::Rate | Self::Goodput)
    }

    /// False when no value is beyond the bound: a share has a greatest and a least.
    pub(super) fn can_break(self, limit: f64, is_strict: bool) -> bool {
        match self {
            Self::Errors | Self::Backlog => limit < 1.0 || (is_strict && limit <= 1.0),
            Self::Goodput => limit > 0.0 || is_strict,
            Self::Latency(_) | Self::Max | Self::Rate => true,
        }
    }

    /// How many answers tell the number: a quantile wants one beyond it.
    pub fn answers_needed(self) -> u64 {
        match self {
            // A share of one in binary may fall short of itself by a rounding.
            Self::Latency(quantile) => (1.0 / (1.0 - quantile) - 1e-6).ceil() as u64,
            Self::Max | Self::Errors | Self::Rate | Self::Goodput => 1,
            Self::Backlog => 0,
        }
    }

    /// The number: nanoseconds, a share of one, or requests a second. `None` when there are too
    /// few requests to tell.
    pub fn value(self, traffic: &Traffic) -> Option<f64> {
        match self {
            Self::Latency(quantile) => traffic.quantile_ns(quantile).map(|ns| ns as f64),
            Self::Max => traffic.latency.max_ns().map(|ns| ns as f64),
            Self::Errors => traffic.errors(),
            Self::Rate => traffic.delivered_per_s().filter(|_| traffic.offered > 0),
            Self::Goodput => traffic.goodput(),
            Self::Backlog => Some(traffic.backlog_share()),
        }
    }

    /// Reads a number of this metric's unit.
    pub(super) fn parse(self, text: &str) -> Result<f64, String> {
        match self {
            Self::Latency(_) | Self::Max => time(text),
            Self::Errors | Self::Goodput | Self::Backlog => share(text),
            Self::Rate => parse_rate(text),
        }
    }
}

fn time(text: &str) -> Result<f64, String> {
    const UNITS: &[(&str, f64)] =
        &[("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9)];
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let scale = UNITS.iter().find(|(known, _)| *known == unit).map(|(_, scale)| *scale);
    match (number.parse::<f64>(), scale) {
        (Ok(number), Some(scale)) if number * scale <= LONGEST_DURATION.as_secs_f64() * 1e9 => {
            Ok(number * scale)
        }
        (Ok(_), Some(_)) => Err(format!("'{text}' is too long: no time can be longer than 366d")),
        (Ok(_), None) => Err(format!("'{text}' needs a unit of time: us, ms or s, as in 50ms")),
        _ => Err(format!("'{text}' is no time; write it like 50ms or 1.5s")),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
    percent
        .filter(|percent| (0.0..=100.0).contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or_else(|| format!("'{text}' is no share from 0% to 100%; write it like 0.1%"))
}

/// Reads a rate: `800/s` or `800`.
///
/// # Errors
/// What is wrong, with an example.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    number
        .parse::<f64>()
        .ok()
        .filter(|rate| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| format!("'{text}' is no rate; write it like 800/s"))
}
