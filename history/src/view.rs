//! A run, read from its folder: what checkers and panels see.

use crate::event::read_lines;
use crate::{
    EnvironmentFacts, Event, EventKind, LogFile, NodeRole, Observation, Operation, Phase, Phases,
    ResolvedPlan, RunError, RunFolder, Sample, Segment, SegmentPlan, Window, seal,
};
use std::io;
use std::path::Path;

/// The parts of a run that a [`RunView`] is made of.
#[derive(Clone, Debug)]
pub struct ViewParts {
    /// The plan as it was run.
    pub plan: ResolvedPlan,
    /// The machine, versions and processes.
    pub environment: EnvironmentFacts,
    /// Operations, in any order.
    pub operations: Vec<Operation>,
    /// Observations, in any order.
    pub observations: Vec<Observation>,
    /// Effects, in any order.
    pub effects: Vec<Operation>,
    /// Events, in any order.
    pub events: Vec<Event>,
    /// What the segments were meant to be; none where the plan's load is the only one.
    pub segments: Vec<SegmentPlan>,
    /// Samples, in any order.
    pub samples: Vec<Sample>,
    /// Records and lines that could not be read.
    pub unreadable: usize,
    /// Files that are not what they were when the run ended, a phrase each.
    pub altered: Vec<String>,
}

/// A run as checkers and panels see it. Reading it touches nothing.
#[derive(Clone, Debug)]
pub struct RunView {
    /// The plan as it was run.
    pub plan: ResolvedPlan,
    /// The machine, versions and processes.
    pub environment: EnvironmentFacts,
    /// Operations in order of sequence.
    pub operations: Vec<Operation>,
    /// Effects in order of their start.
    pub effects: Vec<Operation>,
    /// Events in order of time.
    pub events: Vec<Event>,
    /// Samples in order of time.
    pub samples: Vec<Sample>,
    /// The loads that were begun, in order of time; a drill has one.
    pub segments: Vec<Segment>,
    /// The faults that were begun.
    pub windows: Vec<Window>,
    /// The phases of the load.
    pub phases: Phases,
    /// Start of the first load, or of the run when no load was started.
    pub load_start_ns: u64,
    /// End of the last load, or the last thing recorded in a run that was cut off.
    pub load_end_ns: u64,
    /// Records and lines that could not be read; a run cut off may have one or two.
    pub unreadable: usize,
    /// Files that are not what they were when the run ended, a phrase each (`samples.ndjson is
    /// missing`): nothing that this view shows is certain then.
    pub altered: Vec<String>,
    observations: Vec<Observation>,
}

impl RunView {
    /// Reads a run folder, complete or cut off.
    ///
    /// # Errors
    /// When a file is unreadable or of another version.
    pub fn load(folder: &RunFolder) -> Result<Self, RunError> {
        let plan = plan(&folder.plan())?;
        let (environment, torn_environment) = environment(&folder.environment())?;
        let operations = LogFile::read(&folder.operations())?;
        let observations = LogFile::read(&folder.observations())?;
        let effects = LogFile::read(&folder.effects())?;
        let (events, torn_events) = lines(&folder.events())?;
        let (segments, torn_segments) = lines(&folder.segments())?;
        let (samples, torn_samples) = lines(&folder.samples())?;
        let unreadable = operations.unreadable
            + observations.unreadable
            + effects.unreadable
            + usize::from(operations.partial_bytes > 0)
            + usize::from(observations.partial_bytes > 0)
            + usize::from(effects.partial_bytes > 0)
            + torn_environment
            + torn_events
            + torn_segments
            + torn_samples;
        let altered = altered(folder, &events)?;
        Ok(Self::new(ViewParts {
            plan,
            environment,
            operations: operations.records,
            observations: observations.records,
            effects: effects.records,
            events,
            segments,
            samples,
            unreadable,
            altered,
        }))
    }

