//! A step of a capacity search, measured.

use super::Usage;
use crate::{
    Flags, MILLISECOND_NS, Operation, RunView, Scope, Segment, SegmentRole, Threshold, Traffic,
};
use std::ops::Range;

/// Later than this an arrival did not start at its time.
const LATE_NS: u64 = 100 * MILLISECOND_NS;
/// The share of arrivals that may be late.
const LATE_MOST: f64 = 0.01;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every objective held.
    Held,
    /// An objective was broken.
    Broke,
    /// It says nothing of the service: it was cut short, or too few requests were made.
    Void,
}

/// What a step of a search came to.
#[derive(Clone, Debug)]
pub struct Step {
    /// Number of its segment.
    pub segment: u16,
    /// Whether it searched or confirmed.
    pub role: SegmentRole,
    /// The rate that was meant: what levels are told apart by.
    pub rate_per_s: f64,
    /// The measured time.
    pub measured_ns: Range<u64>,
    /// What its requests came to.
    pub traffic: Traffic,
    /// The objectives that were broken, with the value that broke each.
    pub broken: Vec<(Threshold, f64)>,
    /// How it ended.
    pub end: End,
    /// The share of arrivals that started over 100 ms late though a virtual user was free.
    pub late: f64,
    /// What each process used of the processors.
    pub usage: Vec<Usage>,
    /// The played dependencies' median time for a call, in nanoseconds.
    pub effect_p50_ns: Option<u64>,
    /// Calls of the played dependencies under way, on average.
    pub effects_under_way: f64,
}

impl Step {
    /// The steps of a run, in order of time.
    pub fn all(run: &RunView) -> Vec<Self> {
        let is_step = |segment: &&Segment| {
            matches!(segment.plan.role, SegmentRole::Probe | SegmentRole::Confirm)
        };
        run.segments.iter().filter(is_step).map(|segment| Self::of(run, segment)).collect()
    }

    fn of(run: &RunView, segment: &Segment) -> Self {
        let values: Vec<(&Threshold, Option<f64>)> = run
            .plan
            .fail_if
            .iter()
            .map(|threshold| (threshold, threshold.value(run, segment)))
            .collect();
        let broken: Vec<(Threshold, f64)> = values
            .iter()
            .filter_map(|(threshold, value)| {
                value
                    .filter(|value| threshold.is_broken_by(*value))
                    .map(|value| ((*threshold).clone(), value))
            })
            .collect();
        let is_told = segment.is_complete && values.iter().all(|(_, value)| value.is_some());
        let end = match (is_told, broken.is_empty()) {
            // Nothing was served in time to tell a latency, and that alone breaks a bound.
            (_, false) if segment.is_complete => End::Broke,
            (true, true) => End::Held,
            _ => End::Void,
        };
        let effects = run.effects_of(segment);
        Self {
            segment: segment.plan.number,
            role: segment.plan.role,
            rate_per_s: segment.plan.rate_per_s(),
            measured_ns: segment.measured_ns(),
            traffic: Traffic::of(run, segment, Scope::All),
            broken,
            end,
            late: late(run, segment),
            usage: Usage::of(run.samples_of(segment)),
            effect_p50_ns: median(effects.iter().map(Operation::service_ns).collect()),
            effects_under_way: under_way(effects, segment.measured_s()),
        }
    }

    /// True when the load generator did not keep time.
    pub fn is_generator_late(&self) -> bool {
        self.late > LATE_MOST
    }
}

fn late(run: &RunView, segment: &Segment) -> f64 {
    let (mut all, mut late) = (0_u64, 0_u64);
    for op in run.requests_of(segment) {
        all += 1;
        let is_late = op.started_ns.saturating_sub(op.intended_ns) > LATE_NS;
        late += u64::from(is_late && !op.flags.has(Flags::NO_IDLE_VU));
    }
    if all == 0 { 0.0 } else { late as f64 / all as f64 }
}

fn under_way(effects: &[Operation], seconds: f64) -> f64 {
    let busy_ns: u64 = effects.iter().map(Operation::service_ns).sum();
    if seconds > 0.0 { busy_ns as f64 / 1e9 / seconds } else { 0.0 }
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable(middle).1)
}
