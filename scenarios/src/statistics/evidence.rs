//! What two sides' blocks say of the difference between them, in pairs or apart.

use super::quantile::{median, quantile};
use super::{rank_sum, signed_rank};
use crate::random::{below, mix};

/// Differences of one metric between the sides; above zero the candidate is worse.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// Candidate less base, one number a pair of neighbouring blocks.
    Paired(Vec<f64>),
    /// The blocks of two sides that were not run together.
    Apart {
        /// One number a block of the base.
        base: Vec<f64>,
        /// One number a block of the candidate.
        candidate: Vec<f64>,
    },
}

impl Evidence {
    /// The chance of a difference this far above `margin`, were the true one `margin` or less.
    pub fn p_above(&self, margin: f64) -> f64 {
        match self {
            Self::Paired(differences) => signed_rank::p_above(&less(differences, margin)),
            Self::Apart { base, candidate } => rank_sum::p_above(base, &less(candidate, margin)),
        }
    }

    /// The chance of a difference this far below `margin`, were the true one `margin` or more.
    pub fn p_below(&self, margin: f64) -> f64 {
        match self {
            Self::Paired(differences) => {
                let below = differences.iter().map(|one| margin - one).collect::<Vec<_>>();
                signed_rank::p_above(&below)
            }
            Self::Apart { base, candidate } => rank_sum::p_above(&less(candidate, margin), base),
        }
    }

    /// The estimate of the difference: the median of the averages of every two (Hodges and Lehmann,
    /// Annals of Mathematical Statistics 34, 1963). `None` without a block.
    pub fn estimate(&self) -> Option<f64> {
        quantile(&self.averages(), 0.5)
    }

    /// Bounds that the true difference is below, and above, with a chance of `alpha` at most each.
    /// Infinite where so few blocks bound nothing at that level.
    pub fn bounds(&self, alpha: f64) -> (f64, f64) {
        let averages = self.averages();
        match self.outside(alpha) {
            Some(places) if places < averages.len() => {
                (averages[places], averages[averages.len() - 1 - places])
            }
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// How far above a margin the true difference must lie for [`Evidence::p_above`] to be at most
    /// `alpha` with a chance of `power`, as the spread of these blocks lets expect: blocks are
    /// drawn from those that there are, `draws` times (the bootstrap of B. Efron, Annals of
    /// Statistics 7, 1979), and pairs with either sign, as where nothing differs. `None` where so
    /// few blocks can never show one. `chance` is a standard deviation that the differences have at
    /// the least.
    pub fn smallest(
        &self,
        alpha: f64,
        power: f64,
        draws: u64,
        chance: f64,
        seed: u64,
    ) -> Option<f64> {
        let places = self.outside(alpha)?;
        let more = (chance * chance - self.variance()).max(0.0).sqrt();
        let mut short: Vec<f64> = (0..draws)
            .map(|draw| -self.redrawn(more, mix(seed, draw)).averages()[places])
            .collect();
        short.sort_by(f64::total_cmp);
        quantile(&short, power).map(|needed| needed.max(0.0))
    }

    /// Whether there are blocks enough to show anything at that level.
    pub fn is_enough(&self, alpha: f64) -> bool {
        self.outside(alpha).is_some()
    }

    /// That of the differences of pairs, or of the candidate's values.
    fn variance(&self) -> f64 {
        let (Self::Paired(values) | Self::Apart { candidate: values, .. }) = self;
        let count = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / count;
        values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count
    }

    fn averages(&self) -> Vec<f64> {
        match self {
            Self::Paired(differences) => signed_rank::walsh(differences),
            Self::Apart { base, candidate } => rank_sum::differences(base, candidate),
        }
    }

    fn outside(&self, alpha: f64) -> Option<usize> {
        match self {
            Self::Paired(differences) => signed_rank::outside(differences.len(), alpha),
            Self::Apart { base, candidate } => {
                rank_sum::outside(base.len(), candidate.len(), alpha)
            }
        }
    }

    /// As many blocks drawn from these, about no difference, and spread by so much more.
    fn redrawn(&self, more: f64, seed: u64) -> Self {
        match self {
            Self::Paired(differences) => {
                let centre = self.estimate().unwrap_or(0.0);
                let mut drawn = draw(differences, centre, mix(seed, 0));
                let signs = mix(seed, 1);
                for (at, one) in drawn.iter_mut().enumerate() {
                    if signs >> (at % 64) & 1 == 1 {
                        *one = -*one;
                    }
                }
                spread(&mut drawn, more, mix(seed, 2));
                Self::Paired(drawn)
            }
            Self::Apart { base, candidate } => {
                let drawn = |side: &[f64], seed| draw(side, median(side).unwrap_or(0.0), seed);
                let (base, mut candidate) =
                    (drawn(base, mix(seed, 0)), drawn(candidate, mix(seed, 1)));
                spread(&mut candidate, more, mix(seed, 2));
                Self::Apart { base, candidate }
            }
        }
    }
}

fn less(values: &[f64], margin: f64) -> Vec<f64> {
    values.iter().map(|value| value - margin).collect()
}

/// Values drawn with replacement, about zero; a little wider, because a sample is narrower than
/// what it was taken from.
fn draw(values: &[f64], centre: f64, seed: u64) -> Vec<f64> {
    let count = values.len() as u64;
    let widen = (count as f64 / count.saturating_sub(1).max(1) as f64).sqrt();
    let one = |at| {
        let place = usize::try_from(below(mix(seed, at), count)).unwrap_or(0);
        (values[place] - centre) * widen
    };
    (0..count).map(one).collect()
}

/// Adds draws of a normal distribution: twelve even ones, less six.
fn spread(values: &mut [f64], deviation: f64, seed: u64) {
    for (at, value) in values.iter_mut().enumerate() {
        let even =
            |draw| below(mix(mix(seed, at as u64), draw), 1 << 32) as f64 / (1_u64 << 32) as f64;
        *value += deviation * ((0..12).map(even).sum::<f64>() - 6.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_do_not_spread_need_nothing_above_the_margin() {
        let paired = Evidence::Paired(vec![0.02; 12]);
        assert_eq!(paired.estimate(), Some(0.02));
        assert_eq!(paired.bounds(0.05), (0.02, 0.02));
        assert_eq!(paired.smallest(0.05, 0.8, 100, 0.0, 1), Some(0.0));
        assert!(paired.p_above(0.01) < 0.001 && paired.p_below(0.03) < 0.001);
        assert!(paired.p_above(0.03) > 0.99 && paired.p_below(0.01) > 0.99);
    }

    #[test]
    fn too_few_blocks_bound_nothing() {
        let three = Evidence::Paired(vec![0.1, 0.2, 0.3]);
        assert_eq!(three.bounds(0.05), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!(three.smallest(0.05, 0.8, 100, 0.0, 1), None);
        let none = Evidence::Apart { base: Vec::new(), candidate: Vec::new() };
        assert_eq!(none.estimate(), None);
        assert_eq!(none.bounds(0.05), (f64::NEG_INFINITY, f64::INFINITY));
    }

    #[test]
    fn the_same_seed_gives_the_same_number() {
        let paired = Evidence::Paired(vec![0.1, -0.2, 0.3, 0.05, -0.1, 0.15, 0.0, -0.05]);
        let found = paired.smallest(0.01, 0.8, 300, 0.0, 7);
        assert!(found.unwrap() > 0.1);
        assert_eq!(found, paired.smallest(0.01, 0.8, 300, 0.0, 7));
    }
}
