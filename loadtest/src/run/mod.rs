//! What every run has in common: a folder, an environment, a service under load in segments, and
//! the examination of what was recorded.

mod broken;
mod examine;
mod segment;
mod service;
mod stage;

pub use examine::{examine, examine_read};
pub(crate) use service::Service;
pub(crate) use stage::Stage;

use crate::environment::{Environment, Setup, Supply, backend};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::output;
use crate::plan::Plan;
use crate::progress::Progress;
use anyhow::{Context as _, Result};
use redrill_history::{EventKind, Report, Verdict};
use std::path::PathBuf;
use std::time::Duration;

/// How long an interrupted run may take to end its load before it is abandoned.
const END_WITHIN: Duration = Duration::from_secs(15);

/// Where a run goes and whom it starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that run folders are made in.
    pub runs: PathBuf,
    /// The `redrill` executable.
    pub program: PathBuf,
}

/// What the work of a run has at hand.
pub(crate) struct World<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) settings: &'a Settings,
    pub(crate) supply: Supply,
    pub(crate) stage: &'a Stage,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) progress: &'a Progress,
}

/// Makes a run folder, does the work of the run, examines what it left, and says what was found.
///
/// # Errors
/// What kept the work from being done, or the folder from being examined.
pub(crate) async fn recorded(
    plan: Plan,
    settings: Settings,
    work: impl AsyncFnOnce(&World<'_>) -> Result<()>,
) -> Result<Exit> {
    let environment = &plan.resolved.environment;
    let supply = backend(&environment.backend)?.find(environment).await?;
    let interrupt =
        Interrupt::install("interrupted: healing, then ending the run (again to end at once)")?;
    let stage = Stage::set(&plan.resolved, &settings.runs)?;
    let progress = Progress::new();
    progress.step(&format!("{}: {}", plan.resolved.name, plan.resolved.question));
    progress.step(&format!(
        "seed {}, redrill {}, Redis {}, run folder {}",
        plan.resolved.seed,
        plan.resolved.redrill,
        supply.version(),
        stage.folder.path().display()
    ));
    let world = World {
        plan: &plan,
        settings: &settings,
        supply,
        stage: &stage,
        interrupt: &interrupt,
        progress: &progress,
    };
    let worked = work(&world).await;
    // What comes after the work reads and writes its folder: a signal then interrupts no run.
    let interrupted = interrupt.is_set();
    let folder = stage.leave(interrupted, worked.as_ref().err())?;
    let report = examine(&folder);
    progress.finish();
    worked.map_err(|error| broken::with_next(error, &folder, report.is_ok()))?;
    let report = report?;
    tell(&report, &folder)?;
    Ok(if interrupted { Exit::Inconclusive } else { report.verdict.into() })
}

impl World<'_> {
    /// Starts the plan's environment, does something in it, and stops it whatever came of that.
    /// An interruption ends it early.
    ///
    /// # Errors
    /// What kept the environment from starting or ending cleanly, or the work from being done.
    pub(crate) async fn in_environment(
        &self,
        work: impl AsyncFnOnce(&Environment) -> Result<()>,
    ) -> Result<()> {
        let setup = Setup {
            plan: &self.plan.resolved.environment,
            supply: self.supply.clone(),
            redrill: &self.settings.program,
            logs: &self.stage.folder.logs(),
            clock: self.stage.clock,
            events: self.stage.events.clone(),
            samples: self.stage.samples.clone(),
            watched: true,
        };
        let environment = tokio::select! {
            environment = Environment::start(setup) => {
                environment.context("the environment did not start")?
            }
            () = self.interrupt.wait() => return Ok(()),
        };
        let ready = environment.ready_after().as_millis();
        self.progress.step(&format!("environment ready after {ready} ms"));
        let worked = tokio::select! {
            worked = work(&environment) => worked,
            // A load ends by itself when it is interrupted; this is for what comes before it.
            () = self.abandoned() => Ok(()),
        };
        let facts = self.stage.folder.write_environment(&environment.facts());
        let stopped = environment.stop().await.context("the environment did not end cleanly");
        worked.and(stopped).and(facts.map_err(Into::into))
    }

    /// Ends some time after the interruption: for a step that does not end by itself.
    async fn abandoned(&self) {
        self.interrupt.wait().await;
        tokio::time::sleep(END_WITHIN).await;
    }

    /// Records an event; a full disk must not end the run.
    pub(crate) fn record(&self, kind: EventKind) {
        self.stage.record(kind);
    }
}

fn tell(report: &Report, folder: &redrill_history::RunFolder) -> Result<()> {
    let held = report.findings.iter().filter(|finding| finding.verdict == Verdict::Pass).count();
    for finding in report.findings.iter().filter(|finding| finding.verdict != Verdict::Pass) {
        let verdict = finding.verdict.name();
        output::note(&format!("  {verdict:12} {:24} {}", finding.id, finding.summary));
    }
    output::note(&format!("  {held} of {} checks held", report.findings.len()));
    output::line(&report.headline)?;
    output::line(&format!("report: {}", folder.report().display()))
}
