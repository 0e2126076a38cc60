//! Whether Sentinel itself was awake.

use crate::checker::{Checker, Tally, seconds};
use redrill_history::{EventKind, Finding, ResolvedPlan, RunView};

pub(super) struct Sentinel;

impl Checker for Sentinel {
    fn id(&self) -> &'static str {
        "trust.sentinel"
    }

    fn statement(&self) -> &'static str {
        "No Sentinel was in TILT, the mode in which it sees a clock or a pause that it does not \
         trust and acts on nothing for 30 s."
    }

    fn applies(&self, plan: &ResolvedPlan) -> bool {
        let watched = plan.environment.groups().any(|(_, group)| group.sentinels > 0);
        plan.kind.is_one_load() && watched
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let ready = run.events.iter().any(|event| event.kind == EventKind::EnvironmentReady);
        if ready {
            for op in run.operations.iter().filter(|op| op.is_load()) {
                tally.examine(op);
            }
        }
        let tilted: Vec<String> = run
            .events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Sentinel { sentinel, channel, .. } if channel == "+tilt" => {
                    Some(format!("{sentinel} at {}", seconds(run, event.at_ns)))
                }
                _ => None,
            })
            .collect();
        let nothing = "no load ran under watched Sentinels";
        let finding = tally.judged("No Sentinel was in TILT.".to_owned(), nothing);
        if tilted.is_empty() {
            return finding;
        }
        finding.inconclusive(&format!(
            "Sentinel was in TILT ({}), so that the failover says nothing: the machine was too \
             busy or was suspended.",
            tilted.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Action, Verdict};

    fn with_load(mut run: Literal) -> RunView {
        run.op(Action::Submit, 1, 0, (1000, 1010));
        run.view()
    }

    #[test]
    fn no_load_is_inconclusive() {
        assert_found(&Sentinel.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn silence_is_well_and_tilt_is_not() {
        assert_found(&Sentinel.check(&with_load(Literal::new())), Verdict::Pass, 0, 0);
        let tilt = EventKind::Sentinel {
            sentinel: "sentinel[2]".to_owned(),
            channel: "+tilt".to_owned(),
            message: "#tilt mode entered".to_owned(),
        };
        let finding = Sentinel.check(&with_load(Literal::new().event(12_345, tilt)));
        assert_found(&finding, Verdict::Inconclusive, 0, 0);
        assert!(finding.summary.contains("sentinel[2] at 12.345 s"), "{}", finding.summary);
    }
}
