//! Sessions that live on after their user logged out.

use super::register::{is_shown, sessions};
use crate::checker::{Checker, Tally, acknowledged_by, count, many, seconds, span, witness};
use redrill_history::{Action, Finding, Operation, RunView, Witness};

pub(super) struct Revived;

impl Checker for Revived {
    fn id(&self) -> &'static str {
        "sessions.revived"
    }

    fn statement(&self) -> &'static str {
        "After an acknowledged logout the old cookie is dead, everywhere and for good."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        for ops in sessions(run).values() {
            let logout = ops.iter().find(|op| op.action == Action::Logout && op.is_ok());
            let Some(logout) = logout else { continue };
            let later = ops
                .iter()
                .filter(|op| op.started_ns >= logout.finished_ns && op.action != Action::Logout);
            for op in later.filter(|op| is_shown(op) || op.status == 401) {
                tally.examine(op);
                let owner = run.observation(op.seq).and_then(|told| told.owner);
                match (is_shown(op), owner.is_some() || op.value != 0) {
                    (true, true) => {
                        tally.definite(op, || proof(run, logout, op));
                        tally.row_when("When was the logout acknowledged?", logout);
                        let by = acknowledged_by(run, logout);
                        tally.row("Which node acknowledged it?", &by, 1);
                    }
                    // An answer without user and data may be that of a stranger's empty session.
                    (true, false) => tally.possible(op),
                    (false, _) => {}
                }
            }
        }
        let summary = format!(
            "{} of {} after a logout were answered as if there had been none.",
            count(tally.broken()),
            many(tally.examined(), "use")
        );
        tally.judged(summary, "no session was tried after its logout")
    }
}

fn proof(run: &RunView, logout: &Operation, op: &Operation) -> Witness {
    let explanation = format!(
        "The logout of session {} was acknowledged at {}. The {} with the old cookie from {} was \
         answered with the session (status {}).",
        op.key,
        seconds(run, logout.finished_ns),
        op.action.name(),
        span(run, op),
        op.status
    );
    witness(explanation, &[logout, op], &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, refused, unknown};
    use redrill_history::{Observation, Verdict};

    fn found(answered: bool, status: u16, owner: Option<u64>) -> Finding {
        let mut run = Literal::new();
        run.op(Action::Login, 7, 0, (1000, 1010));
        let logout = run.op(Action::Logout, 7, 0, (2000, 2010));
        if !answered {
            unknown(logout);
        }
        let read = run.op(Action::DeadRead, 7, 0, (2100, 2110));
        if status != 200 {
            refused(read, status);
        }
        run.told(Observation { owner, ..Default::default() });
        Revived.check(&run.view())
    }

    #[test]
    fn a_logout_that_nobody_tried_or_acknowledged_is_inconclusive() {
        assert_found(&Revived.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
        assert_found(&found(false, 200, Some(7)), Verdict::Inconclusive, 0, 0);
        assert_found(&found(true, 503, None), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_dead_cookie_passes() {
        assert_found(&found(true, 401, None), Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_session_that_answers_after_its_logout_is_definite() {
        let finding = found(true, 200, Some(7));
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert_eq!(finding.witnesses[0].operations, [2, 3]);
    }

    #[test]
    fn an_answer_without_user_or_data_is_possible_only() {
        assert_found(&found(true, 200, None), Verdict::Pass, 0, 1);
    }
}
