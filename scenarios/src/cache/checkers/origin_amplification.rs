//! How much more the model was asked while the cache suffered.

use super::calls::model_calls;
use crate::checker::{Checker, Objective, Tally};
use crate::service::rates::rates_hold;
use redrill_history::{Finding, Phase, RunView, Unit, Verdict};

pub(super) struct OriginAmplification;

impl Checker for OriginAmplification {
    fn id(&self) -> &'static str {
        "cache.origin-amplification"
    }

    fn statement(&self) -> &'static str {
        "The model is spared while the cache suffers: its calls a second, by phase, beside those \
         of the baseline."
    }

    fn objective(&self) -> Objective {
        Objective::None
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        for call in model_calls(run) {
            tally.examine(call);
        }
        let baseline = rate(run, Phase::Baseline);
        let against = |phase: Phase| match (rate(run, phase), baseline) {
            (Some(rate), Some(before)) if before > 0.0 => Some(rate / before),
            _ => None,
        };
        let fault = against(Phase::Fault);
        for phase in Phase::ALL.into_iter().filter(|phase| !run.phases.span(*phase).is_empty()) {
            let name = phase.name();
            tally.measure(&format!("model calls, {name}"), rate(run, phase), Unit::PerSecond);
            if phase != Phase::Baseline {
                let times = format!("model calls, {name}, times the baseline's");
                tally.measure(&times, against(phase), Unit::Ratio);
            }
        }
        let summary = match fault {
            Some(times) => {
                format!(
                    "During the fault the model was called {times:.1} times as often as before."
                )
            }
            None => "There is no fault to compare the baseline's calls with.".to_owned(),
        };
        let finding = tally.reported(summary, "the cache made no call to the model");
        match rates_hold(run) {
            Err(reason) if finding.verdict == Verdict::Pass => {
                let reason = format!("{} But {reason}.", finding.summary);
                finding.inconclusive(&reason)
            }
            _ => finding,
        }
    }
}

/// Calls a second in a phase; `None` for an empty one.
fn rate(run: &RunView, phase: Phase) -> Option<f64> {
    let span = run.phases.span(phase);
    let begun = |start_ns: u64| span.start_ns <= start_ns && start_ns < span.end_ns;
    let calls = model_calls(run).filter(|call| begun(call.started_ns)).count();
    (!span.is_empty()).then(|| calls as f64 * 1e9 / (span.end_ns - span.start_ns) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::Literal;
    use redrill_history::{Action, Capability};

    #[test]
    fn no_call_is_inconclusive() {
        let finding = OriginAmplification.check(&Literal::new().view());
        assert_eq!(finding.verdict, Verdict::Inconclusive);
    }

    #[test]
    fn the_fault_stands_beside_the_baseline() {
        let mut run = Literal::new().fault("kill", "node[0]", 10_000, Some(20_000));
        for second in [1, 2, 11, 12, 13, 14, 15, 16] {
            let at = second * 1000;
            run.effect(Capability::Cache, Action::ModelCall, 4, (at, at + 50));
        }
        let finding = OriginAmplification.check(&run.view());
        assert_eq!(finding.verdict, Verdict::Pass);
        assert!(finding.summary.contains("3.0 times"), "{}", finding.summary);
        assert_eq!(finding.measures[1].value, Some(0.6), "{finding:#?}");
    }
}
