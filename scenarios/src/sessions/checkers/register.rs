//! A session's field is a register with one writer: which values a read may return.

use crate::checker::plus;
use redrill_history::{Action, Capability, Operation, RunView};
use std::collections::BTreeMap;

/// The operations of every session, each in order of their start.
pub(super) fn sessions(run: &RunView) -> BTreeMap<u64, Vec<&Operation>> {
    let mut sessions: BTreeMap<u64, Vec<&Operation>> = BTreeMap::new();
    for op in run.operations.iter().filter(|op| op.capability == Capability::Sessions) {
        sessions.entry(op.key).or_default().push(op);
    }
    for ops in sessions.values_mut() {
        ops.sort_by_key(|op| (op.started_ns, op.seq));
    }
    sessions
}

/// True for an answer that showed the session.
pub(super) fn is_shown(op: &Operation) -> bool {
    op.is_ok() && (200..300).contains(&op.status)
}

/// What a read tells of the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The last acknowledged write, or one that may have followed it.
    Current,
    /// Older, and something may explain it: a write without an answer that took effect late, the
    /// end of the session.
    Excused,
    /// Older than a write that was acknowledged before the read began.
    Older,
    /// A number that was never written to this session.
    Foreign,
}

/// A read with the write that it should have shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    pub(super) read: &'a Operation,
    /// The last write that was acknowledged before the read began.
    pub(super) written: Option<&'a Operation>,
    pub(super) verdict: Verdict,
}

/// Every read of a session that showed it, judged.
pub(super) fn readings<'a>(run: &RunView, ops: &[&'a Operation]) -> Vec<Reading<'a>> {
    let writes: Vec<&Operation> =
        ops.iter().copied().filter(|op| op.action == Action::SessionWrite).collect();
    let reads = ops.iter().copied().filter(|op| op.action == Action::SessionRead && is_shown(op));
    reads
        .map(|read| {
            let written = writes
                .iter()
                .copied()
                .filter(|write| write.is_ok() && write.finished_ns <= read.started_ns)
                .max_by_key(|write| write.started_ns);
            let verdict = match judge(read, &writes, written) {
                Verdict::Older if may_have_ended(run, ops, read) => Verdict::Excused,
                verdict => verdict,
            };
            Reading { read, written, verdict }
        })
        .collect()
}

fn judge(read: &Operation, writes: &[&Operation], written: Option<&Operation>) -> Verdict {
    if read.value == 0 {
        return if written.is_none() { Verdict::Current } else { Verdict::Older };
    }
    let begun = writes.iter().filter(|write| write.started_ns < read.finished_ns);
    let candidates = begun.filter(|write| write.value == read.value);
    let verdicts = candidates.map(|write| {
        let Some(last) = written else { return Verdict::Current };
        let is_before = |end_ns: u64| end_ns < last.started_ns;
        match write.is_ok() {
            true if is_before(write.finished_ns) => Verdict::Older,
            // Without an answer it may take effect at any time, after later writes, too.
            false if is_before(write.started_ns) => Verdict::Excused,
            _ => Verdict::Current,
        }
    });
    verdicts.min_by_key(|verdict| *verdict as u8).unwrap_or(Verdict::Foreign)
}

/// True when the session may have been over: a logout was begun, or its time since the last
/// acknowledged use had run out.
fn may_have_ended(run: &RunView, ops: &[&Operation], read: &Operation) -> bool {
    let before = || ops.iter().filter(|op| op.started_ns < read.finished_ns && op.seq != read.seq);
    let used = before().filter(|op| is_shown(op) && op.finished_ns <= read.started_ns);
    let last_use_ns = used.map(|op| op.started_ns).max().unwrap_or(0);
    let ttl = run.plan.target.promises.session_ttl;
    before().any(|op| op.action == Action::Logout) || plus(last_use_ns, ttl) <= read.finished_ns
}

