//! The run folder while the run goes on: clock, recorder, events, samples.

use crate::exit::unusable;
use anyhow::{Context as _, Result};
use redrill_history::clock::{RunClock, wall_now};
use redrill_history::{
    EventKind, EventLog, Recorder, ResolvedPlan, RunError, RunFolder, SampleLog, SegmentLog,
};
use std::io::ErrorKind;
use std::path::Path;

/// Runs that can begin in one second in one folder.
const SAME_SECOND: u32 = 1000;

/// Where a run records.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) folder: RunFolder,
    pub(crate) clock: RunClock,
    pub(crate) recorder: Recorder,
    pub(crate) events: EventLog,
    pub(crate) segments: SegmentLog,
    pub(crate) samples: SampleLog,
}

impl Stage {
    /// Makes the run folder and everything that records into it.
    pub(super) fn set(plan: &ResolvedPlan, runs: &Path) -> Result<Self> {
        let clock = RunClock::start();
        let folder = make_folder(plan, runs)?;
        folder.write_plan(plan)?;
        let recorder = Recorder::start(&folder).context("cannot record the history")?;
        let events = EventLog::create(&folder.events()).context("cannot record events")?;
        let segments = SegmentLog::create(&folder.segments()).context("cannot record segments")?;
        let samples = SampleLog::create(&folder.samples()).context("cannot record samples")?;
        Ok(Self { folder, clock, recorder, events, segments, samples })
    }

    /// Records an event; a full disk must not end the run.
    pub(super) fn record(&self, kind: EventKind) {
        if let Err(error) = self.events.append(self.clock.now_ns(), kind) {
            tracing::error!(%error, "cannot record an event");
        }
    }

    /// Completes the folder: what was cut short and why, what was lost, and that this is the end.
    pub(super) fn leave(
        self,
        interrupted: bool,
        failure: Option<&anyhow::Error>,
    ) -> Result<RunFolder> {
        if interrupted {
            self.record(EventKind::Interrupted { reason: "a signal".to_owned() });
        } else if let Some(failure) = failure {
            // The last words of a process follow on more lines, and are in its log.
            let reason = format!("{failure:#}");
            let reason = reason.lines().next().unwrap_or_default().to_owned();
            self.record(EventKind::Interrupted { reason });
        }
        let Self { folder, clock, recorder, events, .. } = self;
        let lost = recorder.finish().context("the history could not be written whole")?;
        if lost > 0 {
            events.append(clock.now_ns(), EventKind::RecordsLost { count: lost })?;
        }
        events.end(clock.now_ns(), &folder).context("cannot record the run's end")?;
        Ok(folder)
    }
}

/// `<time>-<plan>`, with a number where another run of this second has that name.
fn make_folder(plan: &ResolvedPlan, runs: &Path) -> Result<RunFolder> {
    let time = humantime::format_rfc3339_seconds(wall_now()).to_string().replace(':', "-");
    // A plan's name is one that a folder can have.
    let name = format!("{time}-{}", plan.name);
    let mut tried = RunFolder::create(runs, &name);
    for number in 2..SAME_SECOND {
        if !runs.join(&name).exists() || tried.is_ok() {
            break;
        }
        tried = RunFolder::create(runs, &format!("{name}-{number}"));
        if tried.is_ok() {
            break;
        }
    }
    tried.map_err(|error| match error {
        // A folder that cannot be made is the user's to change; a full disk is not.
        RunError::Io { error, .. } if error.kind() != ErrorKind::StorageFull => {
            let runs = runs.display();
            unusable(format!("no run folder can be made in '{runs}': {error}; see --runs"))
        }
        other => other.into(),
    })
}
