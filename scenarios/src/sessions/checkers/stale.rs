//! Reads that showed an older value than one that is still there.

use super::register::{Reading, Verdict, readings, sessions, shown_again};
use crate::checker::{Checker, Tally, count, many, seconds, span, witness};
use redrill_history::{Finding, Operation, RunView, Witness};

pub(super) struct Stale;

impl Checker for Stale {
    fn id(&self) -> &'static str {
        "sessions.stale"
    }

    fn statement(&self) -> &'static str {
        "No read of a session shows an older value and a later read the newer one again."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        for ops in sessions(run).values() {
            let readings = readings(run, ops);
            for reading in &readings {
                tally.examine(reading.read);
                match (reading.verdict, shown_again(reading, &readings, ops)) {
                    (Verdict::Older, Some(again)) => {
                        tally.definite(reading.read, || proof(run, reading, again));
                    }
                    (Verdict::Excused, Some(_)) => tally.possible(reading.read),
                    _ => {}
                }
            }
        }
        let summary = format!(
            "{} of {} were stale.",
            count(tally.broken()),
            many(tally.examined(), "session read")
        );
        tally.judged(summary, "no read showed a session")
    }
}

fn proof(run: &RunView, reading: &Reading<'_>, again: &Operation) -> Witness {
    let read = reading.read;
    let written_ns = reading.written.map_or(0, |written| written.finished_ns);
    let explanation = format!(
        "Session {}: the write of {} was acknowledged at {}. The read from {} showed {}, and the \
         one from {} showed {} again, though nothing was written between.",
        read.key,
        again.value,
        seconds(run, written_ns),
        span(run, read),
        read.value,
        span(run, again),
        again.value
    );
    let mut operations = vec![read, again];
    operations.extend(reading.written);
    witness(explanation, &operations, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, unknown};
    use redrill_history::{Action, Verdict};

    fn found(first_write_answered: bool, values: &[u64]) -> Finding {
        let mut run = Literal::new();
        run.op(Action::Login, 7, 0, (1000, 1010));
        let first = run.op(Action::SessionWrite, 7, 1, (1100, 1110));
        if !first_write_answered {
            unknown(first);
        }
        run.op(Action::SessionWrite, 7, 2, (1200, 1210));
        for (place, value) in values.iter().enumerate() {
            let at = 1300 + 100 * place as u64;
            run.op(Action::SessionRead, 7, *value, (at, at + 10));
        }
        Stale.check(&run.view())
    }

    #[test]
    fn no_read_is_inconclusive() {
        assert_found(&found(true, &[]), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn the_last_value_is_not_stale() {
        assert_found(&found(true, &[2, 2]), Verdict::Pass, 0, 0);
    }

    #[test]
    fn an_older_value_before_the_newer_one_is_stale() {
        let finding = found(true, &[2, 1, 2]);
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert_eq!(finding.witnesses[0].operations, [3, 5, 6]);
    }

    #[test]
    fn an_older_value_that_stays_is_lost_and_not_stale() {
        assert_found(&found(true, &[1, 1]), Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_write_without_an_answer_makes_it_possible_only() {
        assert_found(&found(false, &[2, 1, 2]), Verdict::Pass, 0, 1);
    }
}
