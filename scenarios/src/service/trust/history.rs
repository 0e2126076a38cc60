//! Whether everything that happened is in the history.

use crate::checker::{Checker, Tally, many, whole};
use redrill_history::{EventKind, Finding, ResolvedPlan, RunView};

pub(super) struct History;

impl Checker for History {
    fn id(&self) -> &'static str {
        "trust.history"
    }

    fn statement(&self) -> &'static str {
        "The history is whole: the environment was ready, the run reached its end, no record was \
         lost or unreadable, and nothing was altered since."
    }

    fn applies(&self, _plan: &ResolvedPlan) -> bool {
        true
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        for op in &run.operations {
            tally.examine(op);
        }
        let summary = format!(
            "{} and {} were recorded and read.",
            many(run.operations.len() as u64, "operation"),
            many(run.effects.len() as u64, "effect")
        );
        let ready = run.events.iter().any(|event| event.kind == EventKind::EnvironmentReady);
        let hole = whole(run).err();
        let hole = if ready { hole } else { Some("the environment never got ready".to_owned()) };
        let finding = tally.judged(summary, "no operation was recorded");
        match hole {
            Some(hole) => finding.inconclusive(&format!("The history is not whole: {hole}.")),
            None => finding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Action, Verdict};

    fn found(run: Literal) -> Finding {
        let mut run = run;
        run.op(Action::Submit, 1, 0, (1000, 1010));
        History.check(&run.view())
    }

    #[test]
    fn an_empty_history_is_inconclusive() {
        assert_found(&History.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_whole_history_passes() {
        assert_found(&found(Literal::new()), Verdict::Pass, 0, 0);
    }

    #[test]
    fn every_kind_of_hole_is_inconclusive_and_named() {
        let reason = "interrupt".to_owned();
        for (run, word) in [
            (Literal::new().event(5, EventKind::RecordsLost { count: 3 }), "3 records were lost"),
            (Literal::new().event(5, EventKind::Interrupted { reason }), "interrupted"),
            (Literal::nothing().event(5, EventKind::EnvironmentReady), "cut off"),
            (Literal::nothing().event(5, EventKind::RunEnded), "never got ready"),
        ] {
            let finding = found(run);
            assert_found(&finding, Verdict::Inconclusive, 0, 0);
            assert!(finding.summary.contains(word), "{}", finding.summary);
        }
    }
}