    /// Makes a view of parts: what [`RunView::load`] does after reading, and what tests call.
    pub fn new(mut parts: ViewParts) -> Self {
        parts.operations.sort_by_key(|op| op.seq);
        parts.observations.sort_by_key(|observation| observation.seq);
        parts.effects.sort_by_key(|effect| (effect.started_ns, effect.seq));
        parts.events.sort_by_key(|event| event.at_ns);
        parts.samples.sort_by_key(|sample| sample.at_ns);
        let windows = Window::from_events(&parts.events);
        let (plan, events) = (&parts.plan, &parts.events);
        let segments = Segment::from_events(plan, &parts.segments, events, &parts.operations);
        let load_start_ns = segments.first().map_or(0, |segment| segment.start_ns);
        let last_seen =
            || parts.operations.iter().filter(|op| op.is_load()).map(|op| op.finished_ns);
        let load_end_ns = segments.last().map(|segment| segment.end_ns);
        let load_end_ns = load_end_ns.or_else(|| last_seen().max()).unwrap_or(load_start_ns);
        let acting = acting_windows(&windows, &parts.plan, load_end_ns);
        let phases = Phases::compute(load_start_ns, load_end_ns, &acting, &parts.operations);
        Self {
            plan: parts.plan,
            environment: parts.environment,
            operations: parts.operations,
            effects: parts.effects,
            events: parts.events,
            samples: parts.samples,
            segments,
            windows,
            phases,
            load_start_ns,
            load_end_ns,
            unreadable: parts.unreadable,
            altered: parts.altered,
            observations: parts.observations,
        }
    }

    /// What the answer to an operation told, if anything.
    pub fn observation(&self, seq: u64) -> Option<&Observation> {
        let index = self.observations.binary_search_by_key(&seq, |observed| observed.seq).ok()?;
        self.observations.get(index)
    }

    /// Every observation, in order of sequence.
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// The operation with that sequence number.
    pub fn operation(&self, seq: u64) -> Option<&Operation> {
        let index = self.operations.binary_search_by_key(&seq, |op| op.seq).ok()?;
        self.operations.get(index)
    }

    /// The requests of a segment that are measured: those due after its discarded part.
    pub fn requests_of(&self, segment: &Segment) -> impl Iterator<Item = &Operation> {
        let (number, measured) = (segment.plan.number, segment.measured_ns());
        self.operations.iter().filter(move |op| {
            op.segment == number && op.is_load() && measured.contains(&op.intended_ns)
        })
    }

    /// The effects that were begun in the measured time of a segment.
    pub fn effects_of(&self, segment: &Segment) -> &[Operation] {
        let measured = segment.measured_ns();
        let place = |at_ns| self.effects.partition_point(|effect| effect.started_ns < at_ns);
        &self.effects[place(measured.start)..place(measured.end)]
    }

    /// The samples taken in the measured time of a segment.
    pub fn samples_of(&self, segment: &Segment) -> &[Sample] {
        let measured = segment.measured_ns();
        let place = |at_ns| self.samples.partition_point(|sample| sample.at_ns < at_ns);
        &self.samples[place(measured.start)..place(measured.end)]
    }

    /// True when the run reached its end; otherwise it was cut off.
    pub fn is_complete(&self) -> bool {
        self.events.iter().any(|event| event.kind == EventKind::RunEnded)
    }

    /// Why the run was stopped before its plan was done, if it was.
    pub fn interruption(&self) -> Option<&str> {
        self.events.iter().find_map(|event| match &event.kind {
            EventKind::Interrupted { reason } => Some(reason.as_str()),
            _ => None,
        })
    }

    /// The first time after the first injection at which a node that was no master was seen as
    /// master, with the node.
    pub fn promotion(&self) -> Option<(u64, &str)> {
        self.promotions().into_iter().next()
    }

    /// Each such time, in their order.
    pub fn promotions(&self) -> Vec<(u64, &str)> {
        let Some(first) = self.windows.first() else { return Vec::new() };
        let mut masters: Vec<&str> = Vec::new();
        let mut promotions = Vec::new();
        for event in &self.events {
            let EventKind::Role { node, role, .. } = &event.kind else { continue };
            match role {
                NodeRole::Master if !masters.contains(&node.as_str()) => {
                    masters.push(node);
                    if event.at_ns >= first.begun_ns {
                        promotions.push((event.at_ns, node.as_str()));
                    }
                }
                NodeRole::Replica => masters.retain(|master| master != node),
                NodeRole::Master | NodeRole::Down => {}
            }
        }
        promotions
    }

