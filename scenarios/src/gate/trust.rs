//! Whether the blocks of a comparison are evidence at all.

use super::blocks::Block;
use super::judge::Judge;
use super::sides::Sides;
use crate::checker::{Checker, Objective, count, many};
use crate::statistics::FAMILY_ALPHA;
use redrill_history::{Finding, Measure, ResolvedPlan, RunView, Unit};

/// Of a side's requests, the most that may start late.
const LATE_MOST: f64 = 0.01;
/// Of the base's requests, the most that may stay without an answer.
const UNANSWERED_MOST: f64 = 0.01;
/// Of the arrivals' rate, what the base must acknowledge for the rate to be below its capacity.
const CARRIED_LEAST: f64 = 0.98;

/// Whether the blocks are evidence.
pub(super) struct Blocks;

impl Checker for Blocks {
    fn id(&self) -> &'static str {
        "gate.blocks"
    }

    fn statement(&self) -> &'static str {
        "Both sides were measured as planned: every block was run to its end, the load arrived in \
         time, and the base could carry it."
    }

    fn objective(&self) -> Objective {
        Objective::None
    }

    fn applies(&self, plan: &ResolvedPlan) -> bool {
        plan.gate.is_some()
    }

    fn check(&self, run: &RunView) -> Finding {
        let sides = Sides::of(run);
        let mut finding = Finding::new(self.id(), self.statement());
        let Some(gate) = &run.plan.gate else { return finding };
        let blocks = || sides.base.iter().chain(&sides.candidate);
        finding.examined = blocks().map(|block| block.requests.len()).sum::<usize>() as u64;
        let worst = |of: fn(&Block<'_>) -> f64| blocks().map(of).fold(0.0, f64::max);
        let starved = worst(|block| block.late_shares().1);
        let share = |name: &str, value: f64| Measure {
            name: name.to_owned(),
            value: Some(value),
            unit: Unit::Ratio,
        };
        let slow = worst(|block| block.late_shares().0);
        finding.measures = vec![
            share("late in a block: the generator was slow", slow),
            share("late in a block: every virtual user was busy", starved),
        ];
        finding.summary = format!(
            "{} of {} were measured, with {}.",
            count(sides.candidate.len() as u64),
            many(u64::from(gate.pairs), if gate.base.is_some() { "pair" } else { "block" }),
            many(finding.examined, "request"),
        );
        let compares = gate.base.is_some() || gate.baseline.is_some();
        if compares && gate.tolerated.is_empty() {
            return finding.inconclusive("No metric is compared: name one with tolerated.");
        }
        match doubt(run, &sides).or_else(|| too_few(run, &sides)) {
            Some(doubt) => finding.inconclusive(&doubt),
            None => finding.judged(None),
        }
    }
}

/// Why no difference could have failed, however large.
fn too_few(run: &RunView, sides: &Sides<'_>) -> Option<String> {
    let judge = Judge::new(run, sides);
    if judge.len() == 0 || judge.can_fail() {
        return None;
    }
    // Of all patterns of signs one is the most telling, and must be rare enough for the family.
    let needed = (judge.len() as f64 / FAMILY_ALPHA).log2().ceil();
    Some(format!(
        "So few blocks can fail nothing: among {} the smallest chance of {} is no alarm; run \
         {needed:.0} pairs or more, or compare fewer metrics.",
        many(judge.len() as u64, "comparison"),
        many(sides.candidate.len() as u64, "block")
    ))
}

/// Why the blocks prove nothing, if so.
pub(super) fn doubt(run: &RunView, sides: &Sides<'_>) -> Option<String> {
    let planned = run.plan.gate.as_ref().map_or(0, |gate| usize::from(gate.pairs));
    if sides.candidate.len() < planned {
        return Some(format!(
            "Only {} of {planned} planned {} were run to their end.",
            sides.candidate.len(),
            if sides.base.is_empty() { "blocks" } else { "pairs of blocks" }
        ));
    }
    let named = [("base", &sides.base), ("candidate", &sides.candidate)];
    for (side, blocks) in named {
        let late = mean(blocks, |block| block.late_shares().0);
        if late > LATE_MOST {
            return Some(format!(
                "The generator was slow: {:.1} % of the {side}'s requests started over 100 ms \
                 late; use a faster machine or a lower rate.",
                late * 100.0
            ));
        }
    }
    // A candidate that cannot carry what its base does is worse; a base that cannot proves nothing.
    let standard = if sides.base.is_empty() { &sides.candidate } else { &sides.base };
    let offered = mean(standard, Block::offered_per_s);
    let carried = mean(standard, Block::throughput_per_s);
    let starved = mean(standard, |block| block.late_shares().1);
    let unacknowledged = mean(standard, Block::error_share);
    let unanswered = mean(standard, Block::unanswered_share);
    let expected = offered * (1.0 - unacknowledged).max(0.0);
    if starved > LATE_MOST || carried < CARRIED_LEAST * expected {
        return Some(format!(
            "The rate is above the base's capacity: of {offered:.0} requests a second it \
             acknowledged {carried:.0}, and {:.1} % waited over 100 ms for a virtual user; lower \
             the rates.",
            starved * 100.0
        ));
    }
    // With a virtual user for every request that can be under way, nobody waits for one: what is
    // above the capacity runs into the time-out.
    if unanswered > UNANSWERED_MOST {
        return Some(format!(
            "{:.1} % of the base's requests got no answer: its rate is above its capacity, or it \
             is out of order; lower the rates, or look into its log.",
            unanswered * 100.0
        ));
    }
    None
}

fn mean<'a>(blocks: &[Block<'a>], of: impl Fn(&Block<'a>) -> f64) -> f64 {
    blocks.iter().map(of).sum::<f64>() / blocks.len().max(1) as f64
}
