//! What the requests of a segment came to: counts, shares, rates and latency.

use crate::{Action, Capability, Event, EventKind, Latency, Operation, RunView, Segment};
use std::collections::{BTreeMap, BTreeSet};

/// Which requests are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All.
    All,
    /// Those of a capability.
    Capability(Capability),
    /// Those of one kind.
    Operation(Capability, Action),
}

impl Scope {
    /// The scope in plans and reports: `sessions`, `sessions.read`, or nothing for all.
    pub fn name(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Capability(capability) => capability.name().to_owned(),
            Self::Operation(capability, action) => {
                format!("{}.{}", capability.name(), action.name())
            }
        }
    }

    /// True for a request that the scope looks at.
    pub fn holds(&self, op: &Operation) -> bool {
        match self {
            Self::All => true,
            Self::Capability(capability) => op.capability == *capability,
            Self::Operation(capability, action) => {
                op.capability == *capability && op.action == *action
            }
        }
    }

    /// The kinds of request in a segment, in the order of reports.
    pub fn operations(run: &RunView, segment: &Segment) -> Vec<Self> {
        let kinds: BTreeSet<Self> =
            run.requests_of(segment).map(|op| Self::Operation(op.capability, op.action)).collect();
        kinds.into_iter().collect()
    }
}

/// What the requests of a scope came to in the measured time of a segment.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// Length of the measured time.
    pub seconds: f64,
    /// Requests that were due in it. Those that were given up before anybody began them have no
    /// kind, and count only where all requests are looked at.
    pub offered: u64,
    /// Of these, those that were served: acknowledged, or declined as they deserved.
    pub served: u64,
    /// Of these, those that were served within the measured time. Answers to what was due before it
    /// stand for answers that come after it, as in a service that keeps up as many do; beyond that
    /// they count nowhere.
    pub delivered: u64,
    /// Latency of those served, from the moment they were due.
    pub latency: Latency,
    /// Jobs that were acknowledged within the measured time.
    pub jobs: u64,
    /// How many more acknowledged jobs had not been begun at its end than at its start: below
    /// nought where workers caught up.
    pub backlog: i64,
}

impl Traffic {
    /// Measures a segment.
    pub fn of(run: &RunView, segment: &Segment, scope: Scope) -> Self {
        let measured = segment.measured_ns();
        let number = segment.plan.number;
        let mut traffic = Self { seconds: segment.measured_s(), ..Self::default() };
        if matches!(scope, Scope::All | Scope::Capability(Capability::Queue)) {
            (traffic.jobs, traffic.backlog) = jobs(run, segment);
        }
        if scope == Scope::All {
            traffic.offered += abandoned(run, number);
        }
        let mine = |op: &&Operation| op.segment == number && op.is_load() && scope.holds(op);
        let mut within = 0;
        for op in run.operations.iter().filter(mine) {
            let is_served = op.is_answered();
            within += u64::from(is_served && measured.contains(&op.finished_ns));
            if !measured.contains(&op.intended_ns) {
                continue;
            }
            traffic.offered += 1;
            if is_served {
                traffic.served += 1;
                traffic.latency.record(op.latency_ns());
            }
        }
        traffic.delivered = within.min(traffic.served);
        traffic
    }

    /// Requests due, a second.
    pub fn offered_per_s(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.offered as f64 / self.seconds)
    }

    /// Requests served, a second.
    pub fn delivered_per_s(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.delivered as f64 / self.seconds)
    }

    /// The share of the requests that were not served.
    pub fn errors(&self) -> Option<f64> {
        (self.offered > 0).then(|| (self.offered - self.served) as f64 / self.offered as f64)
    }

    /// What was served within the measured time, as a share of what was offered in it.
    pub fn goodput(&self) -> Option<f64> {
        (self.offered > 0).then(|| self.delivered as f64 / self.offered as f64)
    }

    /// By how much the jobs that wait grew, as a share of those acknowledged; nought without jobs.
    pub fn backlog_share(&self) -> f64 {
        if self.jobs == 0 { 0.0 } else { self.backlog as f64 / self.jobs as f64 }
    }

    /// The latency at a quantile, in nanoseconds; `None` with too few requests for one to lie
    /// beyond it.
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        let beyond = self.latency.count() as f64 * (1.0 - quantile);
        // The product of a count and a share may fall short of a whole number by a rounding.
        self.latency.quantile_ns(quantile).filter(|_| beyond > 1.0 - 1e-6)
    }
}

