//! What the checkers found: `findings.json`.

use crate::{Comparison, Phase, parse_duration, print_duration};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::time::Duration;

/// Worst wins: fail before inconclusive before pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The statement held, with evidence.
    Pass,
    /// There is not enough evidence to say.
    Inconclusive,
    /// The statement was broken, definitely.
    Fail,
}

impl Verdict {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
        }
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Things.
    Count,
    /// Nanoseconds.
    Nanoseconds,
    /// A share of one.
    Ratio,
    /// Things a second.
    PerSecond,
}

/// A number beside the counts: a time, a ratio. `None` means that it is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What it is, in a few words.
    pub name: String,
    /// The number.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: Unit,
}

/// Counts of one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseCount {
    /// The phase.
    pub phase: Phase,
    /// Definite violations.
    pub definite: u64,
    /// Possible violations, the definite ones included.
    pub possible: u64,
    /// Operations that were examined.
    pub examined: u64,
}

/// A split of a count by a question ("when was it acknowledged?").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breakdown {
    /// The question.
    pub title: String,
    /// Answer and count.
    pub rows: Vec<(String, u64)>,
}

/// A few operations that together prove one violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// One or two sentences for a reader who knows the service and not the checker.
    pub explanation: String,
    /// Sequence numbers of the guilty operations and of those that prove it, in order of time.
    pub operations: Vec<u64>,
    /// Sequence numbers of effects, in order of time.
    pub effects: Vec<u64>,
}

/// What one checker found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The checker: `queue.lost`.
    pub id: String,
    /// What must hold, in plain words.
    pub statement: String,
    /// Whether it held.
    pub verdict: Verdict,
    /// One sentence: what was seen.
    pub summary: String,
    /// Violations that no ordering of the unknowns explains away. Only these fail.
    pub definite: u64,
    /// Violations that some ordering makes real, the definite ones included.
    pub possible: u64,
    /// Operations that could have shown a violation; zero makes the finding inconclusive.
    pub examined: u64,
    /// The bound that was held against it, in words.
    pub objective: String,
    /// Other numbers; the first one is what a bound on a time or ratio is held against.
    pub measures: Vec<Measure>,
    /// The counts by phase, where they can be told.
    pub phases: Vec<PhaseCount>,
    /// Splits of the definite count.
    pub breakdowns: Vec<Breakdown>,
    /// The first few proofs.
    pub witnesses: Vec<Witness>,
    /// What two sides' blocks say, by operation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Comparison>,
}

/// A bound in the plan on a finding's number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// At most so many definite violations: `0`.
    Count(u64),
    /// At most this long: `"5s"`.
    Time(Duration),
    /// At least this share: `"99.9%"`.
    Share(f64),
}

impl Bound {
    /// The bound in words.
    pub fn words(&self) -> String {
        match self {
            Self::Count(0) => "none".to_owned(),
            Self::Count(most) => format!("at most {most}"),
            Self::Time(most) => format!("at most {}", print_duration(*most)),
            Self::Share(least) => format!("at least {} %", least * 100.0),
        }
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(most) => to.serialize_u64(*most),
            Self::Time(most) => to.serialize_str(&print_duration(*most)),
            Self::Share(least) => to.serialize_str(&format!("{}%", least * 100.0)),
        }
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "a bound is a count (0), a time (\"5s\") or a share (\"99%\")"
        )]
        enum Written {
            Count(u64),
            Text(String),
        }
        match Written::deserialize(from)? {
            Written::Count(most) => Ok(Self::Count(most)),
            Written::Text(text) => match text.strip_suffix('%') {
                Some(share) => match share.trim().parse::<f64>() {
                    Ok(share) if (0.0..=100.0).contains(&share) => Ok(Self::Share(share / 100.0)),
                    _ => Err(D::Error::custom(format!("'{text}' is no share from 0% to 100%"))),
                },
                None => parse_duration(&text).map(Self::Time).map_err(|_| {
                    D::Error::custom(format!(
                        "'{text}' is no bound; write a count (0), a time of at most 366d \
                         (\"5s\") or a share (\"99%\")"
                    ))
                }),
            },
        }
    }
}

