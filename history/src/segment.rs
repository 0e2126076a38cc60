//! Load segments: the parts of a run that have each a load of their own. A drill has one, a
//! capacity search one a step, a comparison one a block.

use crate::event::append_line;
use crate::{Capability, CapabilityLoad, Event, EventKind, Operation, ResolvedPlan};
use crate::{SECOND_NS, serde_duration};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a segment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SegmentRole {
    /// The load of a plan.
    Load,
    /// Nothing is measured: the service fills its caches and pools.
    Warmup,
    /// A step of a search.
    Probe,
    /// A step that repeats one, to confirm what the search found.
    Confirm,
    /// A block of a comparison.
    Block,
}

impl SegmentRole {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Warmup => "warm-up",
            Self::Probe => "probe",
            Self::Confirm => "confirm",
            Self::Block => "block",
        }
    }
}

/// What a segment was meant to be: a line of `segments.ndjson`, written before its load begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentPlan {
    /// Number in the run, from 0: an operation's `segment`.
    pub number: u16,
    /// What it is for.
    pub role: SegmentRole,
    /// Which of several services it loads; `None` where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    /// How long arrivals come.
    #[serde(with = "serde_duration")]
    pub duration: Duration,
    /// The first part of it, in which nothing is measured.
    #[serde(with = "serde_duration")]
    pub discard: Duration,
    /// The load of each capability.
    pub capabilities: BTreeMap<Capability, CapabilityLoad>,
}

impl SegmentPlan {
    /// The one segment of a plan that has one.
    pub fn whole(plan: &ResolvedPlan) -> Self {
        Self {
            number: 0,
            role: SegmentRole::Load,
            side: None,
            duration: plan.load.duration,
            discard: Duration::ZERO,
            capabilities: plan.load.capabilities.clone(),
        }
    }

    /// Arrivals a second, of all capabilities.
    pub fn rate_per_s(&self) -> f64 {
        self.capabilities.values().map(|load| load.rate_per_s).sum()
    }
}

/// A segment as it was run.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// What it was meant to be.
    pub plan: SegmentPlan,
    /// The first arrival was due.
    pub start_ns: u64,
    /// The last arrival was answered or given up; in a run that was cut off, the last answer seen.
    pub end_ns: u64,
    /// False when its load was cut short.
    pub is_complete: bool,
}

impl Segment {
    /// The time whose arrivals are measured: without the discarded part, and not beyond what was
    /// run.
    pub fn measured_ns(&self) -> Range<u64> {
        let after = |duration: Duration| {
            self.start_ns.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
        };
        let planned = after(self.plan.duration);
        let end_ns = if self.is_complete { planned } else { planned.min(self.end_ns) };
        after(self.plan.discard).min(end_ns)..end_ns
    }

    /// The length of the measured time, in seconds.
    pub fn measured_s(&self) -> f64 {
        let measured = self.measured_ns();
        (measured.end - measured.start) as f64 / SECOND_NS as f64
    }

    /// The segments that the events tell of, in order of their start. `plans` holds the lines of
    /// `segments.ndjson`; a segment without a line is the plan's one load.
    pub(crate) fn from_events(
        plan: &ResolvedPlan,
        plans: &[SegmentPlan],
        events: &[Event],
        operations: &[Operation],
    ) -> Vec<Self> {
        let mut segments: Vec<(Self, Option<u64>)> = Vec::new();
        for event in events {
            match event.kind {
                EventKind::LoadStarted { segment: number } => {
                    let known = plans.iter().find(|plan| plan.number == number).cloned();
                    let plan =
                        known.unwrap_or_else(|| SegmentPlan { number, ..SegmentPlan::whole(plan) });
                    let (start_ns, end_ns) = (event.at_ns, event.at_ns);
                    segments.push((Self { plan, start_ns, end_ns, is_complete: false }, None));
                }
                EventKind::LoadEnded { segment: number } => {
                    let its = segments.iter_mut().find(|(its, _)| its.plan.number == number);
                    if let Some((_, ended)) = its {
                        *ended = Some(event.at_ns);
                    }
                }
                _ => {}
            }
        }
        let is_interrupted =
            events.iter().any(|event| matches!(event.kind, EventKind::Interrupted { .. }));
        let last = segments.len().saturating_sub(1);
        let complete = |(at, (mut segment, ended)): (usize, (Self, Option<u64>))| {
            let its = |op: &&Operation| op.is_load() && op.segment == segment.plan.number;
            let seen = || operations.iter().filter(its).map(|op| op.finished_ns).max();
            let end_ns = ended.or_else(seen).unwrap_or(segment.start_ns);
            segment.end_ns = end_ns.max(segment.start_ns);
            segment.is_complete = ended.is_some() && !(is_interrupted && at == last);
            segment
        };
        segments.into_iter().enumerate().map(complete).collect()
    }
}

