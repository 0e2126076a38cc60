//! Admissions that were decided without Redis: what the service does where its limiter is blind.

use super::hits::clients;
use crate::checker::{Checker, Tally, count, many, span, witness};
use redrill_history::{Finding, RunView, Unit};

pub(super) struct Degraded;

impl Checker for Degraded {
    fn id(&self) -> &'static str {
        "limiter.degraded"
    }

    fn statement(&self) -> &'static str {
        "Admissions are counted by Redis. A service may decide without it, so that only an \
         objective of the plan fails this."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        for client in clients(run) {
            for hit in client.hits.iter().filter(|hit| hit.is_admitted()) {
                tally.examine(hit.op);
                if hit.is_degraded() {
                    tally.definite(hit.op, || {
                        let explanation = format!(
                            "The hit of {} from {} was admitted, and its answer says that it was \
                             decided without Redis.",
                            client.name(),
                            span(run, hit.op)
                        );
                        witness(explanation, &[hit.op], &[])
                    });
                }
            }
        }
        let (degraded, admitted) = (tally.broken(), tally.examined());
        let share = (admitted > 0).then(|| degraded as f64 / admitted as f64);
        tally.measure("admitted without Redis", share, Unit::Ratio);
        let summary = format!(
            "{} of {} were made without Redis.",
            count(degraded),
            many(admitted, "admission")
        );
        tally.reported(summary, "nobody was admitted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Action, Flags, Verdict};

    #[test]
    fn nobody_admitted_is_inconclusive() {
        let finding = Degraded.check(&Literal::new().view());
        assert_found(&finding, Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn admissions_without_redis_are_counted_and_fail_nothing() {
        let mut run = Literal::new();
        run.op(Action::Hit, 3, 1, (1000, 1010));
        run.op(Action::Hit, 3, 1, (2000, 2010)).flags = Flags::DEGRADED;
        let finding = Degraded.check(&run.view());
        assert_found(&finding, Verdict::Pass, 1, 1);
        assert_eq!(finding.measures[0].value, Some(0.5));
    }
}
