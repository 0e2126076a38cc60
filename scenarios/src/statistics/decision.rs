//! From differences to verdicts: worse than is tolerated, surely not, or cannot be told.

use super::{Evidence, holm};
use redrill_history::Verdict;

/// The chance of one false alarm or more among all metrics of a comparison, were none worse than
/// tolerated.
pub const FAMILY_ALPHA: f64 = 0.05;
/// The chance that one metric passes though it is worse than tolerated. A comparison passes when
/// all of its metrics do, so that this needs no correction (R. L. Berger, Technometrics 24, 1982).
pub const SIDE_ALPHA: f64 = 0.05;
/// The chance with which the smallest effect is seen.
const POWER: f64 = 0.8;
/// Draws of the smallest effect; more change its third digit.
const DRAWS: u64 = 400;

/// What a comparison says of one metric. Differences above zero are worse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// Fail: worse than tolerated. Pass: surely not. Inconclusive: neither can be said.
    pub verdict: Verdict,
    /// The estimated difference.
    pub estimate: f64,
    /// The difference lies above this, but for a chance of [`SIDE_ALPHA`].
    pub low: f64,
    /// The difference lies below this, but for a chance of [`SIDE_ALPHA`].
    pub high: f64,
    /// The chance of what was seen, were the difference tolerated; corrected for the family.
    pub p_worse: f64,
    /// The smallest true difference that would have failed with a chance of 80 %, the tolerated one
    /// included; `None` where so few blocks can fail nothing.
    pub smallest: Option<f64>,
}

/// The metrics of a comparison: each its evidence and the difference that is tolerated.
///
/// Worse than tolerated is a claim about any one metric, so it is corrected for their number
/// (Holm); not worse is the test of non-inferiority at the same margin (one side of D. J.
/// Schuirmann's two one-sided tests, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987).
#[derive(Debug)]
pub struct Family {
    members: Vec<(Evidence, f64)>,
    p_worse: Vec<f64>,
    seed: u64,
}

impl Family {
    /// A family; the seed is that of the draws of the smallest effect.
    pub fn new(members: Vec<(Evidence, f64)>, seed: u64) -> Self {
        let raw: Vec<f64> =
            members.iter().map(|(evidence, tolerated)| evidence.p_above(*tolerated)).collect();
        Self { members, p_worse: holm(&raw), seed }
    }

    /// How many metrics it has.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// True for a family of nothing.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What it says of the metric with that index.
    pub fn judge(&self, index: usize) -> Option<Compared> {
        let (evidence, tolerated) = self.members.get(index)?;
        let p_worse = *self.p_worse.get(index)?;
        let (low, high) = evidence.bounds(SIDE_ALPHA);
        let verdict = if p_worse <= FAMILY_ALPHA {
            Verdict::Fail
        } else if evidence.p_below(*tolerated) <= SIDE_ALPHA {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        };
        // What the first of the family must reach, which is the strictest.
        let alpha = FAMILY_ALPHA / self.members.len() as f64;
        let needed = evidence.smallest(alpha, POWER, DRAWS, self.seed);
        Some(Compared {
            verdict,
            estimate: evidence.estimate().unwrap_or(0.0),
            low,
            high,
            p_worse,
            smallest: needed.map(|needed| needed + tolerated),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(differences: &[f64], tolerated: f64) -> Compared {
        let members = vec![(Evidence::Paired(differences.to_vec()), tolerated)];
        Family::new(members, 1).judge(0).unwrap()
    }

    #[test]
    fn the_three_verdicts() {
        let around = |centre: f64, spread: f64| -> Vec<f64> {
            (0..12).map(|at| centre + spread * (f64::from(at) - 5.5) / 5.5).collect()
        };
        assert_eq!(one(&around(0.0, 0.02), 0.05).verdict, Verdict::Pass);
        assert_eq!(one(&around(0.2, 0.02), 0.05).verdict, Verdict::Fail);
        assert_eq!(one(&around(0.05, 0.02), 0.05).verdict, Verdict::Inconclusive);
        assert_eq!(one(&around(0.0, 0.5), 0.05).verdict, Verdict::Inconclusive);
        assert_eq!(one(&[], 0.05).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn an_alarm_must_be_surer_among_many() {
        // One of twelve pairs is on the other side: 1 in 2048 or so.
        let mut differences = vec![0.2; 11];
        differences.push(0.04);
        let alarm = (Evidence::Paired(differences), 0.05);
        let quiet = (Evidence::Paired(vec![0.0; 12]), 0.05);
        let among = |others: usize| {
            let mut family = vec![quiet.clone(); others];
            family.push(alarm.clone());
            Family::new(family, 1).judge(others).unwrap().verdict
        };
        assert_eq!(among(0), Verdict::Fail);
        assert_eq!(among(200), Verdict::Inconclusive);
    }

    #[test]
    fn the_smallest_effect_includes_what_is_tolerated() {
        let found = one(&[0.01, -0.02, 0.03, -0.01, 0.0, 0.02, -0.03, 0.01, 0.0, -0.01], 0.1);
        assert!((0.1..0.16).contains(&found.smallest.unwrap()), "{found:?}");
        assert_eq!(one(&[0.0, 0.0], 0.1).smallest, None);
    }
}
