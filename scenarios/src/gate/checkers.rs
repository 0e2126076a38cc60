//! The checkers of a comparison: one a metric, and whether the blocks are evidence at all.

use super::blocks::Block;
use super::judge::{Gap, Judge};
use super::metrics::METRICS;
use super::sides::Sides;
use super::trust::{self, Blocks};
use super::words;
use crate::checker::{Checker, Objective, count, many};
use redrill_history::{
    Comparison, Finding, GatePlan, Measure, ResolvedPlan, RunView, Unit, Verdict,
};
use std::fmt::Write as _;

/// The checkers, in the order of reports.
pub const CHECKERS: &[&dyn Checker] = &[
    &Blocks,
    &Gated(0),
    &Gated(1),
    &Gated(2),
    &Gated(3),
    &Gated(4),
    &Gated(5),
    &Gated(6),
    &Gated(7),
    &Gated(8),
];

/// The metric of that place in [`METRICS`].
struct Gated(usize);

impl Checker for Gated {
    fn id(&self) -> &'static str {
        METRICS[self.0].id
    }

    fn statement(&self) -> &'static str {
        METRICS[self.0].statement
    }

    fn objective(&self) -> Objective {
        Objective::None
    }

    fn applies(&self, plan: &ResolvedPlan) -> bool {
        let metric = METRICS[self.0];
        let is_asked = |about| plan.load.capabilities.contains_key(&about);
        plan.gate.as_ref().is_some_and(|gate| gate.tolerated.contains_key(metric.name))
            && metric.about.is_none_or(is_asked)
    }

    fn check(&self, run: &RunView) -> Finding {
        let metric = METRICS[self.0];
        let sides = Sides::of(run);
        let judge = Judge::new(run, &sides);
        let comparisons = judge.comparisons(metric.name);
        let mut finding = Finding::new(self.id(), self.statement());
        let tolerated = run.plan.gate.as_ref().and_then(|gate| gate.tolerated.get(metric.name));
        finding.objective =
            tolerated.map_or_else(String::new, |most| format!("{} worse at most", most.words()));
        if comparisons.is_empty() {
            let reason = match sides.candidate.is_empty() {
                true => "no pair of blocks was run to its end",
                false => metric.absent,
            };
            let finding = finding.inconclusive(&format!("Nothing to compare: {reason}."));
            return self.with_gaps(finding, &judge.gaps(metric.name));
        }
        let requests = |blocks: &[Block<'_>]| -> usize {
            blocks.iter().map(|block| block.requests.len()).sum()
        };
        finding.examined = (requests(&sides.base) + requests(&sides.candidate)) as u64;
        let with = |verdict| comparisons.iter().filter(move |one| one.verdict == verdict).count();
        finding.definite = with(Verdict::Fail) as u64;
        finding.possible = finding.definite + with(Verdict::Inconclusive) as u64;
        finding.verdict = comparisons.iter().map(|one| one.verdict).max().unwrap_or(Verdict::Pass);
        finding.measures = measures(&comparisons);
        finding.summary = words::summary(&comparisons, judge.len());
        if metric.name == "commands" {
            finding.summary.push_str(&words::commands(&sides));
        }
        finding.comparisons = comparisons;
        self.with_gaps(finding, &judge.gaps(metric.name)).unless(trust::doubt(run, &sides))
    }
}

