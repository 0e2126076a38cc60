//! Writes of a session that took effect though the service had said that it did not do them.

use super::register::{is_shown, sessions};
use crate::checker::{Checker, Tally, count, many, seconds, span, witness};
use redrill_history::{Action, Finding, Operation, Outcome, RunView, Witness};

pub(super) struct RefusedButWritten;

impl Checker for RefusedButWritten {
    fn id(&self) -> &'static str {
        "sessions.refused-but-written"
    }

    fn statement(&self) -> &'static str {
        "No read of a session shows a write that the service refused."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let mut refused = 0_u64;
        for ops in sessions(run).values() {
            let writes: Vec<&Operation> = of(ops, Action::SessionWrite).collect();
            refused += writes.iter().filter(|op| op.outcome == Outcome::Refused).count() as u64;
            for read in of(ops, Action::SessionRead).filter(|op| is_shown(op) && op.value > 0) {
                tally.examine(read);
                let mut its = writes.iter().filter(|write| write.value == read.value);
                // Every write of a session has a number of its own.
                if let (Some(write), None) = (its.next(), its.next())
                    && write.outcome == Outcome::Refused
                {
                    tally.definite(read, || proof(run, write, read));
                    tally.row("How was it refused?", &format!("status {}", write.status), 1);
                }
            }
        }
        let summary = format!(
            "{} of {} showed one of {}.",
            count(tally.broken()),
            many(tally.examined(), "read"),
            many(refused, "refused write")
        );
        tally.judged(summary, "no read showed a written session")
    }
}

fn of<'a>(ops: &[&'a Operation], action: Action) -> impl Iterator<Item = &'a Operation> {
    ops.iter().copied().filter(move |op| op.action == action)
}

fn proof(run: &RunView, write: &Operation, read: &Operation) -> Witness {
    let explanation = format!(
        "The write of {} to session {} was refused at {} (status {}), and the read from {} shows \
         it.",
        write.value,
        write.key,
        seconds(run, write.finished_ns),
        write.status,
        span(run, read)
    );
    witness(explanation, &[write, read], &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, refused, unknown};
    use redrill_history::Verdict;

    /// A write, and a read that shows `shown`.
    fn found(write: impl Fn(&mut Operation), shown: u64) -> Finding {
        let mut run = Literal::new();
        run.op(Action::Login, 7, 0, (1000, 1010));
        run.op(Action::SessionWrite, 7, 1, (1100, 1110));
        write(run.op(Action::SessionWrite, 7, 2, (1200, 1210)));
        run.op(Action::SessionRead, 7, shown, (1300, 1310));
        RefusedButWritten.check(&run.view())
    }

    #[test]
    fn no_read_is_inconclusive() {
        let finding = RefusedButWritten.check(&Literal::new().view());
        assert_found(&finding, Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_refused_write_that_shows_is_definite() {
        let finding = found(|write| refused(write, 409), 2);
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert_eq!(finding.witnesses[0].operations, [3, 4]);
    }

    #[test]
    fn one_that_does_not_show_and_an_unknown_one_that_does_pass() {
        assert_found(&found(|write| refused(write, 503), 1), Verdict::Pass, 0, 0);
        assert_found(&found(unknown, 2), Verdict::Pass, 0, 0);
    }
}
