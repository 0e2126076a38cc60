//! Jobs that were executed more than once: allowed where at least once is promised, and counted.

use super::ledger::{Entry, Ledger};
use crate::checker::{Checker, Tally, count, many, seconds, witness};
use redrill_history::{Finding, Operation, RunView, Unit, Witness};

pub(super) struct Duplicated;

impl Checker for Duplicated {
    fn id(&self) -> &'static str {
        "queue.duplicated"
    }

    fn statement(&self) -> &'static str {
        "A job is executed once. Delivery at least once allows more, so that only an objective of \
         the plan fails this."
    }

    fn check(&self, run: &RunView) -> Finding {
        let ledger = Ledger::new(run);
        let mut tally = Tally::new(run, self);
        let mut executions = 0;
        let unambiguous = ledger.repeated == 0;
        for entry in &ledger.entries {
            let calls: Vec<&Operation> = entry.executions().collect();
            if calls.is_empty() {
                continue;
            }
            tally.examine(entry.submit);
            executions += calls.len() as u64;
            if calls.len() > 1 && unambiguous {
                tally.definite(entry.submit, || proof(run, entry, &calls));
                tally.row("How was it submitted?", entry.submit.outcome.name(), 1);
                tally.row("How often was it executed?", &format!("{} times", calls.len()), 1);
            }
        }
        tally.measure("executions", Some(executions as f64), Unit::Count);
        let summary = format!(
            "{} of {} were executed more than once.",
            count(tally.broken()),
            many(tally.examined(), "executed job")
        );
        tally.reported(summary, "no job was executed")
    }
}

fn proof(run: &RunView, entry: &Entry<'_>, calls: &[&Operation]) -> Witness {
    let times: Vec<String> = calls.iter().map(|call| seconds(run, call.started_ns)).collect();
    let explanation = format!(
        "Job {} was submitted once, at {}, and calls for it succeeded at {}.",
        entry.submit.key,
        seconds(run, entry.submit.started_ns),
        times.join(" and at ")
    );
    witness(explanation, &[entry.submit], calls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, refused};
    use redrill_history::{Action, Bound, Capability, Verdict};

    fn twice() -> Literal {
        let mut run = Literal::new();
        run.op(Action::Submit, 1, 0, (1000, 1010));
        run.effect(Capability::Queue, Action::MailCall, 1, (1100, 1110));
        run.effect(Capability::Queue, Action::MailCall, 1, (4100, 4110));
        run
    }

    #[test]
    fn nothing_executed_is_inconclusive() {
        assert_found(&Duplicated.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_failed_attempt_before_the_execution_is_no_duplicate() {
        let mut run = Literal::new();
        run.op(Action::Submit, 1, 0, (1000, 1010));
        refused(run.effect(Capability::Queue, Action::MailCall, 1, (1100, 1110)), 500);
        run.effect(Capability::Queue, Action::MailCall, 1, (4100, 4110));
        assert_found(&Duplicated.check(&run.view()), Verdict::Pass, 0, 0);
    }

    #[test]
    fn two_executions_are_counted_and_fail_only_an_objective() {
        let finding = Duplicated.check(&twice().view());
        assert_found(&finding, Verdict::Pass, 1, 1);
        assert_eq!(finding.witnesses[0].effects, [1, 2]);
        let mut strict = twice();
        let bound = Bound::Count(0);
        strict.parts.plan.objectives.insert("queue.duplicated".to_owned(), bound);
        assert_found(&Duplicated.check(&strict.view()), Verdict::Fail, 1, 1);
    }
}
