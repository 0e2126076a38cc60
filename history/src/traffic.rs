//! What the requests of a segment came to: counts, shares, rates and latency.

use crate::{Action, Capability, Latency, Operation, RunView, Segment};
use std::collections::BTreeSet;

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
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Length of the measured time.
    pub seconds: f64,
    /// Requests that were due in it.
    pub offered: u64,
    /// Of these, those that were served: acknowledged, or declined as they deserved.
    pub served: u64,
    /// Requests of the segment that were served within the measured time, whenever they were due:
    /// in a service that keeps up as many as were offered.
    pub delivered: u64,
    /// Latency of those served, from the moment they were due.
    pub latency: Latency,
}

impl Traffic {
    /// Measures a segment.
    pub fn of(run: &RunView, segment: &Segment, scope: Scope) -> Self {
        let measured = segment.measured_ns();
        let number = segment.plan.number;
        let mut traffic = Self {
            seconds: segment.measured_s(),
            offered: 0,
            served: 0,
            delivered: 0,
            latency: Latency::default(),
        };
        let mine = |op: &&Operation| op.segment == number && op.is_load() && scope.holds(op);
        for op in run.operations.iter().filter(mine) {
            let is_served = op.is_served();
            traffic.delivered += u64::from(is_served && measured.contains(&op.finished_ns));
            if !measured.contains(&op.intended_ns) {
                continue;
            }
            traffic.offered += 1;
            if is_served {
                traffic.served += 1;
                traffic.latency.record(op.latency_ns());
            }
        }
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

    /// The latency at a quantile, in nanoseconds; `None` with too few requests for one to lie
    /// beyond it.
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        let beyond = self.latency.count() as f64 * (1.0 - quantile);
        // The product of a count and a share may fall short of a whole number by a rounding.
        self.latency.quantile_ns(quantile).filter(|_| beyond > 1.0 - 1e-6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        EnvironmentFacts, Event, EventKind, Flags, MILLISECOND_NS, Outcome, ResolvedPlan, ViewParts,
    };

    /// A request due at `ms.0` and answered at `ms.1`.
    fn request(seq: u64, capability: Capability, status: u16, ms: (u64, u64)) -> Operation {
        let outcome = if status < 300 { Outcome::Ok } else { Outcome::Refused };
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
        let mut plan = ResolvedPlan::example();
        plan.load.duration = std::time::Duration::from_secs(1);
        let event = |ms, kind| Event { at_ns: ms * MILLISECOND_NS, kind };
        let view = RunView::new(ViewParts {
            plan,
            environment: EnvironmentFacts::default(),
            operations,
            observations: Vec::new(),
            effects: Vec::new(),
            events: vec![
                event(0, EventKind::LoadStarted { segment: 0 }),
                event(1_900, EventKind::LoadEnded { segment: 0 }),
            ],
            segments: Vec::new(),
            samples: Vec::new(),
            unreadable: 0,
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
            Scope::All,
        );
        assert_eq!((late.offered, late.served, late.delivered), (2, 2, 1));
        assert_eq!((late.errors(), late.goodput()), (Some(0.0), Some(0.5)));
    }

    #[test]
    fn a_429_is_an_answer_only_where_limits_are_asked_for() {
        let both = vec![
            request(1, Capability::Queue, 429, (100, 110)),
            request(2, Capability::Limiter, 429, (200, 210)),
        ];
        assert_eq!(traffic(both.clone(), Scope::All).errors(), Some(0.5));
        let limiter = Scope::Operation(Capability::Limiter, Action::Hit);
        assert_eq!(traffic(both, limiter).errors(), Some(0.0));
    }

    #[test]
    fn a_quantile_needs_a_request_beyond_it() {
        let requests = |count| {
            (0..count).map(|n| request(n, Capability::Queue, 202, (n * 5, n * 5 + 1))).collect()
        };
        assert_eq!(traffic(requests(99), Scope::All).quantile_ns(0.99), None);
        assert!(traffic(requests(100), Scope::All).quantile_ns(0.99).is_some());
        assert_eq!(traffic(Vec::new(), Scope::All).errors(), None);
    }
}