impl Finding {
    /// A finding without evidence; the checker fills in what it saw and calls
    /// [`Finding::judged`].
    pub fn new(id: &str, statement: &str) -> Self {
        Self {
            id: id.to_owned(),
            statement: statement.to_owned(),
            verdict: Verdict::Inconclusive,
            summary: String::new(),
            definite: 0,
            possible: 0,
            examined: 0,
            objective: String::new(),
            measures: Vec::new(),
            phases: Vec::new(),
            breakdowns: Vec::new(),
            witnesses: Vec::new(),
            comparisons: Vec::new(),
        }
    }

    /// The same finding, inconclusive for the reason given whatever its counts say.
    #[must_use]
    pub fn inconclusive(mut self, reason: &str) -> Self {
        reason.clone_into(&mut self.summary);
        self.verdict = Verdict::Inconclusive;
        self
    }

    /// Sets the verdict: nothing examined is inconclusive; a definite violation above the bound
    /// fails; a first measure beyond a bound on a time or share fails, an unknown one is
    /// inconclusive. Without a bound no definite violation is allowed.
    #[must_use]
    pub fn judged(mut self, bound: Option<&Bound>) -> Self {
        let bound = bound.copied().unwrap_or(Bound::Count(0));
        self.objective = bound.words();
        let first = self.measures.first().and_then(|measure| measure.value);
        self.verdict = match (bound, first) {
            _ if self.examined == 0 => Verdict::Inconclusive,
            (Bound::Count(most), _) => pass_if(self.definite <= most),
            (Bound::Time(most), Some(value)) => pass_if(value <= most.as_secs_f64() * 1e9),
            (Bound::Share(least), Some(value)) => pass_if(value >= least),
            (Bound::Time(_) | Bound::Share(_), None) => Verdict::Inconclusive,
        };
        self
    }
}

fn pass_if(held: bool) -> Verdict {
    if held { Verdict::Pass } else { Verdict::Fail }
}

/// All findings of a run: the content of `findings.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The worst of the findings' verdicts; inconclusive when there are none.
    pub verdict: Verdict,
    /// One sentence: the headline.
    pub headline: String,
    /// The findings, in the order of the checkers' registry.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The worst verdict of the findings; inconclusive when there are none.
    pub fn worst(findings: &[Finding]) -> Verdict {
        findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Inconclusive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(definite: u64, examined: u64) -> Finding {
        Finding { definite, possible: definite, examined, ..Finding::new("x", "x holds") }
    }

    #[test]
    fn nothing_examined_is_inconclusive_never_pass() {
        assert_eq!(finding(0, 0).judged(None).verdict, Verdict::Inconclusive);
        assert_eq!(finding(0, 1).judged(None).verdict, Verdict::Pass);
        assert_eq!(Report::worst(&[]), Verdict::Inconclusive);
    }

    #[test]
    fn only_definite_counts_fail_and_only_above_the_bound() {
        let mut possible = finding(0, 9);
        possible.possible = 3;
        assert_eq!(possible.judged(None).verdict, Verdict::Pass);
        assert_eq!(finding(3, 9).judged(None).verdict, Verdict::Fail);
        assert_eq!(finding(3, 9).judged(Some(&Bound::Count(3))).verdict, Verdict::Pass);
    }

    #[test]
    fn a_bound_on_a_time_is_held_against_the_first_measure() {
        let bound = Bound::Time(Duration::from_secs(5));
        let timed = |value| {
            let measure = Measure { name: "recovery".to_owned(), value, unit: Unit::Nanoseconds };
            Finding { measures: vec![measure], ..finding(0, 1) }.judged(Some(&bound)).verdict
        };
        assert_eq!(timed(Some(5e9)), Verdict::Pass);
        assert_eq!(timed(Some(5.1e9)), Verdict::Fail);
        assert_eq!(timed(None), Verdict::Inconclusive);
    }

    #[test]
    fn the_worst_verdict_wins() {
        let all =
            [finding(0, 1).judged(None), finding(0, 0).judged(None), finding(1, 1).judged(None)];
        assert_eq!(Report::worst(&all[..1]), Verdict::Pass);
        assert_eq!(Report::worst(&all[..2]), Verdict::Inconclusive);
        assert_eq!(Report::worst(&all), Verdict::Fail);
    }
}
