//! Pairs of blocks: the sign-flip permutation test on signed ranks, and what it bounds.
//!
//! Where two sides do not differ, each pair's difference could as well have had the other sign: the
//! two ran next to each other, and every two pairs in mirrored order. So all 2^n patterns of signs
//! are taken for equally likely, whatever the differences are distributed like. (Chance draws only
//! the order of every two pairs; load from elsewhere that comes back every four blocks would be
//! seen as a difference more often than stated.) The sum of the positive ones' ranks is
//! compared with what those patterns give; ranks, so that one wild pair weighs no more than any
//! other. F. Wilcoxon, "Individual comparisons by ranking methods" (Biometrics Bulletin 1, 1945);
//! zeros as J. W. Pratt has them (JASA 54, 1959); interval and estimate as in M. Hollander and
//! D. A. Wolfe, "Nonparametric statistical methods", 3.1 to 3.3.

use super::ranks;

/// The chance that the signs alone put the sum of positive ranks as high as it is: small where the
/// differences lie above zero. Exact at any number of pairs, with ties: the patterns are counted by
/// their sum, not listed.
pub(super) fn p_above(differences: &[f64]) -> f64 {
    let sizes: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
    let ranked: Vec<(usize, f64)> = ranks::doubled(&sizes)
        .into_iter()
        .zip(differences.iter().copied())
        .filter(|(_, difference)| *difference != 0.0)
        .collect();
    let seen =
        ranked.iter().filter(|(_, difference)| *difference > 0.0).map(|(rank, _)| rank).sum();
    let ranks: Vec<usize> = ranked.iter().map(|(rank, _)| *rank).collect();
    at_least(&distribution(&ranks), seen)
}

/// The averages of every two differences and of each with itself, in order: Walsh's.
pub(super) fn walsh(differences: &[f64]) -> Vec<f64> {
    let mut averages = Vec::with_capacity(differences.len() * (differences.len() + 1) / 2);
    for (at, one) in differences.iter().enumerate() {
        averages.extend(differences[at..].iter().map(|other| f64::midpoint(*one, *other)));
    }
    averages.sort_by(f64::total_cmp);
    averages
}

/// How many of the ordered averages lie outside a one-sided bound at `alpha`; `None` where so few
/// pairs bound nothing at that level.
pub(super) fn outside(pairs: usize, alpha: f64) -> Option<usize> {
    let ranks: Vec<usize> = (1..=pairs).map(|rank| 2 * rank).collect();
    last_within(distribution(&ranks).iter().step_by(2).copied(), alpha)
}

/// The chance of each sum of doubled ranks when every one counts or not, as a coin falls.
fn distribution(ranks: &[usize]) -> Vec<f64> {
    let mut chances = vec![0.0; ranks.iter().sum::<usize>() + 1];
    chances[0] = 1.0;
    let mut highest = 0;
    for rank in ranks {
        for sum in (0..=highest).rev() {
            chances[sum] /= 2.0;
            chances[sum + rank] += chances[sum];
        }
        highest += rank;
    }
    chances
}

/// The chance of this sum or a larger one.
pub(super) fn at_least(chances: &[f64], sum: usize) -> f64 {
    chances.iter().skip(sum).sum::<f64>().min(1.0)
}

/// The last index up to which the chances together are at most `alpha`.
pub(super) fn last_within(chances: impl Iterator<Item = f64>, alpha: f64) -> Option<usize> {
    let mut sum = 0.0;
    let within = chances.take_while(|chance| {
        sum += chance;
        // Rounding must not cost the level that is met exactly.
        sum <= alpha * (1.0 + 1e-9)
    });
    within.count().checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_the_published_table_and_r_give_them() {
        // Hollander and Wolfe, table A.4: n = 5, P(T >= 15) = 0.031, P(T >= 13) = 0.094.
        assert!((p_above(&[1.0, 2.0, 3.0, 4.0, 5.0]) - 1.0 / 32.0).abs() < 1e-12);
        assert!((p_above(&[1.0, -2.0, 3.0, 4.0, 5.0]) - 3.0 / 32.0).abs() < 1e-12);
        // R: psignrank(10, 12) * 4096 = 43, so that 10 lie outside at 1.1 %.
        assert_eq!(outside(12, 0.011), Some(10));
        assert_eq!(outside(12, 1.0 / 4096.0), Some(0));
        assert_eq!(outside(12, 1.0 / 4097.0), None);
        // Their depression data (table 3.1): estimate -0.46, 96.1 % interval -0.786 to -0.010.
        let data = [-0.952, 0.147, -1.022, -0.430, -0.620, -0.590, -0.490, 0.080, -0.010];
        let averages = walsh(&data);
        let places = outside(9, 0.02).unwrap();
        let bounds = (averages[places], averages[averages.len() - 1 - places]);
        assert!((bounds.0 + 0.786).abs() < 1e-9 && (bounds.1 + 0.010).abs() < 1e-9, "{bounds:?}");
        assert!((averages[22] + 0.46).abs() < 1e-9);
        let mirrored = data.map(|difference| -difference);
        assert!((p_above(&mirrored) - 0.01953125).abs() < 1e-12);
    }

    #[test]
    fn nothing_and_zeros_prove_nothing() {
        assert!((p_above(&[]) - 1.0).abs() < 1e-12);
        assert!((p_above(&[0.0; 12]) - 1.0).abs() < 1e-12);
        // All equal and positive: every pattern but one is smaller.
        assert!((p_above(&[0.1; 12]) - 1.0 / 4096.0).abs() < 1e-15);
    }

    /// By listing all patterns of signs.
    fn listed(differences: &[f64]) -> f64 {
        let sizes: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
        let ranks = ranks::doubled(&sizes);
        let sum = |is_positive: &dyn Fn(usize) -> bool| -> usize {
            let counts = |at: &usize| differences[*at] != 0.0 && is_positive(*at);
            (0..differences.len()).filter(counts).map(|at| ranks[at]).sum()
        };
        let seen = sum(&|at| differences[at] > 0.0);
        let patterns = 0_u32..1 << differences.len();
        let all = patterns.len() as f64;
        patterns.filter(|bits| sum(&|at| bits >> at & 1 == 1) >= seen).count() as f64 / all
    }

    proptest! {
        #[test]
        fn counting_sums_is_listing_patterns(tenths in prop::collection::vec(-9_i32..9, 1..11)) {
            let differences: Vec<f64> = tenths.iter().map(|n| f64::from(*n) / 10.0).collect();
            prop_assert!((p_above(&differences) - listed(&differences)).abs() < 1e-12);
        }

        #[test]
        fn the_bound_is_where_the_test_stops_to_reject(
            differences in prop::collection::vec(-1.0_f64..1.0, 5..14),
            shift in -1.5_f64..1.5,
        ) {
            let places = outside(differences.len(), 0.05).unwrap();
            let bound = walsh(&differences)[places];
            let shifted: Vec<f64> = differences.iter().map(|one| one - shift).collect();
            prop_assume!((bound - shift).abs() > 1e-9);
            prop_assert_eq!(p_above(&shifted) <= 0.05 + 1e-12, shift < bound);
        }
    }
}
