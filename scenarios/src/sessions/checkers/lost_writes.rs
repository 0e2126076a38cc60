//! Acknowledged writes that are gone.

use super::register::{Reading, Verdict, next_write_ns, readings, sessions, shown_again};
use crate::checker::{Checker, Tally, acknowledged_by, count, many, seconds, span, witness};
use redrill_history::{Finding, Operation, RunView, Witness};
use std::collections::BTreeMap;

pub(super) struct LostWrites;

/// What the reads of one write's time told of it.
#[derive(Default)]
struct Seen<'a> {
    lost: Option<Reading<'a>>,
    excused: bool,
}

impl Checker for LostWrites {
    fn id(&self) -> &'static str {
        "sessions.lost-writes"
    }

    fn statement(&self) -> &'static str {
        "No acknowledged write of a session is lost: until something else is written, a read ends \
         up showing it."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        for ops in sessions(run).values() {
            let readings = readings(run, ops);
            let mut writes: BTreeMap<u64, (&Operation, Seen<'_>)> = BTreeMap::new();
            for reading in &readings {
                let Some(written) = reading.written else { continue };
                let (_, seen) = writes.entry(written.seq).or_insert((written, Seen::default()));
                match reading.verdict {
                    Verdict::Older if shown_again(reading, &readings, ops).is_none() => {
                        seen.lost = seen.lost.or(Some(*reading));
                    }
                    Verdict::Excused => seen.excused = true,
                    _ => {}
                }
            }
            for (written, seen) in writes.values() {
                tally.examine(written);
                match seen.lost {
                    Some(reading) => self.charge(run, &mut tally, written, &reading, ops),
                    None if seen.excused => tally.possible(written),
                    None => {}
                }
            }
        }
        let summary = format!(
            "{} of {} that were read afterwards were lost.",
            count(tally.broken()),
            many(tally.examined(), "acknowledged session write")
        );
        tally.judged(summary, "no acknowledged write was read afterwards")
    }
}

impl LostWrites {
    fn charge(
        &self,
        run: &RunView,
        tally: &mut Tally<'_>,
        written: &Operation,
        reading: &Reading<'_>,
        ops: &[&Operation],
    ) {
        let overwritten_ns = next_write_ns(written, ops);
        tally.definite(written, || proof(run, written, reading.read, overwritten_ns));
        tally.row_when("When was it acknowledged?", written);
        tally.row("Which node acknowledged it?", &acknowledged_by(run, written), 1);
        let became = if overwritten_ns == u64::MAX {
            "gone for good"
        } else {
            "not seen before something else was written"
        };
        tally.row("What became of it?", became, 1);
    }
}

fn proof(run: &RunView, written: &Operation, read: &Operation, overwritten_ns: u64) -> Witness {
    let shown = match read.value {
        0 => "no value".to_owned(),
        value => format!("{value}"),
    };
    let after = if overwritten_ns == u64::MAX {
        "No later read showed it.".to_owned()
    } else {
        format!(
            "No read showed it before something else was written at {}.",
            seconds(run, overwritten_ns)
        )
    };
    let explanation = format!(
        "Session {}: the write of {} was acknowledged at {} (status {}). The read from {} \
         showed {shown}. {after}",
        written.key,
        written.value,
        seconds(run, written.finished_ns),
        written.status,
        span(run, read)
    );
    witness(explanation, &[written, read], &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, unknown};
    use redrill_history::{Action, Verdict};

    fn found(build: impl Fn(&mut Literal)) -> Finding {
        let mut run = Literal::new();
        run.op(Action::Login, 7, 0, (1000, 1010));
        run.op(Action::SessionWrite, 7, 1, (1100, 1110));
        build(&mut run);
        LostWrites.check(&run.view())
    }

    #[test]
    fn a_write_that_nobody_read_is_inconclusive() {
        assert_found(&found(|_| {}), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_write_that_is_read_passes() {
        let finding = found(|run| {
            run.op(Action::SessionRead, 7, 1, (1200, 1210));
        });
        assert_found(&finding, Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_write_that_no_read_shows_is_lost() {
        let finding = found(|run| {
            run.op(Action::SessionWrite, 7, 2, (1200, 1210));
            run.op(Action::SessionRead, 7, 1, (1300, 1310));
            run.op(Action::SessionRead, 7, 1, (1400, 1410));
        });
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert_eq!(finding.witnesses[0].operations, [3, 4]);
        let told = &finding.witnesses[0].explanation;
        assert!(told.contains("write of 2 was acknowledged at 1.210 s"), "{told}");
        assert_eq!(finding.breakdowns[2].rows, [("gone for good".to_owned(), 1)]);
    }

    #[test]
    fn one_that_was_overwritten_before_it_came_back_is_lost_too() {
        let finding = found(|run| {
            run.op(Action::SessionRead, 7, 0, (1300, 1310));
            run.op(Action::SessionWrite, 7, 2, (1400, 1410));
            run.op(Action::SessionRead, 7, 2, (1500, 1510));
        });
        assert_found(&finding, Verdict::Fail, 1, 1);
    }

    #[test]
    fn one_that_comes_back_was_only_stale() {
        let finding = found(|run| {
            run.op(Action::SessionRead, 7, 0, (1300, 1310));
            run.op(Action::SessionRead, 7, 1, (1400, 1410));
        });
        assert_found(&finding, Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_late_write_without_an_answer_makes_it_possible_only() {
        let finding = found(|run| {
            unknown(run.op(Action::SessionWrite, 7, 2, (1200, 1210)));
            run.op(Action::SessionWrite, 7, 3, (1300, 1310));
            run.op(Action::SessionRead, 7, 2, (1400, 1410));
        });
        assert_found(&finding, Verdict::Pass, 0, 1);
    }
}
