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

/// One metric of a comparison.
#[derive(Clone, Debug)]
pub struct Member {
    /// What was seen of it.
    pub evidence: Evidence,
    /// The difference that is tolerated.
    pub tolerated: f64,
    /// What its differences spread by chance near what is tolerated, as a standard deviation, where
    /// that is known to be more than was seen: a share that is nought does not spread. Else nought.
    pub chance: f64,
}

/// The metrics of a comparison: each its evidence and the difference that is tolerated.
///
/// Worse than tolerated is a claim about any one metric, so it is corrected for their number
/// (Holm); not worse is the test of non-inferiority at the same margin (one side of D. J.
/// Schuirmann's two one-sided tests, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987).
#[derive(Debug)]
pub struct Family {
    members: Vec<Member>,
    p_worse: Vec<f64>,
    seed: u64,
}

impl Family {
    /// A family; the seed is that of the draws of the smallest effect.
    pub fn new(members: Vec<Member>, seed: u64) -> Self {
        let raw: Vec<f64> =
            members.iter().map(|member| member.evidence.p_above(member.tolerated)).collect();
        Self { members, p_worse: holm(&raw), seed }
    }

    /// How many metrics it has.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// What the first of the family must reach, which is the strictest.
    fn alpha(&self) -> f64 {
        FAMILY_ALPHA / self.members.len().max(1) as f64
    }

    /// Whether there are blocks enough for any of it to fail, however large the difference is.
    pub fn can_fail(&self) -> bool {
        self.members.iter().any(|member| member.evidence.is_enough(self.alpha()))
    }

    /// True for a family of nothing.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What it says of the metric with that index.
    pub fn judge(&self, index: usize) -> Option<Compared> {
        let Member { evidence, tolerated, chance } = self.members.get(index)?;
        let p_worse = *self.p_worse.get(index)?;
        let (low, high) = evidence.bounds(SIDE_ALPHA);
        let verdict = if p_worse <= FAMILY_ALPHA {
            Verdict::Fail
        } else if evidence.p_below(*tolerated) <= SIDE_ALPHA {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        };
        let needed = evidence.smallest(self.alpha(), POWER, DRAWS, *chance, self.seed);
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

    fn member(differences: Vec<f64>, tolerated: f64) -> Member {
        Member { evidence: Evidence::Paired(differences), tolerated, chance: 0.0 }
    }

    fn one(differences: &[f64], tolerated: f64) -> Compared {
        Family::new(vec![member(differences.to_vec(), tolerated)], 1).judge(0).unwrap()
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
        let alarm = member(differences, 0.05);
        let quiet = member(vec![0.0; 12], 0.05);
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

    #[test]
    fn a_family_needs_pairs_enough_for_its_size() {
        let family = |pairs: usize, members: usize| {
            Family::new(vec![member(vec![0.9; pairs], 0.1); members], 1)
        };
        // One in 2^8 patterns of signs is less than a twentieth of a thirteenth, and no more.
        assert!(family(8, 12).can_fail() && !family(8, 13).can_fail());
        assert_eq!(family(8, 13).judge(0).unwrap().verdict, Verdict::Inconclusive);
    }

    #[test]
    fn a_share_that_was_nought_still_spreads_where_it_would_fail() {
        // 2,200 requests a block: at 0.5 % a share of theirs spreads by 0.15 %. Of 12 blocks, a
        // share of 0.65 % fails in a third of the gates and one of 0.8 % in nearly all.
        let chance = (0.005 * 0.995 / 2_200.0_f64).sqrt();
        let errors = Member { chance, ..member(vec![0.0; 12], 0.005) };
        let smallest = Family::new(vec![errors; 20], 1).judge(0).unwrap().smallest.unwrap();
        assert!((0.0065..0.0085).contains(&smallest), "{smallest}");
    }
}
