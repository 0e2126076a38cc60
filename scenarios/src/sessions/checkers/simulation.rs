//! A correct session store under delays and lost answers never yields a definite finding; one that
//! drops a write does.

use super::lost_writes::LostWrites;
use super::stale::Stale;
use crate::checker::Checker;
use crate::checker::literal::{Literal, unknown};
use proptest::prelude::*;
use redrill_history::{Action, RunView};

/// One step of the only user: what it does, how long it takes, and when in that time, or how long
/// after it (for a write without an answer), it takes effect.
#[derive(Clone, Copy, Debug)]
struct Step {
    is_write: bool,
    lasts_ms: u64,
    share: u64,
    is_answered: bool,
    late_ms: u64,
}

fn step() -> impl Strategy<Value = Step> {
    (any::<bool>(), 1..50_u64, 0..=100_u64, prop::bool::weighted(0.8), 0..300_u64).prop_map(
        |(is_write, lasts_ms, share, is_answered, late_ms)| Step {
            is_write,
            lasts_ms,
            share,
            is_answered,
            late_ms,
        },
    )
}

/// Runs the steps against a register; the write of number `dropped` is acknowledged and forgotten.
fn simulate(steps: &[Step], dropped: Option<u64>) -> RunView {
    let mut run = Literal::new();
    run.op(Action::Login, 1, 0, (100, 110));
    let mut effects: Vec<(u64, u64)> = Vec::new();
    let (mut now_ms, mut written) = (200, 0);
    for step in steps {
        let span = (now_ms, now_ms + step.lasts_ms);
        now_ms = span.1 + 1;
        let at_ms = span.0 + step.lasts_ms * step.share / 100;
        if step.is_write {
            written += 1;
            let write = run.op(Action::SessionWrite, 1, written, span);
            let mut at_ms = at_ms;
            if !step.is_answered {
                unknown(write);
                at_ms += step.late_ms;
            }
            if Some(written) != dropped {
                effects.push((at_ms, written));
            }
        } else {
            // Later effects of equal times are later writes: the last one wins.
            let seen = effects.iter().filter(|(effect_ms, _)| *effect_ms <= at_ms);
            let value = seen.max_by_key(|(effect_ms, value)| (*effect_ms, *value));
            run.op(Action::SessionRead, 1, value.map_or(0, |(_, value)| *value), span);
        }
    }
    run.view()
}

proptest! {
    #[test]
    fn a_correct_store_is_never_accused(steps in prop::collection::vec(step(), 1..60)) {
        let run = simulate(&steps, None);
        for checker in [&LostWrites as &dyn Checker, &Stale] {
            let finding = checker.check(&run);
            prop_assert_eq!(finding.definite, 0, "{:#?}", finding);
        }
    }

    #[test]
    fn a_dropped_write_that_is_read_is_found(before in prop::collection::vec(step(), 0..20)) {
        // Without late writes, which could excuse it.
        let mut steps: Vec<Step> =
            before.into_iter().map(|step| Step { is_answered: true, ..step }).collect();
        let dropped = 1 + steps.iter().filter(|step| step.is_write).count() as u64;
        let plain = Step { is_write: true, lasts_ms: 5, share: 50, is_answered: true, late_ms: 0 };
        steps.push(plain);
        steps.push(Step { is_write: false, ..plain });
        let finding = LostWrites.check(&simulate(&steps, Some(dropped)));
        prop_assert_eq!(finding.definite, 1, "{:#?}", finding);
    }
}