impl Gated {
    /// Says which operations could not be compared. One that a side alone has answers of is no
    /// matter of luck: nothing passes then.
    fn with_gaps(&self, mut finding: Finding, gaps: &[&Gap]) -> Finding {
        for (only, other) in
            [(GatePlan::BASE, GatePlan::CANDIDATE), (GatePlan::CANDIDATE, GatePlan::BASE)]
        {
            let its: Vec<&str> = gaps
                .iter()
                .filter(|gap| gap.only == Some(only))
                .map(|gap| gap.subject.as_str())
                .collect();
            if its.is_empty() {
                continue;
            }
            finding.verdict = finding.verdict.max(Verdict::Inconclusive);
            finding.possible += its.len() as u64;
            let _ = write!(
                finding.summary,
                " The {only} alone has answers enough for {} of {}: the {other} does something \
                 else.",
                METRICS[self.0].name,
                its.join(", ")
            );
        }
        let rare = gaps.iter().filter(|gap| gap.only.is_none()).count();
        if rare > 0 {
            let all = finding.comparisons.len() + gaps.len();
            let _ = write!(
                finding.summary,
                " Compared were {} of {}; the others had too few answers in a block.",
                count(finding.comparisons.len() as u64),
                many(all as u64, "operation")
            );
        }
        finding
    }
}

trait Unless {
    /// The finding, with no alarm where the blocks prove nothing.
    fn unless(self, doubt: Option<String>) -> Self;
}

impl Unless for Finding {
    fn unless(mut self, doubt: Option<String>) -> Self {
        if self.verdict == Verdict::Fail && doubt.is_some() {
            self.verdict = Verdict::Inconclusive;
            self.definite = 0;
            self.summary.push_str(" That is no alarm, because the blocks are no evidence.");
        }
        self
    }
}