/// The first read after `reading` that showed the write again, before anything else was written.
pub(super) fn shown_again<'a>(
    reading: &Reading<'_>,
    all: &[Reading<'a>],
    ops: &[&Operation],
) -> Option<&'a Operation> {
    let written = reading.written?;
    let mut later = all.iter().filter(|other| {
        other.read.started_ns >= reading.read.finished_ns
            && other.read.value == written.value
            && other.read.started_ns < next_write_ns(written, ops)
    });
    later.next().map(|other| other.read)
}

/// When the next write after `written` was begun.
pub(super) fn next_write_ns(written: &Operation, ops: &[&Operation]) -> u64 {
    let later = ops
        .iter()
        .filter(|op| op.action == Action::SessionWrite && op.started_ns >= written.finished_ns);
    later.map(|op| op.started_ns).min().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, unknown};

    /// The verdict on the last read.
    fn last(build: impl Fn(&mut Literal)) -> Verdict {
        let mut run = Literal::new();
        run.op(Action::Login, 7, 0, (1000, 1010));
        build(&mut run);
        let run = run.view();
        let sessions = sessions(&run);
        readings(&run, &sessions[&7]).last().unwrap().verdict
    }

    #[test]
    fn a_read_shows_the_last_write_or_one_that_overlaps_it() {
        let fresh = last(|run| {
            run.op(Action::SessionRead, 7, 0, (1020, 1030));
        });
        assert_eq!(fresh, Verdict::Current);
        for value in [1, 2] {
            let overlapping = last(|run| {
                run.op(Action::SessionWrite, 7, 1, (1100, 1110));
                run.op(Action::SessionWrite, 7, 2, (1200, 1300));
                run.op(Action::SessionRead, 7, value, (1250, 1260));
            });
            assert_eq!(overlapping, Verdict::Current);
        }
    }

    #[test]
    fn a_read_after_two_overlapping_writes_may_show_either() {
        for value in [1, 2] {
            let after_both = last(|run| {
                run.op(Action::SessionWrite, 7, 1, (1100, 1250));
                run.op(Action::SessionWrite, 7, 2, (1200, 1300));
                run.op(Action::SessionRead, 7, value, (1400, 1410));
            });
            assert_eq!(after_both, Verdict::Current);
        }
    }

    #[test]
    fn an_older_value_is_older_and_an_absent_one_too() {
        for value in [0, 1] {
            let older = last(|run| {
                run.op(Action::SessionWrite, 7, 1, (1100, 1110));
                run.op(Action::SessionWrite, 7, 2, (1200, 1210));
                run.op(Action::SessionRead, 7, value, (1300, 1310));
            });
            assert_eq!(older, Verdict::Older);
        }
    }

    #[test]
    fn a_late_write_a_logout_and_the_end_of_its_time_excuse_it() {
        let late = last(|run| {
            unknown(run.op(Action::SessionWrite, 7, 1, (1100, 1110)));
            run.op(Action::SessionWrite, 7, 2, (1200, 1210));
            run.op(Action::SessionRead, 7, 1, (1300, 1310));
        });
        let logged_out = last(|run| {
            run.op(Action::SessionWrite, 7, 1, (1100, 1110));
            unknown(run.op(Action::Logout, 7, 0, (1200, 1210)));
            run.op(Action::SessionRead, 7, 0, (1300, 1310));
        });
        let expired = last(|run| {
            run.op(Action::SessionWrite, 7, 1, (1100, 1110));
            run.op(Action::SessionRead, 7, 0, (11_095, 11_105));
        });
        assert_eq!([late, logged_out, expired], [Verdict::Excused; 3]);
    }

    #[test]
    fn a_number_that_nobody_wrote_is_foreign() {
        let foreign = last(|run| {
            run.op(Action::SessionWrite, 7, 1, (1100, 1110));
            run.op(Action::SessionRead, 7, 9, (1300, 1310));
        });
        assert_eq!(foreign, Verdict::Foreign);
    }
}
