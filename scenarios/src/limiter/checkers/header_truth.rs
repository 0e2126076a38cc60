//! Whether what a limiter's answer says of itself agrees with itself and with the policy.

use super::hits::{Client, Hit, clients};
use crate::checker::{Checker, Tally, count, many, span, witness};
use redrill_history::{Finding, Observation, RunView};

pub(super) struct HeaderTruth;

impl Checker for HeaderTruth {
    fn id(&self) -> &'static str {
        "limiter.header-truth"
    }

    fn statement(&self) -> &'static str {
        "A limiter's answer tells the truth: the policy's limit, a remaining number that fits the \
         count, and a wait that is no longer than the window."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        for client in clients(run) {
            let decided = client.hits.iter().filter(|hit| hit.is_admitted() || hit.is_rejected());
            for hit in decided.filter(|hit| !hit.is_degraded()) {
                let Some(told) = hit.told.filter(|told| tells_something(told)) else { continue };
                tally.examine(hit.op);
                if let Some(lie) = lie(&client, hit, told) {
                    tally.definite(hit.op, || {
                        let hit_of =
                            format!("The hit of {} from {}", client.name(), span(run, hit.op));
                        witness(format!("{hit_of} {}.", lie.1), &[hit.op], &[])
                    });
                    tally.row("What was wrong?", lie.0, 1);
                }
            }
        }
        let summary = format!(
            "{} of {} contradicted themselves or the policy.",
            count(tally.broken()),
            many(tally.examined(), "limiter answer")
        );
        tally.judged(summary, "no answer told of its limit")
    }
}

fn tells_something(told: &Observation) -> bool {
    [told.limit, told.remaining, told.reset_s, told.retry_after_s].iter().any(Option::is_some)
}

/// What is wrong with an answer: in a word, and in numbers.
fn lie(client: &Client<'_>, hit: &Hit<'_>, told: &Observation) -> Option<(&'static str, String)> {
    let limit = client.policy.limit;
    // Times are whole seconds, rounded up.
    let longest_s = client.policy.window.as_secs() + 1;
    if let Some(stated) = told.limit.filter(|stated| *stated != limit) {
        return Some(("the limit", format!("stated a limit of {stated}")));
    }
    if let Some(left) = told.remaining {
        let of_count = told.window.and(told.counter).map(|counter| limit.saturating_sub(counter));
        let expected = if hit.is_rejected() { Some(0) } else { of_count };
        if expected.is_some_and(|expected| expected != left) {
            let counter = told.counter.map_or_else(String::new, |no| format!(" as number {no}"));
            let verb = if hit.is_rejected() { "was rejected" } else { "was admitted" };
            return Some((
                "the remaining number",
                format!("{verb}{counter} with {left} remaining"),
            ));
        }
    }
    if let Some(wait) = told.reset_s.filter(|wait| *wait > longest_s) {
        return Some(("the reset", format!("stated a reset in {wait} s")));
    }
    let wait = told.retry_after_s.filter(|wait| *wait > longest_s);
    wait.map(|wait| ("Retry-After", format!("was told to come back in {wait} s")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Action, Verdict};

    fn told() -> Observation {
        Observation {
            counter: Some(3),
            window: Some(7),
            limit: Some(10),
            remaining: Some(7),
            reset_s: Some(2),
            ..Default::default()
        }
    }

    fn found(admitted: bool, told: Observation) -> Finding {
        let mut run = Literal::new();
        let op = run.op(Action::Hit, 3, u64::from(admitted), (1000, 1010));
        if !admitted {
            op.status = 429;
        }
        run.told(told);
        HeaderTruth.check(&run.view())
    }

    #[test]
    fn an_answer_that_tells_nothing_is_inconclusive() {
        assert_found(&found(true, Observation::default()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn an_answer_that_agrees_passes() {
        assert_found(&found(true, told()), Verdict::Pass, 0, 0);
        let rejected = Observation { counter: Some(11), remaining: Some(0), ..told() };
        assert_found(&found(false, rejected), Verdict::Pass, 0, 0);
    }

    #[test]
    fn every_contradiction_is_definite() {
        for (admitted, told, word) in [
            (true, Observation { limit: Some(11), ..told() }, "limit of 11"),
            (true, Observation { remaining: Some(8), ..told() }, "8 remaining"),
            (false, Observation { counter: Some(11), remaining: Some(1), ..told() }, "rejected"),
            (true, Observation { reset_s: Some(60), ..told() }, "reset in 60 s"),
            (true, Observation { retry_after_s: Some(60), ..told() }, "come back in 60 s"),
        ] {
            let finding = found(admitted, told);
            assert_found(&finding, Verdict::Fail, 1, 1);
            let explanation = &finding.witnesses[0].explanation;
            assert!(explanation.contains(word), "{explanation}");
        }
    }
}
