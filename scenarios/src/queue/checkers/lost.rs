//! Acknowledged jobs that never ran and never will.

use super::ledger::{Entry, Fate, Ledger};
use crate::checker::{Checker, Tally, acknowledged_by, count, many, seconds, witness};
use redrill_history::{Finding, RunView, Witness};

pub(super) struct Lost;

impl Checker for Lost {
    fn id(&self) -> &'static str {
        "queue.lost"
    }

    fn statement(&self) -> &'static str {
        "No acknowledged job is lost: each one is executed, or fails every attempt, or is still \
         listed by the service when the drain ends."
    }

    fn check(&self, run: &RunView) -> Finding {
        let ledger = Ledger::new(run);
        let mut tally = Tally::new(run, self);
        for entry in ledger.acknowledged() {
            tally.examine(entry.submit);
            match entry.fate {
                Fate::Gone | Fate::FalselyCompleted | Fate::Unattempted => {
                    tally.definite(entry.submit, || proof(run, entry));
                    let became = match entry.fate {
                        Fate::Gone => "unknown to the service",
                        Fate::Unattempted => "reported failed, never attempted",
                        _ => "reported completed, never executed",
                    };
                    tally.row_when("When was it acknowledged?", entry.submit);
                    let by = acknowledged_by(run, entry.submit);
                    tally.row("Which node acknowledged it?", &by, 1);
                    tally.row("What became of it?", became, 1);
                }
                Fate::Unclassified | Fate::GivenUp => tally.possible(entry.submit),
                Fate::Executed | Fate::Failed | Fate::Stuck => {}
            }
        }
        let summary = format!(
            "{} of {} were lost.",
            count(tally.broken()),
            many(tally.examined(), "acknowledged job")
        );
        tally.judged(summary, "no job was acknowledged")
    }
}

fn proof(run: &RunView, entry: &Entry<'_>) -> Witness {
    let submit = entry.submit;
    let tried = match entry.effects.len() as u64 {
        0 => "No call for it ever reached the model or the mail API".to_owned(),
        1 => "Only 1 call for it was seen, not answered with success".to_owned(),
        calls => {
            format!("Only {} calls for it were seen, none answered with success", count(calls))
        }
    };
    let mut operations = vec![submit];
    let became = match (entry.state, entry.fate) {
        (Some((answer, _)), fate) => {
            operations.push(answer);
            let said = match fate {
                Fate::Gone => "the service did not know it",
                Fate::Unattempted => "the service called it failed",
                _ => "the service called it completed",
            };
            format!("when asked after the drain, at {}, {said}", seconds(run, answer.started_ns))
        }
        (None, _) => "nothing more was heard of it".to_owned(),
    };
    let explanation = format!(
        "Job {} was acknowledged at {} (status {}). {tried}; {became}.",
        submit.key,
        seconds(run, submit.finished_ns),
        submit.status
    );
    witness(explanation, &operations, &entry.effects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Action, Capability, Flags, Verdict};

    #[test]
    fn nothing_acknowledged_is_inconclusive() {
        assert_found(&Lost.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn an_executed_job_is_not_lost() {
        let mut run = Literal::new();
        run.op(Action::Submit, 1, 0, (1000, 1010));
        run.effect(Capability::Queue, Action::MailCall, 1, (1100, 1110));
        run.op(Action::JobStatus, 1, 4, (40_500, 40_510)).flags = Flags::FINAL;
        assert_found(&Lost.check(&run.view()), Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_job_that_the_service_forgot_is_lost_with_its_operations_as_proof() {
        let mut run = Literal::new().fault("kill", "node[0]", 12_000, Some(22_000));
        run.op(Action::Submit, 1, 0, (11_000, 11_010));
        run.op(Action::Submit, 2, 0, (13_000, 13_010));
        run.op(Action::JobStatus, 1, 0, (40_500, 40_510)).flags = Flags::FINAL;
        run.effect(Capability::Queue, Action::MailCall, 2, (13_100, 13_110));
        let finding = Lost.check(&run.view());
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert_eq!(finding.summary, "1 of 2 acknowledged jobs were lost.");
        assert_eq!(finding.witnesses[0].operations, [1, 3]);
        assert!(finding.witnesses[0].explanation.contains("11.010 s"));
        let when = [
            ("before the fault".to_owned(), 1),
            ("between the injection and the healing".to_owned(), 0),
            ("after the healing".to_owned(), 0),
        ];
        assert_eq!(finding.breakdowns[0].rows, when);
    }

    #[test]
    fn a_job_of_which_nothing_final_is_known_is_possibly_lost() {
        let mut run = Literal::new();
        run.op(Action::Submit, 1, 0, (1000, 1010));
        assert_found(&Lost.check(&run.view()), Verdict::Pass, 0, 1);
    }

    #[test]
    fn a_job_given_up_without_a_call_is_lost_unless_a_fault_may_have_used_its_attempts_up() {
        for (mut run, verdict, definite) in [
            (Literal::new(), Verdict::Fail, 1),
            (Literal::new().fault("kill", "node[0]", 900, Some(950)), Verdict::Pass, 0),
        ] {
            run.op(Action::Submit, 1, 0, (1000, 1010));
            run.op(Action::Submit, 2, 0, (1000, 1010));
            run.effect(Capability::Queue, Action::MailCall, 2, (1100, 1110));
            run.op(Action::JobStatus, 1, 5, (40_500, 40_510)).flags = Flags::FINAL;
            assert_found(&Lost.check(&run.view()), verdict, definite, 1);
        }
    }

    #[test]
    fn a_job_called_completed_without_a_call_is_lost_too() {
        let mut run = Literal::new();
        run.op(Action::Submit, 1, 0, (1000, 1010));
        run.op(Action::Submit, 2, 0, (1000, 1010));
        run.effect(Capability::Queue, Action::MailCall, 2, (1100, 1110));
        run.op(Action::JobStatus, 1, 4, (40_500, 40_510)).flags = Flags::FINAL;
        let finding = Lost.check(&run.view());
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert!(finding.witnesses[0].explanation.contains("called it completed"));
    }
}
