//! The hits of one client under one policy, and when its windows lay.

use crate::checker::nanoseconds;
use redrill_history::{Action, Flags, LimitPolicy, Observation, Operation, RunView};
use std::collections::BTreeMap;

/// A hit with what its answer told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit<'a> {
    pub(super) op: &'a Operation,
    pub(super) told: Option<&'a Observation>,
}

impl Hit<'_> {
    /// The service let the request pass.
    pub(super) fn is_admitted(&self) -> bool {
        self.op.is_ok() && self.op.value == 1
    }

    /// The service said that the limit was reached.
    pub(super) fn is_rejected(&self) -> bool {
        self.op.is_ok() && self.op.value == 0 && self.op.status == 429
    }

    /// The service decided without Redis.
    pub(super) fn is_degraded(&self) -> bool {
        self.op.flags.has(Flags::DEGRADED)
    }

    /// The window that the answer named.
    pub(super) fn window(&self) -> Option<u64> {
        self.told.and_then(|told| told.window)
    }

    /// The count that the answer named.
    pub(super) fn counter(&self) -> Option<u64> {
        self.told.and_then(|told| told.counter)
    }
}

/// All hits of one client under one policy, in order of their start.
#[derive(Debug)]
pub(super) struct Client<'a> {
    pub(super) number: u32,
    pub(super) policy: &'a LimitPolicy,
    pub(super) hits: Vec<Hit<'a>>,
}

impl<'a> Client<'a> {
    /// The windows that answers named, each with its hits in order of their start.
    pub(super) fn windows(&self) -> BTreeMap<u64, Vec<Hit<'a>>> {
        let mut windows: BTreeMap<u64, Vec<Hit<'a>>> = BTreeMap::new();
        for hit in &self.hits {
            if let Some(window) = hit.window() {
                windows.entry(window).or_default().push(*hit);
            }
        }
        windows
    }

    /// `client 3 under the policy general (10 in 2s)`.
    pub(super) fn name(&self) -> String {
        let length = redrill_history::print_duration(self.policy.window);
        let (policy, limit) = (&self.policy.policy, self.policy.limit);
        format!("client {} under the policy {policy} ({limit} in {length})", self.number)
    }
}

/// The clients whose policy the plan knows, by their key.
pub(super) fn clients(run: &RunView) -> Vec<Client<'_>> {
    let mut clients: BTreeMap<u64, Vec<Hit<'_>>> = BTreeMap::new();
    for op in run.operations.iter().filter(|op| op.action == Action::Hit) {
        let told = run.observation(op.seq);
        clients.entry(op.key).or_default().push(Hit { op, told });
    }
    clients
        .into_iter()
        .filter_map(|(key, mut hits)| {
            let (policy, number) = Action::limiter_parts(key);
            hits.sort_by_key(|hit| (hit.op.started_ns, hit.op.seq));
            Some(Client { number, policy: run.plan.limit_policy(policy)?, hits })
        })
        .collect()
}

/// Where a window can lie, from the hits that were decided in it: each decision fell into its
/// operation, and all of them into one window's length.
pub(super) fn plausible_span(hits: &[Hit<'_>], policy: &LimitPolicy) -> (u64, u64) {
    let length = nanoseconds(policy.window);
    let last_start = hits.iter().map(|hit| hit.op.started_ns).max().unwrap_or(0);
    let first_end = hits.iter().map(|hit| hit.op.finished_ns).min().unwrap_or(u64::MAX);
    (last_start.saturating_sub(length), first_end.saturating_add(length))
}
