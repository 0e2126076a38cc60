//! A step of a capacity search, measured.

use super::Usage;
use crate::{
    Action, Capability, Flags, MILLISECOND_NS, Operation, RunView, SECOND_NS, Scope, Segment,
    SegmentRole, Threshold, Traffic,
};
use std::collections::BTreeMap;
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
    /// The objectives of which it tells nothing.
    pub untold: Vec<Untold>,
    /// How it ended.
    pub end: End,
    /// The share of arrivals that started over 100 ms late though a virtual user was free.
    pub late: f64,
    /// What each process used of the processors.
    pub usage: Vec<Usage>,
    /// Processors that the machine kept busy with all that ran on it, on average.
    pub machine_busy: Option<f64>,
    /// The calls of the played dependencies, by kind.
    pub calls: Vec<Calls>,
}

/// An objective of which a step tells nothing, for want of answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Untold {
    /// Which.
    pub threshold: Threshold,
    /// How many answers there were to what it looks at.
    pub answers: u64,
}

impl Untold {
    /// `p99 of all requests needs 100 answers, and had 62`.
    pub fn words(&self) -> String {
        let (subject, needed) = (self.threshold.subject(), self.threshold.metric.answers_needed());
        format!("{subject} needs {needed} answers, and had {}", self.answers)
    }
}

/// Calls of one kind that a played dependency saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calls {
    /// Whose calls.
    pub capability: Capability,
    /// Which API.
    pub action: Action,
    /// How long half of them took at most, in nanoseconds.
    pub p50_ns: u64,
    /// Calls under way, on average.
    pub under_way: f64,
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
        let (mut broken, mut untold) = (Vec::new(), Vec::new());
        for threshold in &run.plan.fail_if {
            let traffic = Traffic::of(run, segment, threshold.scope);
            let threshold = threshold.clone();
            match threshold.metric.value(&traffic) {
                None => untold.push(Untold { threshold, answers: traffic.served }),
                Some(value) if threshold.is_broken_by(value) => broken.push((threshold, value)),
                Some(_) => {}
            }
        }
        let end = match (broken.is_empty(), untold.is_empty()) {
            _ if !segment.is_complete => End::Void,
            // Nothing was served in time to tell a latency, and that alone breaks a bound.
            (false, _) => End::Broke,
            (true, true) => End::Held,
            (true, false) => End::Void,
        };
        Self {
            segment: segment.plan.number,
            role: segment.plan.role,
            rate_per_s: segment.plan.rate_per_s(),
            measured_ns: segment.measured_ns(),
            traffic: Traffic::of(run, segment, Scope::All),
            broken,
            untold,
            end,
            late: late(run, segment),
            usage: Usage::of(run.samples_of(segment)),
            machine_busy: Usage::machine_busy(run.samples_of(segment)),
            calls: calls(run.effects_of(segment), segment.measured_s()),
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

fn calls(effects: &[Operation], seconds: f64) -> Vec<Calls> {
    let mut kinds: BTreeMap<(Capability, Action), Vec<u64>> = BTreeMap::new();
    for effect in effects {
        let kind = (effect.capability, effect.action);
        kinds.entry(kind).or_default().push(effect.service_ns());
    }
    kinds
        .into_iter()
        .map(|((capability, action), mut times_ns)| {
            let busy_s = times_ns.iter().sum::<u64>() as f64 / SECOND_NS as f64;
            let middle = times_ns.len() / 2;
            let p50_ns = *times_ns.select_nth_unstable(middle).1;
            let under_way = if seconds > 0.0 { busy_s / seconds } else { 0.0 };
            Calls { capability, action, p50_ns, under_way }
        })
        .collect()
}
