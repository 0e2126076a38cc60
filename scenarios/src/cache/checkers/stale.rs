//! Responses served from the cache after their time.

use super::calls::{is_hit, prompts};
use crate::checker::{Checker, Tally, count, latest_effect_ns, many, plus, seconds, span, witness};
use redrill_history::{Finding, Operation, RunView, Witness, print_duration};

pub(super) struct Stale;

impl Checker for Stale {
    fn id(&self) -> &'static str {
        "cache.stale"
    }

    fn statement(&self) -> &'static str {
        "No response from the cache is older than its time to live."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let ttl = run.plan.target.promises.cache_ttl;
        for prompt in prompts(run).values() {
            for hit in prompt.requests.iter().filter(|op| is_hit(op)) {
                tally.examine(hit);
                // Every call that had begun may have been stored in time for this hit.
                let before = || {
                    prompt.calls.iter().copied().filter(|call| call.started_ns < hit.finished_ns)
                };
                let youngest = before().max_by_key(|call| call.finished_ns);
                let Some(youngest) = youngest else {
                    tally.possible(hit);
                    continue;
                };
                let stored = before().map(|call| latest_effect_ns(run, call.finished_ns));
                let stored_ns = stored
                    .collect::<Option<Vec<_>>>()
                    .map(|all| all.into_iter().max().unwrap_or(u64::MAX));
                if stored_ns.is_some_and(|stored_ns| plus(stored_ns, ttl) < hit.started_ns) {
                    tally.definite(hit, || proof(run, hit, youngest));
                } else if plus(youngest.finished_ns, ttl) < hit.finished_ns {
                    tally.possible(hit);
                }
            }
        }
        let summary = format!(
            "{} of {} were answered from the cache with a response older than {}.",
            count(tally.broken()),
            many(tally.examined(), "hit"),
            print_duration(ttl)
        );
        tally.judged(summary, "no response came from the cache")
    }
}

fn proof(run: &RunView, hit: &Operation, youngest: &Operation) -> Witness {
    let explanation = format!(
        "The request for prompt {} from {} was answered from the cache. The last call to the \
         model for it had ended at {}, and a response may be served for {}.",
        hit.key,
        span(run, hit),
        seconds(run, youngest.finished_ns),
        print_duration(run.plan.target.promises.cache_ttl)
    );
    witness(explanation, &[hit], &[youngest])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Action, Capability, Flags, Verdict};

    /// A model call that ends at 1 s, and a hit at `hit_ms`; responses live 5 s, and the service
    /// waits 1 s for Redis.
    fn hit_at(mut run: Literal, hit_ms: u64) -> RunView {
        run.effect(Capability::Cache, Action::ModelCall, 4, (950, 1000));
        run.op(Action::Generate, 4, 4, (940, 1010));
        run.op(Action::Generate, 4, 4, (hit_ms, hit_ms + 5)).flags = Flags::HIT;
        run.view()
    }

    #[test]
    fn no_hit_is_inconclusive() {
        assert_found(&Stale.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_response_within_its_time_passes() {
        assert_found(&Stale.check(&hit_at(Literal::new(), 5900)), Verdict::Pass, 0, 0);
    }

    #[test]
    fn one_that_may_have_been_stored_late_is_possible() {
        assert_found(&Stale.check(&hit_at(Literal::new(), 7900)), Verdict::Pass, 0, 1);
    }

    #[test]
    fn one_that_no_storing_explains_is_definite() {
        let finding = Stale.check(&hit_at(Literal::new(), 8100));
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert_eq!(
            (&finding.witnesses[0].operations[..], &finding.witnesses[0].effects[..]),
            (&[2][..], &[1][..])
        );
    }

    #[test]
    fn a_node_that_was_stopped_may_have_stored_it_when_it_went_on() {
        let run = Literal::new().fault("pause", "node[0]", 2000, Some(6000));
        assert_found(&Stale.check(&hit_at(run, 12_900)), Verdict::Pass, 0, 1);
    }
}
