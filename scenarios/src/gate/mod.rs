//! Whether one side is worse than the other: blocks of both, read from a run, and what they say.

mod blocks;
mod checkers;
mod columns;
mod judge;
pub mod metrics;
mod sides;
#[cfg(test)]
mod synthetic;
mod trust;
mod words;

pub use checkers::CHECKERS;
pub use judge::block_values;
pub(crate) use words::headline;

use redrill_history::{GatePlan, ResolvedPlan};

/// How the two sides take turns: by pair, whether the candidate's block comes first. Every two
/// pairs are ABBA or BAAB, as the seed draws it, so that neither a drift nor an order of their own
/// favours a side.
pub fn candidate_first(plan: &ResolvedPlan, gate: &GatePlan) -> Vec<bool> {
    let first_of_two = |pair: u64| crate::random::mix(plan.seed, pair / 2) & 1 == 1;
    (0..u64::from(gate.pairs)).map(|pair| first_of_two(pair) != (pair % 2 == 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::synthetic::plan;

    #[test]
    fn every_two_pairs_are_mirrored_and_the_seed_draws_which_way() {
        let mut plan = plan();
        let order = |plan: &ResolvedPlan| candidate_first(plan, plan.gate.as_ref().unwrap());
        let drawn = order(&plan);
        assert_eq!(drawn.len(), 12);
        assert!(drawn.chunks(2).all(|two| two[0] != two[1]), "{drawn:?}");
        assert_eq!(drawn, order(&plan));
        let others: Vec<_> = (0..8)
            .map(|seed| {
                plan.seed = seed;
                order(&plan)
            })
            .collect();
        assert!(others.iter().any(|other| *other != drawn));
    }
}
