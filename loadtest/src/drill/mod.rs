//! A drill: the flow from a plan to a verdict.

mod examine;
mod load;
mod stage;

pub use examine::examine;

use crate::environment::{Environment, RedisBinary, Setup};
use crate::exit::{Exit, unusable};
use crate::interrupt::Interrupt;
use crate::output;
use crate::plan::Plan;
use crate::progress::Progress;
use anyhow::{Context as _, Result};
use redrill_history::{EventKind, Report, Verdict};
use stage::Stage;
use std::path::PathBuf;

/// Where a drill puts its run and whom it starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that run folders are made in.
    pub runs: PathBuf,
    /// The `redrill` executable.
    pub program: PathBuf,
}

/// Runs a plan, leaves a run folder, and prints what it cost.
///
/// # Errors
/// What kept the drill from being run, or its folder from being examined.
pub async fn run(plan: Plan, settings: Settings) -> Result<Exit> {
    let redis = RedisBinary::find(&std::env::var_os("PATH").unwrap_or_default())
        .map_err(|error| unusable(error.to_string()))?;
    let interrupt =
        Interrupt::install("interrupted: healing, then ending the run (again to end at once)")?;
    let stage = Stage::set(&plan.resolved, &settings.runs)?;
    let progress = Progress::new();
    progress.step(&format!("{}: {}", plan.resolved.name, plan.resolved.question));
    progress.step(&format!(
        "seed {}, redrill {}, Redis {}, run folder {}",
        plan.resolved.seed,
        plan.resolved.redrill,
        redis.version,
        stage.folder.path().display()
    ));
    let performed = perform(&plan, &settings, redis, &stage, &interrupt, &progress).await;
    let folder = stage.leave(&interrupt, performed.as_ref().err())?;
    let report = examine(&folder);
    progress.finish();
    performed?;
    let report = report?;
    tell(&report, &folder);
    Ok(if interrupt.is_set() { Exit::Inconclusive } else { report.verdict.into() })
}

/// From the first process to the last: everything of a drill that touches the world.
async fn perform(
    plan: &Plan,
    settings: &Settings,
    redis: RedisBinary,
    stage: &Stage,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<()> {
    let setup = Setup {
        plan: &plan.resolved.environment,
        redis,
        redrill: &settings.program,
        logs: &stage.folder.logs(),
        clock: stage.clock,
        events: stage.events.clone(),
        samples: stage.samples.clone(),
    };
    let environment = tokio::select! {
        environment = Environment::start(setup) => {
            environment.context("the environment did not start")?
        }
        () = interrupt.wait() => return Ok(()),
    };
    let ready = environment.ready_after();
    progress.step(&format!("environment ready after {:.1} s", ready.as_secs_f64()));
    let loaded = tokio::select! {
        loaded = load::run(plan, settings, stage, &environment, interrupt, progress) => loaded,
        // The load ends by itself when it is interrupted; this is for what comes before it.
        () = load::abandoned(interrupt) => Ok(()),
    };
    stage.folder.write_environment(&environment.facts())?;
    let stopped = environment.stop().await.context("the environment did not end cleanly");
    loaded.and(stopped)
}

fn tell(report: &Report, folder: &redrill_history::RunFolder) {
    let held = report.findings.iter().filter(|finding| finding.verdict == Verdict::Pass).count();
    for finding in report.findings.iter().filter(|finding| finding.verdict != Verdict::Pass) {
        let verdict = finding.verdict.name();
        output::note(&format!("  {verdict:12} {:24} {}", finding.id, finding.summary));
    }
    output::note(&format!("  {held} of {} checks held", report.findings.len()));
    output::line(&report.headline);
    output::line(&format!("report: {}", folder.report().display()));
}

/// Records an event; a full disk must not end the run.
fn record(stage: &Stage, kind: EventKind) {
    if let Err(error) = stage.events.append(stage.clock.now_ns(), kind) {
        tracing::error!(%error, "cannot record an event");
    }
}
