//! Sessions that were gone before their time.

use super::register::{is_shown, sessions};
use crate::checker::{Checker, Tally, acknowledged_by, count, many, plus, seconds, span, witness};
use redrill_history::{Action, Finding, Operation, Outcome, RunView, Witness, print_duration};
use std::time::Duration;

/// Stores count a session's time in whole milliseconds, on a clock that may be slewed.
const SLACK: Duration = Duration::from_millis(100);

pub(super) struct Lost;

impl Checker for Lost {
    fn id(&self) -> &'static str {
        "sessions.lost"
    }

    fn statement(&self) -> &'static str {
        "No session is gone before its time since the last acknowledged use, unless its user \
         logged out."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let ttl = run.plan.target.promises.session_ttl.saturating_sub(SLACK);
        for ops in sessions(run).values() {
            let uses = ops.iter().filter(|op| is_use(op) && (is_shown(op) || is_declined(op)));
            let mut examined = false;
            for asked in uses {
                let Some(last) = last_use(ops, asked) else { continue };
                if logout_begun(ops, asked) {
                    break;
                }
                // The service decided at the end of the answer at the latest, and had renewed the
                // session when the last use began at the earliest.
                let is_in_time = asked.finished_ns < plus(last.started_ns, ttl);
                if is_in_time && !examined {
                    tally.examine(asked);
                    examined = true;
                }
                if is_shown(asked) {
                    continue;
                }
                if is_in_time && asked.status != 401 {
                    // It may mean that there is no session, or something else.
                    tally.possible(asked);
                } else if is_in_time {
                    let back =
                        ops.iter().find(|op| is_shown(op) && op.started_ns > asked.finished_ns);
                    charge(run, &mut tally, last, asked, back.copied());
                } else if renewed_without_answer(ops, asked, ttl) {
                    tally.possible(asked);
                }
                break;
            }
        }
        let summary = format!(
            "{} of {} were gone before their time.",
            count(tally.broken()),
            many(tally.examined(), "session")
        );
        tally.judged(summary, "no session was used again within its time")
    }
}

/// True for an answer that sends the user away: 401 says that there is no session, the others are
/// what services send in its place.
fn is_declined(op: &Operation) -> bool {
    matches!(op.status, 401 | 403 | 404 | 410) || (300..400).contains(&op.status)
}

fn is_use(op: &Operation) -> bool {
    matches!(op.action, Action::SessionRead | Action::SessionWrite)
}

/// The last acknowledged use that was over when `asked` began.
fn last_use<'a>(ops: &[&'a Operation], asked: &Operation) -> Option<&'a Operation> {
    let before = ops.iter().copied().filter(|op| op.finished_ns <= asked.started_ns);
    before
        .filter(|op| is_shown(op) && (is_use(op) || op.action == Action::Login))
        .max_by_key(|op| op.started_ns)
}

fn logout_begun(ops: &[&Operation], asked: &Operation) -> bool {
    ops.iter().any(|op| op.action == Action::Logout && op.started_ns < asked.finished_ns)
}

fn renewed_without_answer(ops: &[&Operation], asked: &Operation, ttl: Duration) -> bool {
    let mut before =
        ops.iter().filter(|op| op.seq != asked.seq && op.started_ns < asked.started_ns);
    before.any(|op| {
        is_use(op) && op.outcome == Outcome::Unknown && asked.finished_ns < plus(op.started_ns, ttl)
    })
}

fn charge(
    run: &RunView,
    tally: &mut Tally<'_>,
    last: &Operation,
    asked: &Operation,
    back: Option<&Operation>,
) {
    tally.definite(asked, || proof(run, last, asked, back));
    tally.row_when("When was it last acknowledged?", last);
    tally.row("Which node acknowledged that?", &acknowledged_by(run, last), 1);
    let became = if back.is_some() { "it came back later" } else { "it was not seen again" };
    tally.row("What became of it?", became, 1);
}

fn proof(run: &RunView, last: &Operation, asked: &Operation, back: Option<&Operation>) -> Witness {
    let again = back.map_or_else(String::new, |op| {
        format!(" At {} it was there again.", seconds(run, op.finished_ns))
    });
    let explanation = format!(
        "Session {} was last used with success from {} ({}) and lives {} after its last use. The \
         {} from {} was answered 401: no such session.{again}",
        asked.key,
        span(run, last),
        last.action.name(),
        print_duration(run.plan.target.promises.session_ttl),
        asked.action.name(),
        span(run, asked)
    );
    let mut operations = vec![last, asked];
    operations.extend(back);
    witness(explanation, &operations, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, refused, unknown};
    use redrill_history::Verdict;

    fn found(build: impl Fn(&mut Literal)) -> Finding {
        let mut run = Literal::new();
        run.op(Action::Login, 7, 0, (1000, 1010));
        build(&mut run);
        Lost.check(&run.view())
    }

    #[test]
    fn a_session_that_is_never_used_is_inconclusive() {
        assert_found(&found(|_| {}), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_session_that_answers_passes() {
        let finding = found(|run| {
            run.op(Action::SessionRead, 7, 0, (2000, 2010));
        });
        assert_found(&finding, Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_401_within_the_time_is_a_lost_session_counted_once() {
        let finding = found(|run| {
            refused(run.op(Action::SessionRead, 7, 0, (9000, 9010)), 401);
            refused(run.op(Action::SessionRead, 7, 0, (9100, 9110)), 401);
        });
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert_eq!(finding.witnesses[0].operations, [1, 2]);
        assert!(finding.witnesses[0].explanation.contains("answered 401"));
    }

    #[test]
    fn another_way_to_send_the_user_away_is_possibly_a_lost_session() {
        for status in [302, 403, 404] {
            let finding = found(|run| {
                refused(run.op(Action::SessionRead, 7, 0, (9000, 9010)), status);
            });
            assert_found(&finding, Verdict::Pass, 0, 1);
        }
    }

    #[test]
    fn the_end_of_its_time_and_a_logout_explain_a_401() {
        let expired = found(|run| {
            run.op(Action::SessionRead, 7, 0, (1500, 1510));
            refused(run.op(Action::SessionRead, 7, 0, (11_395, 11_405)), 401);
        });
        assert_found(&expired, Verdict::Pass, 0, 0);
        let logged_out = found(|run| {
            run.op(Action::SessionRead, 7, 0, (1500, 1510));
            unknown(run.op(Action::Logout, 7, 0, (2000, 2010)));
            refused(run.op(Action::SessionRead, 7, 0, (2100, 2110)), 401);
        });
        assert_found(&logged_out, Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_use_without_an_answer_makes_it_possible_only() {
        let finding = found(|run| {
            run.op(Action::SessionRead, 7, 0, (1500, 1510));
            unknown(run.op(Action::SessionWrite, 7, 1, (9000, 9010)));
            refused(run.op(Action::SessionRead, 7, 0, (15_000, 15_010)), 401);
        });
        assert_found(&finding, Verdict::Pass, 0, 1);
    }
}