    /// When the last fault was healed; `None` when one was not, or there was none.
    pub fn healed_ns(&self) -> Option<u64> {
        let last = |window: &Window| window.healed_ns.or(window.injected_ns);
        self.windows.iter().map(last).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// The phase of an operation by its intended start; `None` outside the load.
    pub fn phase_of(&self, operation: &Operation) -> Option<Phase> {
        self.phases.of(operation.intended_ns)
    }
}

/// The windows, where a fault that the plan would have healed and nobody did acts to the end.
fn acting_windows(windows: &[Window], plan: &ResolvedPlan, end_ns: u64) -> Vec<Window> {
    let lasts = |window: &Window| plan.faults.get(window.fault).is_some_and(|p| p.lasts.is_some());
    let act = |window: &Window| {
        let acts_on = window.injected_ns.is_some() && lasts(window);
        let healed_ns = window.healed_ns.or(acts_on.then_some(end_ns));
        Window { healed_ns, ..window.clone() }
    };
    windows.iter().map(act).collect()
}

fn plan(path: &Path) -> Result<ResolvedPlan, RunError> {
    let text = read_text(path)?;
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let reason = format!("line {line}: {}: this is not the plan that was run", error.message());
        RunError::Content { path: path.to_owned(), reason }
    })
}

/// What a run that reached its end held then and does not hold now. A run that was cut off says
/// nothing of that, and counts as cut off.
fn altered(folder: &RunFolder, events: &[Event]) -> Result<Vec<String>, RunError> {
    if !events.iter().any(|event| event.kind == EventKind::RunEnded) {
        return Ok(Vec::new());
    }
    let sealed = events.iter().find_map(|event| match &event.kind {
        EventKind::Sealed { files } => Some(files),
        _ => None,
    });
    match sealed {
        Some(files) => seal::differences(folder, files),
        None => Ok(vec!["events.ndjson does not say what the files held at the end".to_owned()]),
    }
}

/// The environment's facts, and 1 where they cannot be read.
fn environment(path: &Path) -> Result<(EnvironmentFacts, usize), RunError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(match serde_json::from_slice(&bytes) {
            Ok(facts) => (facts, 0),
            Err(_) => (EnvironmentFacts::default(), 1),
        }),
        // A run cut off before its environment was ready has none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok((EnvironmentFacts::default(), 0))
        }
        Err(error) => Err(RunError::Io { path: path.to_owned(), error }),
    }
}

fn lines<T: for<'de> serde::Deserialize<'de>>(path: &Path) -> Result<(Vec<T>, usize), RunError> {
    read_lines(path).map_err(|error| RunError::Io { path: path.to_owned(), error })
}

fn read_text(path: &Path) -> Result<String, RunError> {
    std::fs::read_to_string(path).map_err(|error| RunError::Io { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PlannedFault, SECOND_NS};
    use std::time::Duration;

    fn cut_off_in_a_fault(lasts: Option<Duration>) -> RunView {
        let fault = PlannedFault { lasts, ..PlannedFault::example() };
        let (kind, target) = ("kill".to_owned(), "node[0]".to_owned());
        let events = [
            (0, EventKind::LoadStarted { segment: 0 }),
            (10, EventKind::FaultBegun { fault: 0, kind, target }),
            (11, EventKind::FaultInjected { fault: 0, proof: None }),
            (15, EventKind::LoadEnded { segment: 0 }),
        ];
        let event = |(second, kind)| Event { at_ns: second * SECOND_NS, kind };
        RunView::new(ViewParts {
            plan: ResolvedPlan { faults: vec![fault], ..ResolvedPlan::example() },
            environment: EnvironmentFacts::default(),
            operations: Vec::new(),
            observations: Vec::new(),
            effects: Vec::new(),
            events: events.map(event).into(),
            segments: Vec::new(),
            samples: Vec::new(),
            unreadable: 0,
            altered: Vec::new(),
        })
    }

    #[test]
    fn a_fault_that_nobody_healed_acts_to_the_end() {
        let lasting = cut_off_in_a_fault(Some(Duration::from_secs(10)));
        assert_eq!(lasting.phases.span(Phase::Fault).end_ns, 15 * SECOND_NS);
        assert_eq!(lasting.windows[0].healed_ns, None);
        let moment = cut_off_in_a_fault(None);
        assert_eq!(moment.phases.span(Phase::Fault).end_ns, 11 * SECOND_NS);
    }
}