fn measures(comparisons: &[Comparison]) -> Vec<Measure> {
    let Some(worst) = words::worst(comparisons) else { return Vec::new() };
    let share = |name: &str, value: Option<f64>| Measure {
        name: name.to_owned(),
        value,
        unit: Unit::Ratio,
    };
    vec![share("worse by", Some(worst.estimate)), share("smallest that fails", worst.smallest)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::synthetic::{Planted, run};

    fn found(run: &RunView, id: &str) -> Finding {
        CHECKERS.iter().find(|checker| checker.id() == id).unwrap().check(run)
    }

    #[test]
    fn every_metric_has_its_checker() {
        let ids: Vec<&str> = CHECKERS.iter().map(|checker| checker.id()).collect();
        let metrics = METRICS.iter().map(|metric| metric.id);
        assert_eq!(ids, ["gate.blocks"].into_iter().chain(metrics).collect::<Vec<_>>());
    }

    #[test]
    fn equal_sides_pass_in_every_metric() {
        let run = run(&Planted::default());
        for checker in CHECKERS {
            let finding = checker.check(&run);
            assert_eq!(finding.verdict, Verdict::Pass, "{finding:?}");
        }
    }

    #[test]
    fn each_defect_fails_its_metric_and_names_it() {
        for (planted, id, word) in [
            (Planted { slower: 1.6, ..Planted::default() }, "gate.p50", "p50 of"),
            (Planted { slower: 1.6, ..Planted::default() }, "gate.p90", "p90 of"),
            (Planted { refused: 0.02, ..Planted::default() }, "gate.errors", "errors"),
            (Planted { cpu: 1.2, ..Planted::default() }, "gate.cpu", "cpu was worse by 20 %"),
            (Planted { commands: 1.05, ..Planted::default() }, "gate.commands", "get +"),
            (Planted { missed: 0.3, ..Planted::default() }, "gate.misses", "misses of cache"),
            (Planted { commands: 1.05, ..Planted::default() }, "gate.bytes", "bytes"),
            (Planted { dropped: 0.1, ..Planted::default() }, "gate.throughput", "throughput"),
        ] {
            let finding = found(&run(&planted), id);
            assert_eq!(finding.verdict, Verdict::Fail, "{planted:?}: {finding:?}");
            assert!(finding.summary.contains(word), "{}", finding.summary);
            assert!(finding.definite > 0);
        }
    }

    #[test]
    fn a_better_candidate_passes() {
        let planted = Planted { slower: 0.5, cpu: 0.5, commands: 0.5, ..Planted::default() };
        for checker in CHECKERS {
            assert_eq!(checker.check(&run(&planted)).verdict, Verdict::Pass, "{}", checker.id());
        }
        let summary = found(&run(&planted), "gate.cpu").summary;
        assert!(
            summary.starts_with("cpu was better by 50 % (worse by −50 % to −50 %)"),
            "{summary}"
        );
    }

    #[test]
    fn what_proves_nothing_is_inconclusive_with_the_reason() {
        for (planted, word) in [
            (Planted { pairs_run: 7, ..Planted::default() }, "7 of 12 planned"),
            (Planted { late: 0.05, ..Planted::default() }, "generator was slow"),
            (Planted { pairs: 8, pairs_run: 8, ..Planted::default() }, "So few blocks"),
            (Planted { starved: 0.05, ..Planted::default() }, "above the base's capacity"),
            (Planted { unanswered: 0.05, ..Planted::default() }, "got no answer"),
        ] {
            let finding = found(&run(&planted), "gate.blocks");
            assert_eq!(finding.verdict, Verdict::Inconclusive, "{planted:?}");
            assert!(finding.summary.contains(word), "{}", finding.summary);
        }
        let nothing = found(&run(&Planted { pairs_run: 0, ..Planted::default() }), "gate.p50");
        assert_eq!(nothing.verdict, Verdict::Inconclusive);
        assert!(nothing.summary.contains("no pair of blocks"), "{}", nothing.summary);
        let rare = found(&run(&Planted { requests: 20, ..Planted::default() }), "gate.p99");
        assert!(rare.summary.contains("often enough"), "{}", rare.summary);
    }

    #[test]
    fn what_only_one_side_answers_does_not_pass() {
        let run = run(&Planted { missed: 1.0, ..Planted::default() });
        let finding = found(&run, "gate.p50");
        assert_eq!(finding.verdict, Verdict::Inconclusive, "{finding:?}");
        let word = "The base alone has answers enough for p50 of cache.generate hit";
        assert!(finding.summary.contains(word), "{}", finding.summary);
        assert_eq!(found(&run, "gate.misses").verdict, Verdict::Fail);
    }

    #[test]
    fn what_is_too_rare_to_compare_is_counted() {
        let finding = found(&run(&Planted::default()), "gate.p90");
        assert!(finding.summary.contains("Compared were 1 of 3 operations"), "{}", finding.summary);
    }

    #[test]
    fn blocks_that_prove_nothing_give_no_alarm() {
        for doubtful in [
            Planted { slower: 3.0, pairs_run: 11, ..Planted::default() },
            Planted { slower: 3.0, late: 0.05, ..Planted::default() },
        ] {
            let finding = found(&run(&doubtful), "gate.p50");
            assert_eq!(finding.verdict, Verdict::Inconclusive, "{doubtful:?}: {finding:?}");
            assert!(finding.summary.contains("no alarm"), "{}", finding.summary);
        }
    }

    #[test]
    fn one_command_more_is_found_though_others_vary() {
        // All commands vary by a tenth from block to block; each request has exactly one get.
        let planted = Planted { commands: 1.02, restless: 0.1, ..Planted::default() };
        let finding = found(&run(&planted), "gate.commands");
        let verdict = |subject: &str| {
            let its = finding.comparisons.iter().find(|one| one.subject == subject);
            its.map(|one| one.verdict)
        };
        assert_eq!(verdict("get"), Some(Verdict::Fail), "{finding:?}");
        assert_eq!(verdict(""), Some(Verdict::Inconclusive), "{finding:?}");
        let equal = Planted { commands: 1.0, ..planted };
        let finding = found(&run(&equal), "gate.commands");
        assert_ne!(finding.verdict, Verdict::Fail, "{finding:?}");
    }

    #[test]
    fn saved_blocks_stand_for_a_base() {
        let saved = run(&Planted::default());
        let mut planted =
            Planted { baseline: Some(super::super::block_values(&saved)), ..Planted::default() };
        assert_eq!(found(&run(&planted), "gate.p50").verdict, Verdict::Pass);
        planted.slower = 1.6;
        let finding = found(&run(&planted), "gate.p50");
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(finding.comparisons[0].pairs.is_empty());
    }
}
