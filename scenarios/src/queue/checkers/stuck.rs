//! Acknowledged jobs that still wait when they should long be done.

use super::ledger::{Entry, Fate, Ledger, was_asked_late};
use crate::checker::{Checker, Tally, count, many, seconds, witness};
use crate::service::rates::{Arrivals, arrivals};
use redrill_history::{Action, Finding, RunView, Verdict, Witness};

pub(super) struct Stuck;

impl Checker for Stuck {
    fn id(&self) -> &'static str {
        "queue.stuck"
    }

    fn statement(&self) -> &'static str {
        "No acknowledged job is still waiting, active or delayed when the drain ends."
    }

    fn check(&self, run: &RunView) -> Finding {
        let ledger = Ledger::new(run);
        let mut tally = Tally::new(run, self);
        for entry in ledger.acknowledged() {
            tally.examine(entry.submit);
            match (entry.fate, entry.state) {
                (Fate::Stuck, Some((answer, state))) if was_asked_late(run, answer) => {
                    let name = state_name(state);
                    tally.definite(entry.submit, || proof(run, entry, name, answer.started_ns));
                    tally.row("In which state?", name, 1);
                }
                (Fate::Stuck | Fate::Unclassified, _) => tally.possible(entry.submit),
                _ => {}
            }
        }
        let summary = format!(
            "{} of {} were stuck when the drain ended.",
            count(tally.broken()),
            many(tally.examined(), "acknowledged job")
        );
        let finding = tally.judged(summary, "no job was acknowledged");
        // That a job took too long says nothing of the service where the machine had no time.
        match arrivals(run).iter().any(Arrivals::is_generator_slow) {
            true if finding.verdict == Verdict::Fail => {
                let reason = format!("{} But the load generator was too slow.", finding.summary);
                finding.inconclusive(&reason)
            }
            _ => finding,
        }
    }
}

fn state_name(state: u64) -> &'static str {
    let index = usize::try_from(state).unwrap_or(usize::MAX);
    Action::JOB_STATES.get(index).copied().unwrap_or("of no known name")
}

fn proof(run: &RunView, entry: &Entry<'_>, state: &str, asked_ns: u64) -> Witness {
    let explanation = format!(
        "Job {} was acknowledged at {}. At {}, when the time to finish was over, the service \
         still called it {state}, and no call for it had succeeded.",
        entry.submit.key,
        seconds(run, entry.submit.finished_ns),
        seconds(run, asked_ns)
    );
    let mut operations = vec![entry.submit];
    operations.extend(entry.state.map(|(answer, _)| answer));
    witness(explanation, &operations, &entry.effects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Capability, Flags};

    #[test]
    fn nothing_acknowledged_is_inconclusive() {
        assert_found(&Stuck.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn an_executed_job_is_not_stuck_whatever_the_service_says() {
        let mut run = Literal::new();
        run.op(Action::Submit, 1, 0, (1000, 1010));
        run.effect(Capability::Queue, Action::MailCall, 1, (1100, 1110));
        run.op(Action::JobStatus, 1, 2, (40_500, 40_510)).flags = Flags::FINAL;
        assert_found(&Stuck.check(&run.view()), Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_job_that_is_active_when_the_drain_ends_is_stuck() {
        let mut run = Literal::new();
        run.op(Action::Submit, 1, 0, (1000, 1010));
        run.op(Action::JobStatus, 1, 2, (39_500, 39_510)).flags = Flags::FINAL;
        let finding = Stuck.check(&run.view());
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert_eq!(finding.witnesses[0].operations, [1, 2]);
        assert_eq!(finding.breakdowns[0].rows, [("active".to_owned(), 1)]);
    }

    #[test]
    fn a_job_asked_for_before_the_drain_ended_is_only_possibly_stuck() {
        let mut run = Literal::new();
        run.op(Action::Submit, 1, 0, (1000, 1010));
        run.op(Action::JobStatus, 1, 1, (32_000, 32_010)).flags = Flags::FINAL;
        assert_found(&Stuck.check(&run.view()), Verdict::Pass, 0, 1);
    }
}
