//! Sessions that outlive their time.

use super::register::{is_shown, sessions};
use crate::checker::{Checker, Tally, count, latest_effect_ns, many, plus, seconds, span, witness};
use redrill_history::{Action, Finding, Operation, RunView, Witness, print_duration};
use std::time::Duration;

pub(super) struct Overdue;

impl Checker for Overdue {
    fn id(&self) -> &'static str {
        "sessions.overdue"
    }

    fn statement(&self) -> &'static str {
        "A session that nobody uses ends with its time."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let ttl = run.plan.target.promises.session_ttl;
        let allowed = ttl + Duration::from_secs(1).min(ttl / 5);
        for ops in sessions(run).values() {
            let reads = ops.iter().filter(|op| op.action == Action::SessionRead);
            for read in reads.filter(|op| is_shown(op) || op.status == 401) {
                let Some(last_ns) = last_use_ns(run, ops, read) else { continue };
                if read.started_ns <= plus(last_ns, allowed) {
                    continue;
                }
                tally.examine(read);
                if !is_shown(read) {
                    continue;
                }
                let owner = run.observation(read.seq).and_then(|told| told.owner);
                if owner.is_some() || read.value != 0 {
                    tally.definite(read, || proof(run, ops, read, last_ns));
                } else {
                    // An answer without user and data may be that of a stranger's empty session.
                    tally.possible(read);
                }
            }
        }
        let summary = format!(
            "{} of {} that were left alone lived on after their time.",
            count(tally.broken()),
            many(tally.examined(), "session")
        );
        tally.judged(summary, "no session was left alone until after its time and then read")
    }
}

/// When the last use before `read` had taken effect at the latest; `None` when that is not known.
fn last_use_ns(run: &RunView, ops: &[&Operation], read: &Operation) -> Option<u64> {
    let mut last_ns = None;
    for op in ops.iter().filter(|op| op.seq != read.seq && op.started_ns < read.started_ns) {
        let was_answered = op.is_ok() || (400..500).contains(&op.status);
        let settled_ns =
            if was_answered { op.finished_ns } else { latest_effect_ns(run, op.finished_ns)? };
        last_ns = last_ns.max(Some(settled_ns));
    }
    last_ns
}

fn proof(run: &RunView, ops: &[&Operation], read: &Operation, last_ns: u64) -> Witness {
    let explanation = format!(
        "Nothing used session {} after {}, and a session lives {} after its last use. The read \
         from {} was answered with it all the same.",
        read.key,
        seconds(run, last_ns),
        print_duration(run.plan.target.promises.session_ttl),
        span(run, read)
    );
    let before = ops.iter().copied().filter(|op| op.started_ns < read.started_ns);
    let mut operations = vec![read];
    operations.extend(before.max_by_key(|op| op.started_ns));
    witness(explanation, &operations, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, refused, unknown};
    use redrill_history::{Observation, Verdict};

    /// A login, a write that may be unanswered, and a read with this status.
    fn found(write_ms: u64, answered: bool, read_ms: u64, status: u16) -> Finding {
        let mut run = Literal::new();
        run.op(Action::Login, 7, 0, (1000, 1010));
        let write = run.op(Action::SessionWrite, 7, 1, (write_ms, write_ms + 10));
        if !answered {
            unknown(write);
        }
        let read = run.op(Action::SessionRead, 7, 1, (read_ms, read_ms + 10));
        if status != 200 {
            refused(read, status);
        }
        run.told(Observation { owner: Some(7), ..Default::default() });
        Overdue.check(&run.view())
    }

    #[test]
    fn a_session_in_use_is_inconclusive() {
        assert_found(&found(2000, true, 12_500, 200), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_session_that_ended_passes() {
        assert_found(&found(2000, true, 13_100, 401), Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_session_that_answers_after_its_time_is_definite() {
        let finding = found(2000, true, 13_100, 200);
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert_eq!(finding.witnesses[0].operations, [2, 3]);
    }

    #[test]
    fn a_use_without_an_answer_may_have_renewed_it_late() {
        assert_found(&found(2000, false, 13_100, 200), Verdict::Inconclusive, 0, 0);
        assert_found(&found(2000, false, 15_100, 200), Verdict::Fail, 1, 1);
    }
}
