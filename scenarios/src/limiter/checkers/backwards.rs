//! Counters that were set back: increments that Redis forgot.

use super::hits::{Client, Hit, clients};
use crate::checker::{Checker, Tally, count, many, span, witness};
use redrill_history::{Finding, RunView, Witness};

pub(super) struct Backwards;

impl Checker for Backwards {
    fn id(&self) -> &'static str {
        "limiter.backwards"
    }

    fn statement(&self) -> &'static str {
        "A limiter's count never goes back within a window: no two admissions are told the same \
         count, and a later one is never told a smaller."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        for client in clients(run) {
            for (window, hits) in client.windows() {
                // Rejections are left out: a limiter may stop counting at its limit.
                let counted: Vec<Hit<'_>> = hits
                    .into_iter()
                    .filter(|hit| hit.is_admitted() && !hit.is_degraded())
                    .filter(|hit| hit.counter().is_some())
                    .collect();
                for (place, hit) in counted.iter().enumerate() {
                    tally.examine(hit.op);
                    if let Some(earlier) = contradiction(&counted[..place], hit) {
                        tally.definite(hit.op, || proof(run, &client, window, earlier, hit));
                        tally.row_when("When did it go back?", hit.op);
                    }
                }
            }
        }
        let summary = format!(
            "{} of {} were told a count that had been given out before or passed.",
            count(tally.broken()),
            many(tally.examined(), "admission")
        );
        tally.judged(summary, "no admission named its window and count")
    }
}

/// An admission before `hit` that was told the same count, or ended before `hit` began and was told
/// a larger one.
fn contradiction<'a, 'b>(earlier: &'b [Hit<'a>], hit: &Hit<'_>) -> Option<&'b Hit<'a>> {
    earlier.iter().find(|other| {
        let is_before = other.op.finished_ns <= hit.op.started_ns;
        other.counter() == hit.counter() || (is_before && other.counter() > hit.counter())
    })
}

fn proof(
    run: &RunView,
    client: &Client<'_>,
    window: u64,
    earlier: &Hit<'_>,
    hit: &Hit<'_>,
) -> Witness {
    let explanation = format!(
        "In the window {window} of {} the hit from {} was told that it was number {}, and then the \
         one from {} that it was number {}.",
        client.name(),
        span(run, earlier.op),
        earlier.counter().unwrap_or_default(),
        span(run, hit.op),
        hit.counter().unwrap_or_default()
    );
    witness(explanation, &[earlier.op, hit.op], &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Action, Observation, Verdict};

    /// Hits with these counts; each begins `gap_ms` after the one before and lasts 10 ms.
    fn found(counts: &[u64], gap_ms: u64) -> Finding {
        let mut run = Literal::new();
        for (place, counter) in counts.iter().enumerate() {
            let at = 1000 + gap_ms * place as u64;
            run.op(Action::Hit, 3, 1, (at, at + 10));
            let told =
                Observation { window: Some(7), counter: Some(*counter), ..Default::default() };
            run.told(told);
        }
        Backwards.check(&run.view())
    }

    #[test]
    fn no_count_is_inconclusive() {
        assert_found(&found(&[], 20), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn rising_counts_pass_with_gaps_too() {
        assert_found(&found(&[1, 2, 4, 5], 20), Verdict::Pass, 0, 0);
    }

    #[test]
    fn overlapping_hits_may_be_counted_in_any_order() {
        assert_found(&found(&[2, 1, 3], 4), Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_count_given_out_twice_or_passed_went_back() {
        let finding = found(&[1, 2, 3, 2, 3, 4], 20);
        assert_found(&finding, Verdict::Fail, 2, 2);
        assert_eq!(finding.witnesses[0].operations, [2, 4]);
        assert_found(&found(&[2, 5, 3], 20), Verdict::Fail, 1, 1);
        assert_found(&found(&[2, 2], 4), Verdict::Fail, 1, 1);
    }
}
