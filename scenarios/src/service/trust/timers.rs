//! Whether what ends by itself had the time to end: a run in which nothing expired says nothing of
//! what a service does then.

use crate::checker::{Checker, Tally, count, nanoseconds};
use redrill_history::{Action, Capability, Finding, LimitPolicy, Operation, RunView, Unit};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A load this many times as long as a promised time must have seen it end.
const TIMES: u32 = 3;

pub(super) struct Timers;

impl Checker for Timers {
    fn id(&self) -> &'static str {
        "trust.timers"
    }

    fn statement(&self) -> &'static str {
        "What is promised for a time came to its end during the load, unless the load was too \
         short for it: cached responses, windows of the limiter, leases of jobs."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        for op in run.operations.iter().filter(|op| op.is_load()) {
            tally.examine(op);
        }
        let promises = &run.plan.target.promises;
        let shortest = promises.limits.iter().map(|policy: &LimitPolicy| policy.window).min();
        let window = shortest.filter(|_| windows(run).is_some());
        // Without long jobs every one is done before its lease ends.
        let lease = (run.plan.effects.long_job_one_in > 0).then_some(promises.job_lease);
        let kinds = [
            (Capability::Cache, "cached responses", Some(promises.cache_ttl), expired(run)),
            (Capability::Limiter, "windows", window, windows(run).unwrap_or(0)),
            (Capability::Queue, "leases", lease, leases(run)),
        ];
        let loaded = run.load_end_ns.saturating_sub(run.load_start_ns);
        let (mut ended, mut missing) = (Vec::new(), Vec::new());
        for (capability, what, promised, seen) in kinds {
            if !run.plan.load.capabilities.contains_key(&capability) {
                continue;
            }
            tally.measure(&format!("{what} ended"), Some(seen as f64), Unit::Count);
            ended.push(format!("{} {what}", count(seen)));
            let fits = |time: Duration| nanoseconds(time * TIMES) <= loaded;
            if seen == 0 && promised.is_some_and(fits) {
                missing.push(what);
            }
        }
        let summary = match ended.is_empty() {
            true => "The plan exercises nothing that ends by itself.".to_owned(),
            false => format!("Ended during the load: {}.", ended.join(", ")),
        };
        let finding = tally.judged(summary, "the load made no request");
        if missing.is_empty() || finding.examined == 0 {
            return finding;
        }
        finding.inconclusive(&format!(
            "None of these ended although the load was long enough: {}.",
            missing.join(", ")
        ))
    }
}

/// Model calls for a prompt whose earlier response had come to its end.
fn expired(run: &RunView) -> u64 {
    let ttl_ns = nanoseconds(run.plan.target.promises.cache_ttl);
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    let is_call =
        |op: &&Operation| op.action == Action::ModelCall && op.capability == Capability::Cache;
    let made_again = run.effects.iter().filter(is_call).filter(|call| {
        let before = last.insert(call.key, call.finished_ns);
        before.is_some_and(|before| call.started_ns >= before.saturating_add(ttl_ns))
    });
    made_again.count() as u64
}

/// Windows after which the same client was counted in a later one; `None` when no answer names one.
fn windows(run: &RunView) -> Option<u64> {
    let hits = run.operations.iter().filter(|op| op.action == Action::Hit && op.is_ok());
    let mut of: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for hit in hits {
        if let Some(window) = run.observation(hit.seq).and_then(|told| told.window) {
            of.entry(hit.key).or_default().insert(window);
        }
    }
    (!of.is_empty()).then(|| of.values().map(|windows| windows.len() as u64 - 1).sum())
}

/// Calls for jobs that took longer than a lease lasts, so that it ended or was renewed.
fn leases(run: &RunView) -> u64 {
    let lease_ns = nanoseconds(run.plan.target.promises.job_lease);
    let is_long =
        |op: &&Operation| op.capability == Capability::Queue && op.service_ns() > lease_ns;
    run.effects.iter().filter(is_long).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Observation, Verdict};

    /// Responses live 5 s, windows 2 s, leases 2 s.
    fn run(second_call_ms: u64, second_window: u64, job_ms: u64) -> RunView {
        let mut run = Literal::new();
        run.parts.plan.effects.long_job_one_in = 100;
        for start in [1000, second_call_ms] {
            run.op(Action::Generate, 4, 4, (start, start + 30));
            run.effect(Capability::Cache, Action::ModelCall, 4, (start + 5, start + 25));
        }
        for (at, window) in [(1000, 1), (3500, second_window)] {
            run.op(Action::Hit, Action::limiter_key(0, 1), 1, (at, at + 5));
            run.told(Observation { window: Some(window), ..Observation::default() });
        }
        run.op(Action::Submit, 9, 0, (1000, 1005));
        run.effect(Capability::Queue, Action::ModelCall, 9, (1010, 1010 + job_ms));
        run.view()
    }

    #[test]
    fn no_request_is_inconclusive() {
        assert_found(&Timers.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn what_ended_is_counted() {
        let finding = Timers.check(&run(7000, 2, 3000));
        assert_found(&finding, Verdict::Pass, 0, 0);
        assert_eq!(
            finding.summary,
            "Ended during the load: 1 cached responses, 1 windows, 1 leases."
        );
    }

    #[test]
    fn what_never_ended_is_named() {
        for (call_ms, window, job_ms, missing) in
            [(3000, 2, 3000, "cached"), (7000, 1, 3000, "windows"), (7000, 2, 5, "leases")]
        {
            let finding = Timers.check(&run(call_ms, window, job_ms));
            assert_found(&finding, Verdict::Inconclusive, 0, 0);
            assert!(finding.summary.contains(missing), "{}", finding.summary);
        }
    }

    #[test]
    fn a_load_that_was_too_short_owes_nothing() {
        let mut short = run(3000, 1, 5);
        short.load_end_ns = short.load_start_ns + 2_900_000_000;
        assert_found(&Timers.check(&short), Verdict::Pass, 0, 0);
    }
}
