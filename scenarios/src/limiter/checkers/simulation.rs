//! A correct fixed-window limiter under delays and lost answers never yields a definite finding;
//! one that forgets its count, or that stops early, does.

use super::backwards::Backwards;
use super::false_rejection::FalseRejection;
use super::over_admission::OverAdmission;
use crate::checker::Checker;
use crate::checker::literal::{Literal, unknown};
use proptest::prelude::*;
use redrill_history::{Action, Observation, RunView};
use std::collections::BTreeMap;

const LIMIT: u64 = 10;
const WINDOW_MS: u64 = 2000;
/// A command takes effect within the service's time-out for commands, or never.
const LATEST_MS: u64 = 1000;

/// One hit: when it begins after the one before, how long it lasts, when in that time it is
/// counted, or how long after it (without an answer).
#[derive(Clone, Copy, Debug)]
struct Step {
    gap_ms: u64,
    lasts_ms: u64,
    share: u64,
    is_answered: bool,
    late_ms: u64,
}

fn step() -> impl Strategy<Value = Step> {
    (0..120_u64, 1..400_u64, 0..=100_u64, prop::bool::weighted(0.9), 0..LATEST_MS).prop_map(
        |(gap_ms, lasts_ms, share, is_answered, late_ms)| Step {
            gap_ms,
            lasts_ms,
            share,
            is_answered,
            late_ms,
        },
    )
}

/// What is wrong with the limiter.
#[derive(Clone, Copy, PartialEq)]
enum Defect {
    None,
    /// The count is lost at this time.
    ForgetsAt(u64),
    /// It stops at half the limit.
    StopsEarly,
}

/// Decides the hits in order of their counting; answers name windows where `named`.
fn simulate(steps: &[Step], offset_ms: u64, named: bool, defect: Defect) -> RunView {
    let mut run = Literal::new();
    let mut at_ms = 4000;
    let mut decisions = Vec::new();
    for step in steps {
        at_ms += step.gap_ms;
        let late_ms = if step.is_answered { 0 } else { step.late_ms };
        let counted_ms = at_ms + step.lasts_ms * step.share / 100 + late_ms;
        decisions.push((counted_ms, at_ms, *step));
    }
    decisions.sort_by_key(|(counted_ms, ..)| *counted_ms);
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    let mut forgotten = false;
    for (counted_ms, at_ms, step) in decisions {
        if matches!(defect, Defect::ForgetsAt(then) if then <= counted_ms) && !forgotten {
            counts.clear();
            forgotten = true;
        }
        let window = (counted_ms + offset_ms) / WINDOW_MS;
        let counter = counts.entry(window).or_insert(0);
        *counter += 1;
        let most = if defect == Defect::StopsEarly { LIMIT / 2 } else { LIMIT };
        let admitted = *counter <= most;
        let op = run.op(Action::Hit, 3, u64::from(admitted), (at_ms, at_ms + step.lasts_ms));
        if !step.is_answered {
            unknown(op);
            continue;
        }
        if !admitted {
            op.status = 429;
        }
        if named {
            let counter = Some(*counter);
            run.told(Observation { window: Some(window), counter, ..Default::default() });
        }
    }
    run.view()
}

proptest! {
    #[test]
    fn a_correct_limiter_is_never_accused(
        steps in prop::collection::vec(step(), 1..150),
        offset_ms in 0..WINDOW_MS,
        named in any::<bool>(),
    ) {
        let run = simulate(&steps, offset_ms, named, Defect::None);
        for checker in [&OverAdmission as &dyn Checker, &FalseRejection, &Backwards] {
            let finding = checker.check(&run);
            prop_assert_eq!(finding.definite, 0, "{:#?}", finding);
        }
    }

    #[test]
    fn one_that_forgets_or_stops_early_is_found(offset_ms in 0..WINDOW_MS) {
        // 30 hits in 1.5 s, of which one window holds at least 15.
        let plain = Step { gap_ms: 50, lasts_ms: 5, share: 50, is_answered: true, late_ms: 0 };
        let steps = [plain; 30];
        let middle_ms = 4000 + (WINDOW_MS - offset_ms) % WINDOW_MS;
        let forgets = Defect::ForgetsAt(if middle_ms < 4750 { middle_ms + 600 } else { 4600 });
        let run = simulate(&steps, offset_ms, true, forgets);
        prop_assert!(OverAdmission.check(&run).definite + Backwards.check(&run).definite > 0);
        let run = simulate(&steps, offset_ms, true, Defect::StopsEarly);
        prop_assert!(FalseRejection.check(&run).definite > 0);
    }
}
