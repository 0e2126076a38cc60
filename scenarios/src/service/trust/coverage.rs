//! Whether every capability was exercised in every phase.

use crate::checker::{Checker, Tally, many, nanoseconds};
use redrill_history::{Finding, Operation, Phase, RunView};

/// With fewer expected arrivals than this, chance alone can leave a phase empty.
const ENOUGH: f64 = 5.0;

pub(super) struct Coverage;

impl Checker for Coverage {
    fn id(&self) -> &'static str {
        "trust.coverage"
    }

    fn statement(&self) -> &'static str {
        "Every capability of the plan was exercised in every phase that was long enough for it."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let requests: Vec<&Operation> = run.operations.iter().filter(|op| op.is_load()).collect();
        for op in &requests {
            tally.examine(op);
        }
        let mut gaps = Vec::new();
        // The load is over when the last answer is there, and asks nothing in between.
        let asked_until_ns = run.load_start_ns.saturating_add(nanoseconds(run.plan.load.duration));
        for phase in Phase::ALL {
            let span = run.phases.span(phase);
            let end_ns = span.end_ns.min(asked_until_ns);
            let length_s = end_ns.saturating_sub(span.start_ns) as f64 / 1e9;
            for (capability, load) in &run.plan.load.capabilities {
                let expects_some = length_s * load.rate_per_s >= ENOUGH;
                let mut its = requests.iter().filter(|op| op.capability == *capability);
                if expects_some && !its.any(|op| run.phase_of(op) == Some(phase)) {
                    gaps.push(format!("{} in the phase {}", capability.name(), phase.name()));
                }
            }
        }
        let capabilities = run.plan.load.capabilities.len() as u64;
        let kinds = if capabilities == 1 { "capability" } else { "capabilities" };
        let summary = format!(
            "{} exercised {capabilities} {kinds} in every phase.",
            many(requests.len() as u64, "request")
        );
        let finding = tally.judged(summary, "the load made no request");
        if gaps.is_empty() || requests.is_empty() {
            return finding;
        }
        finding.inconclusive(&format!("Nothing was asked of {}.", gaps.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Action, Capability, Verdict};

    fn run(submits_s: std::ops::Range<u64>) -> RunView {
        let mut run = Literal::new().fault("kill", "node[0]", 10_000, Some(20_000));
        run.parts
            .plan
            .load
            .capabilities
            .retain(|capability, _| matches!(capability, Capability::Queue | Capability::Cache));
        for second in 0..30 {
            run.op(Action::Generate, 1, 1, (second * 1000, second * 1000 + 1));
        }
        for second in submits_s {
            run.op(Action::Submit, second, 0, (second * 1000, second * 1000 + 1));
        }
        run.view()
    }

    #[test]
    fn no_request_is_inconclusive() {
        assert_found(&Coverage.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn every_phase_with_both_capabilities_passes() {
        assert_found(&Coverage.check(&run(0..30)), Verdict::Pass, 0, 0);
    }

    #[test]
    fn after_the_last_arrival_nothing_is_expected() {
        let mut run = run(0..30);
        run.plan.load.duration = std::time::Duration::from_secs(15);
        run.operations.retain(|op| op.intended_ns < 15_000_000_000);
        let finding = Coverage.check(&run);
        assert_found(&finding, Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_capability_that_missed_a_phase_is_named() {
        let finding = Coverage.check(&run(0..10));
        assert_found(&finding, Verdict::Inconclusive, 0, 0);
        assert!(finding.summary.contains("queue in the phase fault"), "{}", finding.summary);
    }
}
