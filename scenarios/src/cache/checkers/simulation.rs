//! A correct cache that stores late and whose callers give up is never accused; one that keeps
//! what is over, or asks the model for a hit, is found.

use super::lying_hits::LyingHits;
use super::stale::Stale;
use crate::checker::Checker;
use crate::checker::literal::{Literal, refused};
use proptest::prelude::*;
use redrill_history::{Action, Capability, Flags, RunView};

const TTL_MS: u64 = 5000;

/// One request: when it begins after the one before, how long the model takes, how long after its
/// answer the response is stored, and whether the caller waits for it.
#[derive(Clone, Copy, Debug)]
struct Step {
    gap_ms: u64,
    model_ms: u64,
    store_ms: u64,
    waits: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (0..2500_u64, 1..800_u64, 0..990_u64, prop::bool::weighted(0.9))
        .prop_map(|(gap_ms, model_ms, store_ms, waits)| Step { gap_ms, model_ms, store_ms, waits })
}

/// Requests for one prompt; a response is served for `ttl_ms` after it was stored, and a hit calls
/// the model where `asks` is set.
fn simulate(steps: &[Step], ttl_ms: u64, asks: bool) -> RunView {
    let mut run = Literal::new();
    let mut stored: Vec<u64> = Vec::new();
    let mut at_ms = 100;
    for step in steps {
        at_ms += step.gap_ms;
        let decided_ms = at_ms + 2;
        let last = stored.iter().filter(|then| **then <= decided_ms).max();
        let is_hit = last.is_some_and(|then| decided_ms < then + ttl_ms);
        let call = (decided_ms + 1, decided_ms + 1 + step.model_ms);
        if !is_hit || asks {
            run.effect(Capability::Cache, Action::ModelCall, 1, call);
        }
        if is_hit {
            let ends_ms = if asks { call.1 + 1 } else { decided_ms + 2 };
            run.op(Action::Generate, 1, 1, (at_ms, ends_ms)).flags = Flags::HIT;
            continue;
        }
        stored.push(call.1 + step.store_ms);
        if step.waits {
            run.op(Action::Generate, 1, 1, (at_ms, call.1 + 1));
        } else {
            refused(run.op(Action::Generate, 1, 0, (at_ms, at_ms + 1)), 0);
        }
    }
    run.view()
}

proptest! {
    #[test]
    fn a_correct_cache_is_never_accused(steps in prop::collection::vec(step(), 1..60)) {
        let run = simulate(&steps, TTL_MS, false);
        for checker in [&Stale as &dyn Checker, &LyingHits] {
            let finding = checker.check(&run);
            prop_assert_eq!(finding.definite, 0, "{:#?}", finding);
        }
    }

    #[test]
    fn one_that_keeps_too_long_or_asks_for_hits_is_found(gap_ms in 1500..2500_u64) {
        let step = Step { gap_ms, model_ms: 50, store_ms: 0, waits: true };
        let kept = Stale.check(&simulate(&[step; 12], 3 * TTL_MS, false));
        prop_assert!(kept.definite > 0, "{:#?}", kept);
        let asked = LyingHits.check(&simulate(&[step; 12], TTL_MS, true));
        prop_assert!(asked.definite > 0, "{:#?}", asked);
    }
}
