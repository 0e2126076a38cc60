//! Clients that were admitted more often than their limit.

use super::hits::{Client, Hit, clients, plausible_span};
use crate::checker::{Checker, Tally, count, many, nanoseconds, seconds, witness};
use redrill_history::{Finding, Operation, Outcome, RunView, Witness};

pub(super) struct OverAdmission;

impl Checker for OverAdmission {
    fn id(&self) -> &'static str {
        "limiter.over-admission"
    }

    fn statement(&self) -> &'static str {
        "No client is admitted more often than its limit: by the window that the answers name, or, \
         where they name none, more than twice the limit within less than a window's length, which \
         no placing of the windows allows."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        for client in clients(run) {
            for hit in client.hits.iter().filter(|hit| hit.is_admitted()) {
                tally.examine(hit.op);
            }
            let by_window = over_by_window(&client);
            let by_interval = over_by_interval(&client);
            // Both are sound and may count the same hits: the larger one stands.
            let over = if by_window.len() >= by_interval.len() { by_window } else { by_interval };
            for excess in &over {
                tally.definite(excess.hit.op, || proof(run, &client, excess));
                let how =
                    if excess.hit.is_degraded() { "without Redis" } else { "by Redis' count" };
                tally.row("How was it admitted?", how, 1);
            }
            for hit in possible(&client).iter().skip(over.len()) {
                tally.possible(hit.op);
            }
        }
        let summary = format!(
            "{} of {} were beyond the limit.",
            count(tally.broken()),
            many(tally.examined(), "admission")
        );
        tally.judged(summary, "nobody was admitted")
    }
}

/// An admission too many, with all the admissions that it was one of.
struct Excess<'a> {
    hit: Hit<'a>,
    among: Vec<&'a Operation>,
    window: Option<u64>,
}

fn over_by_window<'a>(client: &Client<'a>) -> Vec<Excess<'a>> {
    let mut over = Vec::new();
    for (window, hits) in client.windows() {
        let admitted: Vec<Hit<'a>> = hits.into_iter().filter(Hit::is_admitted).collect();
        let among: Vec<&Operation> = admitted.iter().map(|hit| hit.op).collect();
        let limit = usize::try_from(client.policy.limit).unwrap_or(usize::MAX);
        over.extend(admitted.iter().skip(limit).map(|hit| Excess {
            hit: *hit,
            among: among.clone(),
            window: Some(window),
        }));
    }
    over
}

/// Within less than a window's length at most two windows act, however they lie: more than twice
/// the limit wholly inside is too much. The intervals that are counted do not share a hit.
fn over_by_interval<'a>(client: &Client<'a>) -> Vec<Excess<'a>> {
    let length = nanoseconds(client.policy.window);
    let most = usize::try_from(client.policy.limit.saturating_mul(2)).unwrap_or(usize::MAX);
    let mut admitted: Vec<Hit<'a>> = client.hits.iter().copied().filter(Hit::is_admitted).collect();
    admitted.sort_by_key(|hit| hit.op.started_ns);
    let mut over = Vec::new();
    let mut first = 0;
    while first < admitted.len() {
        // The interval begins with this hit and holds what lies wholly inside.
        let mut inside: Vec<Hit<'a>> = Vec::new();
        let from_ns = admitted[first].op.started_ns;
        let fits = |hit: &Hit<'_>| {
            hit.op.started_ns >= from_ns && hit.op.finished_ns < from_ns.saturating_add(length)
        };
        inside.extend(admitted[first..].iter().copied().filter(fits));
        if inside.len() <= most {
            first += 1;
            continue;
        }
        inside.sort_by_key(|hit| hit.op.finished_ns);
        let among: Vec<&Operation> = inside.iter().map(|hit| hit.op).collect();
        over.extend(inside.iter().skip(most).map(|hit| Excess {
            hit: *hit,
            among: among.clone(),
            window: None,
        }));
        let last_ns = inside.iter().map(|hit| hit.op.finished_ns).max().unwrap_or(from_ns);
        while first < admitted.len() && admitted[first].op.started_ns <= last_ns {
            first += 1;
        }
    }
    over
}

