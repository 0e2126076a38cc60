//! Clients that were turned away though they had not used up their limit.

use super::hits::{Client, Hit, clients, plausible_span};
use crate::checker::{
    Checker, Tally, count, latest_effect_ns, many, nanoseconds, seconds, span, witness,
};
use redrill_history::{Finding, Operation, Outcome, RunView, Witness};

pub(super) struct FalseRejection;

impl Checker for FalseRejection {
    fn id(&self) -> &'static str {
        "limiter.false-rejection"
    }

    fn statement(&self) -> &'static str {
        "No client is rejected before it can have used up its limit, even if every hit that may \
         have come before in the window had counted."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        for client in clients(run) {
            let windows = client.windows();
            for hit in &client.hits {
                if hit.is_admitted() || hit.is_rejected() {
                    tally.examine(hit.op);
                }
                if !hit.is_rejected() {
                    continue;
                }
                let mates = hit.window().and_then(|window| windows.get(&window));
                let consumers = consumers(run, &client, hit, mates.map(Vec::as_slice));
                let sure = consumers.iter().filter(|other| other.op.is_ok()).count() as u64;
                if (consumers.len() as u64) < client.policy.limit && !hit.is_degraded() {
                    tally.definite(hit.op, || proof(run, &client, hit, &consumers));
                } else if sure < client.policy.limit {
                    tally.possible(hit.op);
                }
            }
        }
        let summary = format!(
            "{} of {} were rejections before the limit.",
            count(tally.broken()),
            many(tally.examined(), "decision")
        );
        tally.judged(summary, "the limiter decided nothing")
    }
}

/// Every other hit that may have counted against the limit when `hit` was decided. An answered one
/// counted in the window that it named, or, without a name, where it overlaps. One that was not
/// admitted for want of an answer from Redis, refused or not, may have counted for as long as its
/// command may have taken effect. Some limiters without named windows look back two lengths.
fn consumers<'a>(
    run: &RunView,
    client: &Client<'a>,
    hit: &Hit<'_>,
    mates: Option<&[Hit<'_>]>,
) -> Vec<Hit<'a>> {
    let op = hit.op;
    let from_ns = match mates {
        Some(mates) => plausible_span(mates, client.policy).0,
        None => op.started_ns.saturating_sub(2 * nanoseconds(client.policy.window)),
    };
    let may_count = |other: &&Hit<'_>| {
        if other.op.seq == op.seq || other.op.started_ns >= op.finished_ns {
            return false;
        }
        match (other.op.is_ok(), hit.window(), other.window()) {
            // Nothing was sent.
            (false, _, _) if other.op.status == 0 && other.op.outcome == Outcome::Refused => false,
            (false, _, _) => {
                let latest_ns = latest_effect_ns(run, other.op.finished_ns);
                latest_ns.is_none_or(|latest_ns| latest_ns >= from_ns)
            }
            (true, Some(mine), Some(its)) => mine == its,
            (true, _, _) => other.op.finished_ns >= from_ns,
        }
    };
    client.hits.iter().filter(may_count).copied().collect()
}

fn proof(run: &RunView, client: &Client<'_>, hit: &Hit<'_>, consumers: &[Hit<'_>]) -> Witness {
    let explanation = format!(
        "The hit of {} from {} was rejected (429), though at most {} of its hits can have counted \
         by {}.",
        client.name(),
        span(run, hit.op),
        consumers.len(),
        seconds(run, hit.op.finished_ns)
    );
    let mut operations: Vec<&Operation> = consumers.iter().map(|other| other.op).collect();
    operations.push(hit.op);
    witness(explanation, &operations, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, unknown};
    use redrill_history::{Action, Observation, Verdict};

    /// `admitted` hits and then one that is rejected; the limit is 10 in 2 s.
    fn rejected_after(admitted: u64, unanswered: u64, window: Option<u64>) -> Literal {
        let mut run = Literal::new();
        for place in 0..admitted + unanswered + 1 {
            let at = 5000 + place * 10;
            let op = run.op(Action::Hit, 3, 1, (at, at + 5));
            if place == admitted + unanswered {
                (op.value, op.status) = (0, 429);
            } else if place >= admitted {
                unknown(op);
                continue;
            }
            run.told(Observation { window, ..Default::default() });
        }
        run
    }

    #[test]
    fn no_decision_is_inconclusive() {
        let finding = FalseRejection.check(&Literal::new().view());
        assert_found(&finding, Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_rejection_at_the_limit_passes() {
        for window in [Some(77), None] {
            let finding = FalseRejection.check(&rejected_after(10, 0, window).view());
            assert_found(&finding, Verdict::Pass, 0, 0);
        }
    }

    #[test]
    fn a_rejection_before_the_limit_is_definite() {
        for window in [Some(77), None] {
            let finding = FalseRejection.check(&rejected_after(9, 0, window).view());
            assert_found(&finding, Verdict::Fail, 1, 1);
            assert!(finding.witnesses[0].operations.contains(&10));
        }
    }

    #[test]
    fn hits_without_an_answer_make_it_possible_only() {
        let finding = FalseRejection.check(&rejected_after(9, 1, Some(77)).view());
        assert_found(&finding, Verdict::Pass, 0, 1);
    }

    #[test]
    fn hits_without_an_answer_explain_no_rejection_long_after_them() {
        let mut run = Literal::new();
        for place in 0..20 {
            unknown(run.op(Action::Hit, 3, 1, (1000 + place, 1005 + place)));
        }
        // Every command has taken effect or failed by 3 s, and the window is 2 s long.
        for (at, window) in [(3500, 7), (9500, 9)] {
            let hit = run.op(Action::Hit, 3, 0, (at, at + 5));
            hit.status = 429;
            run.told(Observation { window: Some(window), ..Default::default() });
        }
        assert_found(&FalseRejection.check(&run.view()), Verdict::Fail, 1, 2);
    }

    #[test]
    fn a_hit_that_was_never_sent_explains_no_rejection() {
        let mut run = rejected_after(9, 1, Some(77));
        let unsent = &mut run.parts.operations[9];
        (unsent.outcome, unsent.status) = (Outcome::Refused, 0);
        assert_found(&FalseRejection.check(&run.view()), Verdict::Fail, 1, 1);
    }

    #[test]
    fn hits_of_another_window_do_not_count() {
        let mut run = rejected_after(10, 0, Some(77));
        run.parts.observations.last_mut().unwrap().window = Some(78);
        assert_found(&FalseRejection.check(&run.view()), Verdict::Fail, 1, 1);
    }
}
