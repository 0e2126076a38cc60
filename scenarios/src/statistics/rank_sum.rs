//! Blocks of two sides that were not run in pairs: the rank-sum test, and what it bounds.
//!
//! Where two sides do not differ, every way to deal the blocks out to them is equally likely. This
//! needs blocks that are alike, which pairs do not: a machine that was slower on the day of one
//! side shows as a difference. H. B. Mann and D. R. Whitney, "On a test of whether one of two
//! random variables is stochastically larger than the other" (Annals of Mathematical Statistics
//! 18, 1947); interval and estimate as in M. Hollander and D. A. Wolfe, "Nonparametric statistical
//! methods", 4.1 to 4.3.

use super::ranks;
use super::signed_rank::{at_least, last_within};

/// The chance that dealing alone puts the candidate's ranks as high as they are. Exact, with ties.
pub(super) fn p_above(base: &[f64], candidate: &[f64]) -> f64 {
    let all: Vec<f64> = base.iter().chain(candidate).copied().collect();
    let ranks = ranks::doubled(&all);
    let seen = ranks[base.len()..].iter().sum();
    at_least(&distribution(&ranks, candidate.len()), seen)
}

/// Every candidate's value less every base's, in order.
pub(super) fn differences(base: &[f64], candidate: &[f64]) -> Vec<f64> {
    let each = |one: &f64| {
        let one = *one;
        base.iter().map(move |other| one - other)
    };
    let mut differences: Vec<f64> = candidate.iter().flat_map(each).collect();
    differences.sort_by(f64::total_cmp);
    differences
}

/// How many of the ordered differences lie outside a one-sided bound at `alpha`; `None` where so
/// few blocks bound nothing at that level.
pub(super) fn outside(base: usize, candidate: usize, alpha: f64) -> Option<usize> {
    let ranks: Vec<usize> = (1..=base + candidate).map(|rank| 2 * rank).collect();
    // From the smallest sum on, as Mann and Whitney count.
    let smallest = candidate * (candidate + 1);
    let chances = distribution(&ranks, candidate);
    last_within(chances.into_iter().skip(smallest).step_by(2), alpha)
}

/// The chance of each sum of doubled ranks when `drawn` of them are drawn.
fn distribution(ranks: &[usize], drawn: usize) -> Vec<f64> {
    let highest: usize = ranks.iter().sum();
    // By how many were drawn so far: the number of ways to each sum.
    let mut ways = vec![vec![0.0_f64; highest + 1]; drawn + 1];
    ways[0][0] = 1.0;
    for rank in ranks {
        for count in (0..drawn).rev() {
            for sum in 0..=highest - rank {
                let found = ways[count][sum];
                if found > 0.0 {
                    ways[count + 1][sum + rank] += found;
                }
            }
        }
    }
    let mut chances = ways.pop().unwrap_or_default();
    let all: f64 = chances.iter().sum();
    chances.iter_mut().for_each(|chance| *chance /= all);
    chances
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_the_published_example_and_r_give_them() {
        // Hollander and Wolfe, example 4.1 (also R's ?wilcox.test): permeability at term against
        // 12 to 26 weeks, p = 0.1272, estimate 0.305.
        let term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let early = [1.15, 0.88, 0.90, 0.74, 1.21];
        assert!((p_above(&early, &term) - 0.1272).abs() < 1e-4);
        let all = differences(&early, &term);
        let estimate = f64::midpoint(all[24], all[25]);
        assert!((estimate - 0.305).abs() < 1e-9, "{estimate}");
        // R: choose(6, 3) = 20 ways, so that the largest sum has a chance of 1 in 20.
        assert!((p_above(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]) - 0.05).abs() < 1e-12);
        // R: pwilcox(8, 10, 5) = 0.0200, pwilcox(9, 10, 5) = 0.0276.
        assert_eq!(outside(10, 5, 0.025), Some(8));
        assert_eq!(outside(2, 2, 0.05), None);
    }

    proptest! {
        #[test]
        fn the_bound_is_where_the_test_stops_to_reject(
            base in prop::collection::vec(-1.0_f64..1.0, 4..9),
            candidate in prop::collection::vec(-1.0_f64..1.0, 4..9),
            shift in -1.5_f64..1.5,
        ) {
            let places = outside(base.len(), candidate.len(), 0.05).unwrap();
            let bound = differences(&base, &candidate)[places];
            let shifted: Vec<f64> = candidate.iter().map(|one| one - shift).collect();
            prop_assume!((bound - shift).abs() > 1e-9);
            prop_assert_eq!(p_above(&base, &shifted) <= 0.05 + 1e-12, shift < bound);
        }
    }
}