/// Arrivals of a segment that nobody began: the last ones, since arrivals wait in order.
fn abandoned(run: &RunView, number: u16) -> u64 {
    let count = |event: &Event| match event.kind {
        EventKind::ArrivalsAbandoned { segment, count } if segment == number => count,
        _ => 0,
    };
    run.events.iter().map(count).sum()
}

/// Jobs acknowledged in the measured time of a segment, and by how much those not begun grew: a job
/// is begun when a dependency sees its first call.
fn jobs(run: &RunView, segment: &Segment) -> (u64, i64) {
    let measured = segment.measured_ns();
    let is_mine = |op: &&Operation| {
        op.segment == segment.plan.number && op.action == Action::Submit && op.is_ok()
    };
    let acknowledged: BTreeMap<u64, u64> =
        run.operations.iter().filter(is_mine).map(|op| (op.key, op.finished_ns)).collect();
    let first = run.effects.partition_point(|effect| effect.started_ns < segment.start_ns);
    let calls = run.effects[first..].iter().take_while(|call| call.started_ns < measured.end);
    let mut begun = BTreeMap::new();
    for call in calls.filter(|call| call.capability == Capability::Queue) {
        if acknowledged.contains_key(&call.key) {
            begun.entry(call.key).or_insert(call.started_ns);
        }
    }
    let within = |times: &BTreeMap<u64, u64>| {
        times.values().filter(|at_ns| measured.contains(at_ns)).count() as u64
    };
    let jobs = within(&acknowledged);
    (jobs, jobs as i64 - within(&begun) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EnvironmentFacts, Flags, MILLISECOND_NS, Outcome, ResolvedPlan};
    use crate::{SegmentPlan, ViewParts};
    use std::time::Duration;

    /// A request due at `ms.0` and answered at `ms.1`.
    fn request(seq: u64, capability: Capability, status: u16, ms: (u64, u64)) -> Operation {
        let answered = status < 300 || (status == 429 && capability == Capability::Limiter);
        let outcome = if answered { Outcome::Ok } else { Outcome::Refused };
        Operation {
            seq,
            intended_ns: ms.0 * MILLISECOND_NS,
            started_ns: ms.0 * MILLISECOND_NS,
            finished_ns: ms.1 * MILLISECOND_NS,
            key: 1,
            value: 1,
            vu: 0,
            status,
            capability,
            action: if capability == Capability::Queue { Action::Submit } else { Action::Hit },
            outcome,
            instance: 0,
            flags: Flags::default(),
            segment: 0,
        }
    }

    fn traffic(operations: Vec<Operation>, scope: Scope) -> Traffic {
        traffic_of(operations, Vec::new(), scope)
    }

    fn traffic_of(operations: Vec<Operation>, effects: Vec<Operation>, scope: Scope) -> Traffic {
        discarded(0, operations, effects, scope)
    }

    /// The same of a segment whose first `discard_ms` are not measured.
    fn discarded(
        discard_ms: u64,
        operations: Vec<Operation>,
        effects: Vec<Operation>,
        scope: Scope,
    ) -> Traffic {
        let mut plan = ResolvedPlan::example();
        plan.load.duration = Duration::from_secs(1);
        let discard = Duration::from_millis(discard_ms);
        let segment = SegmentPlan { discard, ..SegmentPlan::whole(&plan) };
        let event = |ms, kind| Event { at_ns: ms * MILLISECOND_NS, kind };
        let view = RunView::new(ViewParts {
            plan,
            environment: EnvironmentFacts::default(),
            operations,
            observations: Vec::new(),
            effects,
            events: vec![
                event(0, EventKind::LoadStarted { segment: 0 }),
                event(1_800, EventKind::ArrivalsAbandoned { segment: 0, count: 2 }),
                event(1_900, EventKind::LoadEnded { segment: 0 }),
            ],
            segments: vec![segment],
            samples: Vec::new(),
            unreadable: 0,
            altered: Vec::new(),
        });
        Traffic::of(&view, &view.segments[0], scope)
    }

    #[test]
    fn what_is_answered_after_the_window_is_served_and_not_delivered() {
        let late = traffic(
            vec![
                request(1, Capability::Queue, 202, (100, 110)),
                request(2, Capability::Queue, 202, (200, 1_800)),
            ],
            Scope::Capability(Capability::Queue),
        );
        assert_eq!((late.offered, late.served, late.delivered), (2, 2, 1));
        assert_eq!((late.errors(), late.goodput()), (Some(0.0), Some(0.5)));
    }

    #[test]
    fn an_answer_to_what_was_due_before_the_window_makes_up_for_a_late_one_and_no_more() {
        let queue = |ms: (u64, u64)| request(ms.0, Capability::Queue, 202, ms);
        let measured = |operations| {
            let traffic =
                discarded(200, operations, Vec::new(), Scope::Capability(Capability::Queue));
            assert_eq!((traffic.offered, traffic.served), (2, 2));
            traffic.delivered
        };
        // Two were due in the discarded part and answered in the window: a service that catches up.
        let early = [queue((50, 300)), queue((100, 310))];
        assert_eq!(measured([&early[..], &[queue((400, 410)), queue((500, 510))]].concat()), 2);
        assert_eq!(measured([&early[..1], &[queue((400, 410)), queue((900, 1_150))]].concat()), 2);
        assert_eq!(measured(vec![queue((400, 410)), queue((900, 1_150))]), 1);
    }

    #[test]
    fn a_429_is_an_answer_only_where_limits_are_asked_for() {
        let both = vec![
            request(1, Capability::Queue, 429, (100, 110)),
            request(2, Capability::Limiter, 429, (200, 210)),
        ];
        // Beside these two, two arrivals were given up before anybody began them.
        assert_eq!(traffic(both.clone(), Scope::All).errors(), Some(0.75));
        let limiter = Scope::Operation(Capability::Limiter, Action::Hit);
        assert_eq!(traffic(both, limiter).errors(), Some(0.0));
    }

    #[test]
    fn jobs_that_nobody_begins_are_a_backlog() {
        let submits: Vec<Operation> = (0..10)
            .map(|n| Operation {
                key: n,
                ..request(n, Capability::Queue, 202, (n * 50, n * 50 + 5))
            })
            .collect();
        let begun = |count: usize| {
            let call = |op: &Operation| Operation {
                action: Action::ModelCall,
                started_ns: op.finished_ns + MILLISECOND_NS,
                ..*op
            };
            // A second attempt begins nothing anew.
            let calls = submits.iter().take(count).chain(submits.first()).map(call);
            traffic_of(submits.clone(), calls.collect(), Scope::All)
        };
        assert_eq!((begun(10).jobs, begun(10).backlog), (10, 0));
        assert_eq!(begun(6).backlog_share(), 0.4);
        assert_eq!(traffic(Vec::new(), Scope::All).backlog_share(), 0.0);
    }

    #[test]
    fn a_quantile_needs_a_request_beyond_it() {
        let requests = |count| {
            (0..count).map(|n| request(n, Capability::Queue, 202, (n * 5, n * 5 + 1))).collect()
        };
        assert_eq!(traffic(requests(99), Scope::All).quantile_ns(0.99), None);
        assert!(traffic(requests(100), Scope::All).quantile_ns(0.99).is_some());
        assert_eq!(traffic(Vec::new(), Scope::Capability(Capability::Queue)).errors(), None);
    }
}
