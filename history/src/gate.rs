//! Comparing two builds: the `[gate]` section of a plan, and what was found of one metric.

use crate::{Unit, Verdict, parse_duration, print_duration};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::collections::BTreeMap;
use std::time::Duration;

/// How two sides are compared. The load of the plan is that of one block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatePlan {
    /// What the base is: a target, a program or an address, as it was given. Absent where saved
    /// blocks stand for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// What the candidate is.
    pub candidate: String,
    /// Pairs of blocks, one of each side.
    pub pairs: u16,
    /// Pairs after which all processes of both sides are started anew: each start has a luck of its
    /// own, and what a process remembers of a block must not weigh on the next.
    pub fresh_every: u16,
    /// The first part of each block, in which nothing is measured.
    #[serde(with = "crate::serde_duration")]
    pub discard: Duration,
    /// The difference to the worse that is tolerated, by metric.
    pub tolerated: BTreeMap<String, Tolerated>,
    /// Saved blocks that stand for the base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
}

impl GatePlan {
    /// The side of the base in segments and samples.
    pub const BASE: &str = "base";
    /// The side of the candidate.
    pub const CANDIDATE: &str = "candidate";
}

/// What of a difference to the worse is tolerated: `"25%"`, or `"25%, 1ms"` where so short a time
/// is tolerated whatever its share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerated {
    /// A share of the base; of error shares, the difference itself.
    pub share: f64,
    /// A time that is tolerated where it is more than the share.
    pub time: Duration,
}

impl Tolerated {
    /// A share of one, and a time.
    pub const fn new(share: f64, time: Duration) -> Self {
        Self { share, time }
    }

    /// Reads `25%` or `25%, 1ms`.
    ///
    /// # Errors
    /// Says what was wrong and shows an example.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' tolerates nothing; write \"25%\", or \"25%, 1ms\"");
        let (share, time) = match text.split_once(',') {
            Some((share, time)) => (share, parse_duration(time.trim())?),
            None => (text, Duration::ZERO),
        };
        let share = share.trim().strip_suffix('%').ok_or_else(wrong)?.trim();
        let share = share.parse::<f64>().map_err(|_| wrong())? / 100.0;
        if !(0.0..=100.0).contains(&share) {
            return Err(format!("'{text}': a share lies from 0% to 10000%"));
        }
        Ok(Self { share, time })
    }

    /// As [`Tolerated::parse`] reads it.
    pub fn words(&self) -> String {
        // Two digits more than anybody writes: 1.1 is not 1.1000000000000001.
        let share = (self.share * 1e8).round() / 1e6;
        match self.time.is_zero() {
            true => format!("{share}%"),
            false => format!("{share}%, {}", print_duration(self.time)),
        }
    }
}

impl Serialize for Tolerated {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.words())
    }
}

impl<'de> Deserialize<'de> for Tolerated {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Blocks of an earlier run: the content of the file of `--save-baseline`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// What was measured, as it was given.
    pub target: String,
    /// When, RFC 3339 in UTC.
    pub began: String,
    /// Processors, their model, kernel and Redis of that run: another machine is another measure.
    pub machine: String,
    /// The load of a block in words: another load is another measure.
    pub load: String,
    /// A digest of everything else in the plan that a block's numbers depend on.
    pub conditions: String,
    /// By metric and operation, a number a block: `"p50 sessions.read"`, `"commands"`.
    pub blocks: BTreeMap<String, Vec<f64>>,
}

/// What a comparison found of one metric of one operation. Differences are to the worse: a share of
/// the base, or, of error shares, the difference itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The metric: `p50`.
    pub metric: String,
    /// The operation: `sessions.read`; empty for a metric of them all.
    pub subject: String,
    /// The unit of the values.
    pub unit: Unit,
    /// The base's value, a number a block.
    pub base: Vec<f64>,
    /// The candidate's.
    pub candidate: Vec<f64>,
    /// By how much the candidate was worse, a number a pair; empty where blocks were not paired.
    pub pairs: Vec<f64>,
    /// The estimate of the difference.
    pub estimate: f64,
    /// It lies above this, but for a chance of 5 %; `None` where that cannot be bounded.
    pub low: Option<f64>,
    /// It lies below this, but for a chance of 5 %.
    pub high: Option<f64>,
    /// What is tolerated.
    pub tolerated: f64,
    /// The smallest true difference that would have failed with a chance of 80 %.
    pub smallest: Option<f64>,
    /// The chance of what was seen, were the difference tolerated; corrected for all comparisons.
    pub p_worse: f64,
    /// Worse than tolerated (fail), surely not (pass), or neither can be said.
    pub verdict: Verdict,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tolerated_comes_back_as_written() {
        for text in ["25%", "1.1%", "0%", "0.5%, 1ms", "100%, 2ms 500us"] {
            assert_eq!(Tolerated::parse(text).unwrap().words(), text);
        }
        let spaced = Tolerated::parse(" 25 % , 1 ms").unwrap();
        assert_eq!(spaced, Tolerated::new(0.25, Duration::from_millis(1)));
    }

    #[test]
    fn nonsense_names_itself_and_an_example() {
        for text in ["25", "much", "25%, soon", "-5%", "", "1e9%"] {
            let told = Tolerated::parse(text).unwrap_err();
            assert!(told.contains('\'') && !told.is_empty(), "{told}");
        }
        assert!(Tolerated::parse("25").unwrap_err().contains("25%, 1ms"));
    }
}
