//! Answers that claim to come from the cache while the model was called.

use super::calls::{Prompt, is_hit, prompts};
use crate::checker::{Checker, Tally, count, many, plus, span, witness};
use redrill_history::{Finding, Operation, RunView, Unit, Witness};
use std::time::Duration;

pub(super) struct LyingHits;

impl Checker for LyingHits {
    fn id(&self) -> &'static str {
        "cache.lying-hits"
    }

    fn statement(&self) -> &'static str {
        "An answer that says it came from the cache cost no call to the model."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let mut orphans = 0_u32;
        // A miss that was answered may end before its call does by the time it waits for Redis.
        let grace = run.plan.target.promises.command_timeout;
        for prompt in prompts(run).values() {
            for hit in prompt.requests.iter().filter(|op| is_hit(op)) {
                tally.examine(hit);
            }
            for call in &prompt.calls {
                if has_honest_origin(prompt, call, grace) {
                    continue;
                }
                match liar(prompt, call) {
                    Some(hit) => tally.definite(hit, || proof(run, hit, call)),
                    None => orphans += 1,
                }
            }
        }
        let unexplained = "model calls that no request explains";
        tally.measure(unexplained, Some(f64::from(orphans)), Unit::Count);
        let summary = format!(
            "{} of {} called the model all the same.",
            count(tally.broken()),
            many(tally.examined(), "hit")
        );
        tally.judged(summary, "no answer claimed to come from the cache")
    }
}

/// True when a request that does not claim to be a hit can have made the call: an answered miss
/// that lasted when the call began, or a request without an answer, at any time after its start.
fn has_honest_origin(prompt: &Prompt<'_>, call: &Operation, grace: Duration) -> bool {
    let mut before = prompt.requests.iter().filter(|op| op.started_ns <= call.started_ns);
    before.any(|op| !is_hit(op) && (!op.is_ok() || plus(op.finished_ns, grace) >= call.started_ns))
}

/// The hit that the call was made for: one that holds it, or else one that overlaps it.
fn liar<'a>(prompt: &Prompt<'a>, call: &Operation) -> Option<&'a Operation> {
    let overlapping = || {
        prompt.requests.iter().copied().filter(|op| {
            is_hit(op) && op.started_ns <= call.started_ns && call.started_ns <= op.finished_ns
        })
    };
    overlapping().find(|op| call.finished_ns <= op.finished_ns).or_else(|| overlapping().next())
}

fn proof(run: &RunView, hit: &Operation, call: &Operation) -> Witness {
    let explanation = format!(
        "The request for prompt {} from {} was answered as a hit. From {} the model was called for \
         this prompt, and no other request can have caused that.",
        hit.key,
        span(run, hit),
        span(run, call)
    );
    witness(explanation, &[hit], &[call])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, refused};
    use redrill_history::{Action, Capability, Flags, Verdict};

    fn found(build: impl Fn(&mut Literal)) -> Finding {
        let mut run = Literal::new();
        run.effect(Capability::Cache, Action::ModelCall, 4, (5010, 5050));
        run.op(Action::Generate, 4, 4, (5000, 5060)).flags = Flags::HIT;
        build(&mut run);
        LyingHits.check(&run.view())
    }

    #[test]
    fn no_hit_is_inconclusive() {
        assert_found(&LyingHits.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_hit_beside_the_miss_that_called_passes() {
        let finding = found(|run| {
            run.op(Action::Generate, 4, 4, (4990, 5060));
        });
        assert_found(&finding, Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_request_without_an_answer_may_call_at_any_later_time() {
        let finding = found(|run| refused(run.op(Action::Generate, 4, 0, (1000, 3000)), 0));
        assert_found(&finding, Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_call_that_only_the_hit_explains_is_a_lie() {
        let finding = found(|run| {
            run.op(Action::Generate, 4, 4, (3900, 4000));
            run.op(Action::Generate, 4, 4, (5020, 5060));
            run.op(Action::Generate, 9, 9, (5000, 5060));
        });
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert_eq!(finding.witnesses[0].operations, [1]);
        assert_eq!(finding.witnesses[0].effects, [1]);
    }
}