/// Appends the plans of segments; clones share the file.
#[derive(Clone, Debug)]
pub struct SegmentLog {
    file: Arc<Mutex<File>>,
}

impl SegmentLog {
    /// Makes the file.
    ///
    /// # Errors
    /// When it exists or cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: Arc::new(Mutex::new(File::create_new(path)?)) })
    }

    /// Appends a segment's plan, before its load begins.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn append(&self, plan: &SegmentPlan) -> io::Result<()> {
        append_line(&self.file, plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::read_lines;

    fn event(second: u64, kind: EventKind) -> Event {
        Event { at_ns: second * SECOND_NS, kind }
    }

    fn step(number: u16, rate_per_s: f64) -> SegmentPlan {
        let mut plan = SegmentPlan {
            number,
            role: SegmentRole::Probe,
            duration: Duration::from_secs(5),
            discard: Duration::from_secs(1),
            ..SegmentPlan::whole(&ResolvedPlan::example())
        };
        plan.capabilities.retain(|capability, _| *capability == Capability::Queue);
        plan.capabilities.values_mut().for_each(|load| load.rate_per_s = rate_per_s);
        plan
    }

    fn segments(plans: &[SegmentPlan], events: &[Event]) -> Vec<Segment> {
        Segment::from_events(&ResolvedPlan::example(), plans, events, &[])
    }

    #[test]
    fn a_drill_has_one_segment_without_a_line_of_its_own() {
        let events = [
            event(3, EventKind::LoadStarted { segment: 0 }),
            event(33, EventKind::LoadEnded { segment: 0 }),
        ];
        let [only] = &segments(&[], &events)[..] else { panic!("one") };
        assert_eq!(only.plan, SegmentPlan::whole(&ResolvedPlan::example()));
        assert_eq!(only.measured_ns(), 3 * SECOND_NS..33 * SECOND_NS);
    }

    #[test]
    fn each_step_has_its_rate_and_its_window() {
        let events = [
            event(1, EventKind::LoadStarted { segment: 0 }),
            event(7, EventKind::LoadEnded { segment: 0 }),
            event(8, EventKind::LoadStarted { segment: 1 }),
            event(13, EventKind::LoadEnded { segment: 1 }),
            event(14, EventKind::Interrupted { reason: "a signal".to_owned() }),
        ];
        let found = segments(&[step(0, 100.0), step(1, 200.0), step(2, 400.0)], &events);
        let rates: Vec<f64> = found.iter().map(|segment| segment.plan.rate_per_s()).collect();
        assert_eq!(rates, [100.0, 200.0]);
        assert_eq!(found[0].measured_ns(), 2 * SECOND_NS..6 * SECOND_NS);
        assert!(found[0].is_complete && !found[1].is_complete);
    }

    #[test]
    fn what_was_cut_off_is_measured_up_to_its_end() {
        let cut = segments(&[step(0, 1.0)], &[event(1, EventKind::LoadStarted { segment: 0 })]);
        assert_eq!((cut[0].measured_s(), cut[0].is_complete), (0.0, false));
    }

    #[test]
    fn a_plan_comes_back_from_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segments.ndjson");
        let plan = SegmentPlan { side: Some("base".to_owned()), ..step(3, 12.5) };
        SegmentLog::create(&path).unwrap().append(&plan).unwrap();
        assert_eq!(read_lines::<SegmentPlan>(&path).unwrap(), (vec![plan], 0));
    }
}
