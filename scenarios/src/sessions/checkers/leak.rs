//! Answers that showed somebody else's session.

use super::register::{Reading, Verdict, is_shown, readings, sessions};
use crate::checker::{Checker, Tally, count, many, span, witness};
use redrill_history::{Finding, Operation, RunView, Witness};

pub(super) struct Leak;

impl Checker for Leak {
    fn id(&self) -> &'static str {
        "sessions.leak"
    }

    fn statement(&self) -> &'static str {
        "A session's answer names its own user, and shows only what was written to it."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        for ops in sessions(run).values() {
            let foreign: Vec<Reading<'_>> = readings(run, ops)
                .into_iter()
                .filter(|reading| reading.verdict == Verdict::Foreign)
                .collect();
            for op in ops.iter().filter(|op| is_shown(op)) {
                let owner = run.observation(op.seq).and_then(|told| told.owner);
                let value = foreign.iter().any(|reading| reading.read.seq == op.seq);
                if owner.is_some() || value {
                    tally.examine(op);
                }
                if let Some(owner) = owner.filter(|owner| *owner != op.key) {
                    tally.definite(op, || another_user(run, op, owner));
                } else if value {
                    tally.definite(op, || another_value(run, op));
                }
            }
        }
        let summary = format!(
            "{} of {} showed somebody else's data.",
            count(tally.broken()),
            many(tally.examined(), "session answer")
        );
        tally.judged(summary, "no answer named a session's user")
    }
}

fn another_user(run: &RunView, op: &Operation, owner: u64) -> Witness {
    let named = match owner {
        u64::MAX => "a user that was never logged in".to_owned(),
        user => format!("user {user}"),
    };
    let explanation = format!(
        "The {} from {} carried the cookie of user {} and was answered with the data of {named}.",
        op.action.name(),
        span(run, op),
        op.key
    );
    witness(explanation, &[op], &[])
}

fn another_value(run: &RunView, op: &Operation) -> Witness {
    let explanation = format!(
        "The read of session {} from {} showed {}, which was never written to it.",
        op.key,
        span(run, op),
        op.value
    );
    witness(explanation, &[op], &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Action, Observation, Verdict};

    fn found(value: u64, owner: Option<u64>) -> Finding {
        let mut run = Literal::new();
        run.op(Action::Login, 7, 0, (1000, 1010));
        run.op(Action::SessionWrite, 7, 1, (1100, 1110));
        run.op(Action::SessionRead, 7, value, (1200, 1210));
        run.told(Observation { owner, ..Default::default() });
        Leak.check(&run.view())
    }

    #[test]
    fn answers_that_name_nobody_are_inconclusive() {
        assert_found(&found(1, None), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn an_answer_about_oneself_passes() {
        assert_found(&found(1, Some(7)), Verdict::Pass, 0, 0);
    }

    #[test]
    fn another_user_and_another_value_are_definite() {
        let user = found(1, Some(8));
        assert_found(&user, Verdict::Fail, 1, 1);
        assert_eq!(user.witnesses[0].operations, [3]);
        assert!(user.witnesses[0].explanation.contains("user 8"));
        assert_found(&found(5, Some(7)), Verdict::Fail, 1, 1);
    }
}