/// The hits that would be too many if every one without an answer had been admitted in the window
/// that it can have fallen into.
fn possible<'a>(client: &Client<'a>) -> Vec<Hit<'a>> {
    let mut over: Vec<Hit<'a>> = Vec::new();
    let limit = usize::try_from(client.policy.limit).unwrap_or(usize::MAX);
    let unanswered = || client.hits.iter().filter(|hit| hit.op.outcome == Outcome::Unknown);
    for hits in client.windows().into_values() {
        let (from_ns, to_ns) = plausible_span(&hits, client.policy);
        let mut all: Vec<Hit<'a>> = hits.into_iter().filter(Hit::is_admitted).collect();
        all.extend(
            unanswered().filter(|hit| hit.op.started_ns <= to_ns && hit.op.finished_ns >= from_ns),
        );
        let known = |hit: &Hit<'_>| over.iter().any(|other| other.op.seq == hit.op.seq);
        let more: Vec<Hit<'a>> = all.into_iter().skip(limit).filter(|hit| !known(hit)).collect();
        over.extend(more);
    }
    over
}

fn proof(run: &RunView, client: &Client<'_>, excess: &Excess<'_>) -> Witness {
    let (hit, among) = (excess.hit.op, &excess.among);
    let from_ns = among.iter().map(|op| op.started_ns).min().unwrap_or(hit.started_ns);
    let to_ns = among.iter().map(|op| op.finished_ns).max().unwrap_or(hit.finished_ns);
    let place = match excess.window {
        Some(window) => format!("in the window {window} that the answers name"),
        None => "in less than a window's length".to_owned(),
    };
    let explanation = format!(
        "{} admissions of {} came {place}, from {} to {}; the hit at {} was one too many.",
        among.len(),
        client.name(),
        seconds(run, from_ns),
        seconds(run, to_ns),
        seconds(run, hit.started_ns)
    );
    witness(explanation, among, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, unknown};
    use redrill_history::{Action, Observation, Verdict};

    /// Hits every `gap_ms`, each of 5 ms, naming `window` if given; the limit is 10 in 2 s.
    fn hits(number: u64, gap_ms: u64, window: Option<u64>) -> Literal {
        let mut run = Literal::new();
        for place in 0..number {
            let at = 1000 + place * gap_ms;
            run.op(Action::Hit, 3, 1, (at, at + 5));
            run.told(Observation { window, ..Default::default() });
        }
        run
    }

    #[test]
    fn nobody_admitted_is_inconclusive() {
        let finding = OverAdmission.check(&Literal::new().view());
        assert_found(&finding, Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn as_many_as_the_limit_pass() {
        let finding = OverAdmission.check(&hits(10, 10, Some(77)).view());
        assert_found(&finding, Verdict::Pass, 0, 0);
    }

    #[test]
    fn more_than_the_limit_in_a_named_window_are_definite() {
        let finding = OverAdmission.check(&hits(12, 10, Some(77)).view());
        assert_found(&finding, Verdict::Fail, 2, 2);
        assert_eq!(finding.witnesses[0].operations.len(), 12);
        assert!(finding.witnesses[0].explanation.contains("10 in 2s"));
    }

    #[test]
    fn an_answer_that_never_came_makes_it_possible_only() {
        let mut run = hits(10, 10, Some(77));
        unknown(run.op(Action::Hit, 3, 0, (1050, 1055)));
        assert_found(&OverAdmission.check(&run.view()), Verdict::Pass, 0, 1);
    }

    #[test]
    fn an_interval_holds_a_slow_first_hit_whose_answer_came_last() {
        let mut run = hits(20, 10, None);
        run.op(Action::Hit, 3, 1, (900, 1900));
        assert_found(&OverAdmission.check(&run.view()), Verdict::Fail, 1, 1);
    }

    #[test]
    fn without_named_windows_two_of_them_may_meet_in_any_interval() {
        assert_found(&OverAdmission.check(&hits(20, 10, None).view()), Verdict::Pass, 0, 0);
        assert_found(&OverAdmission.check(&hits(21, 10, None).view()), Verdict::Fail, 1, 1);
        // 22 hits, but never 21 within less than 2 s.
        assert_found(&OverAdmission.check(&hits(22, 100, None).view()), Verdict::Pass, 0, 0);
    }
}
