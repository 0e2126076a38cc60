//! Answers to another question.

use crate::checker::{Checker, Tally, count, many, span, witness};
use redrill_history::{Action, Finding, Flags, Operation, RunView, Witness};

pub(super) struct Wrong;

impl Checker for Wrong {
    fn id(&self) -> &'static str {
        "cache.wrong"
    }

    fn statement(&self) -> &'static str {
        "Every response answers the prompt that was asked, with its parameters."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let asked = |op: &&Operation| op.action == Action::Generate && op.is_ok();
        for op in run.operations.iter().filter(asked) {
            tally.examine(op);
            if op.value != op.key {
                tally.definite(op, || proof(run, op));
                let from = if op.flags.has(Flags::HIT) { "the cache" } else { "the model" };
                tally.row("Where did the response come from?", from, 1);
            }
        }
        let summary = format!(
            "{} of {} answered another prompt.",
            count(tally.broken()),
            many(tally.examined(), "response")
        );
        tally.judged(summary, "no response came")
    }
}

fn proof(run: &RunView, op: &Operation) -> Witness {
    let answered = match op.value {
        u64::MAX => "with no response to any prompt that was asked".to_owned(),
        other => format!("with the response to prompt {other}"),
    };
    let explanation = format!(
        "The request for prompt {} from {} was answered {answered}.",
        op.key,
        span(run, op)
    );
    witness(explanation, &[op], &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, refused};
    use redrill_history::Verdict;

    #[test]
    fn no_response_is_inconclusive() {
        let mut run = Literal::new();
        refused(run.op(Action::Generate, 1, 0, (1000, 1010)), 502);
        assert_found(&Wrong.check(&run.view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn the_right_response_passes_and_another_is_definite() {
        let mut run = Literal::new();
        run.op(Action::Generate, 1, 1, (1000, 1010));
        assert_found(&Wrong.check(&run.view()), Verdict::Pass, 0, 0);
        let mut run = Literal::new();
        run.op(Action::Generate, 1, 1, (1000, 1010));
        run.op(Action::Generate, 1, 2, (2000, 2010)).flags = Flags::HIT;
        let finding = Wrong.check(&run.view());
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert_eq!(finding.witnesses[0].operations, [2]);
        assert!(finding.witnesses[0].explanation.contains("prompt 2"));
    }
}
