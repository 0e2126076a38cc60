//! Jobs that ran though the service had said that it did not take them.

use super::ledger::{Entry, Ledger};
use crate::checker::{Checker, Tally, count, many, seconds, witness};
use redrill_history::{Finding, Outcome, RunView, Witness};

pub(super) struct RefusedButExecuted;

impl Checker for RefusedButExecuted {
    fn id(&self) -> &'static str {
        "queue.refused-but-executed"
    }

    fn statement(&self) -> &'static str {
        "No call is made for a job that the service refused."
    }

    fn check(&self, run: &RunView) -> Finding {
        let ledger = Ledger::new(run);
        let mut tally = Tally::new(run, self);
        let unambiguous = ledger.repeated == 0;
        for entry in ledger.entries.iter().filter(|entry| !entry.effects.is_empty()) {
            tally.examine(entry.submit);
            if entry.submit.outcome == Outcome::Refused && unambiguous {
                tally.definite(entry.submit, || proof(run, entry));
                let status = format!("status {}", entry.submit.status);
                tally.row("How was it refused?", &status, 1);
            }
        }
        let refused = ledger.entries.iter().filter(|it| it.submit.outcome == Outcome::Refused);
        let summary = format!(
            "{} of {} were started all the same.",
            count(tally.broken()),
            many(refused.count() as u64, "refused job")
        );
        tally.judged(summary, "no call for a job was seen")
    }
}

fn proof(run: &RunView, entry: &Entry<'_>) -> Witness {
    let first = entry.effects.first().map_or(0, |effect| effect.started_ns);
    let explanation = format!(
        "Job {} was refused at {} (status {}), and a call for it came at {}.",
        entry.submit.key,
        seconds(run, entry.submit.finished_ns),
        entry.submit.status,
        seconds(run, first)
    );
    witness(explanation, &[entry.submit], &entry.effects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, refused, unknown};
    use redrill_history::{Action, Capability, Verdict};

    #[test]
    fn no_call_at_all_is_inconclusive() {
        let mut run = Literal::new();
        refused(run.op(Action::Submit, 1, 0, (1000, 1010)), 503);
        assert_found(&RefusedButExecuted.check(&run.view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn an_unknown_submission_may_run() {
        let mut run = Literal::new();
        unknown(run.op(Action::Submit, 1, 0, (1000, 1010)));
        run.effect(Capability::Queue, Action::MailCall, 1, (1100, 1110));
        assert_found(&RefusedButExecuted.check(&run.view()), Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_refused_job_that_ran_is_definite() {
        let mut run = Literal::new();
        refused(run.op(Action::Submit, 1, 0, (1000, 1010)), 503);
        run.effect(Capability::Queue, Action::MailCall, 1, (1100, 1110));
        let finding = RefusedButExecuted.check(&run.view());
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert_eq!(
            (&finding.witnesses[0].operations[..], &finding.witnesses[0].effects[..]),
            (&[1][..], &[1][..])
        );
    }
}
