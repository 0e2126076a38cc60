//! Delayed jobs that ran before their time.

use super::ledger::{Entry, Ledger};
use crate::checker::{Checker, Tally, count, many, plus, seconds, witness};
use crate::queue::job::Job;
use redrill_history::{Finding, Operation, RunView, Witness, print_duration};
use std::time::Duration;

/// A service that counts in whole milliseconds on a wall clock that is being slewed is no more
/// than this early.
const SLACK: Duration = Duration::from_millis(10);

pub(super) struct Early;

impl Checker for Early {
    fn id(&self) -> &'static str {
        "queue.early"
    }

    fn statement(&self) -> &'static str {
        "A delayed job does not start before its delay is over."
    }

    fn check(&self, run: &RunView) -> Finding {
        let ledger = Ledger::new(run);
        let mut tally = Tally::new(run, self);
        let attempts = run.plan.target.promises.job_attempts;
        let unambiguous = ledger.repeated == 0;
        for entry in &ledger.entries {
            let delay = Job::of(run.plan.seed, entry.submit.key, attempts).delay;
            let (Some(delay), Some(first)) = (delay, entry.effects.first()) else { continue };
            tally.examine(entry.submit);
            // The service took the job after the submission had begun, at the earliest.
            let due_ns = plus(entry.submit.started_ns, delay);
            if plus(first.started_ns, SLACK) < due_ns && unambiguous {
                tally.definite(entry.submit, || proof(run, entry, first, delay));
            }
        }
        let summary = format!(
            "{} of {} started early.",
            count(tally.broken()),
            many(tally.examined(), "delayed job")
        );
        tally.judged(summary, "no delayed job was seen to start")
    }
}

fn proof(run: &RunView, entry: &Entry<'_>, first: &Operation, delay: Duration) -> Witness {
    let explanation = format!(
        "Job {} was submitted at {} with a delay of {}, and a call for it came at {} already.",
        entry.submit.key,
        seconds(run, entry.submit.started_ns),
        print_duration(delay),
        seconds(run, first.started_ns)
    );
    witness(explanation, &[entry.submit], &[first])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Action, Capability, Verdict};

    /// A run with one delayed job whose call comes `late_ms` after the end of its delay.
    fn delayed(late_ms: i64) -> RunView {
        let mut run = Literal::new();
        let seed = run.parts.plan.seed;
        let delay = |job: &u64| Job::of(seed, *job, 3).delay;
        let job = (1..100).find(|job| delay(job).is_some()).unwrap();
        run.op(Action::Submit, job, 0, (1000, 1010));
        let due_ms = 1000 + i64::try_from(delay(&job).unwrap().as_millis()).unwrap();
        let call_ms = u64::try_from(due_ms + late_ms).unwrap();
        run.effect(Capability::Queue, Action::MailCall, job, (call_ms, call_ms + 10));
        run.view()
    }

    #[test]
    fn no_delayed_job_is_inconclusive() {
        assert_found(&Early.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_job_that_starts_when_it_is_due_is_on_time() {
        for late_ms in [-9, 0, 500] {
            assert_found(&Early.check(&delayed(late_ms)), Verdict::Pass, 0, 0);
        }
    }

    #[test]
    fn a_job_that_starts_before_it_is_due_is_early() {
        assert_found(&Early.check(&delayed(-20)), Verdict::Fail, 1, 1);
    }
}
