//! The load of a drill: target, virtual users and the timeline of faults, side by side.

use super::stage::Stage;
use super::{Settings, record};
use crate::effects::{Effects, Played};
use crate::environment::Environment;
use crate::interrupt::Interrupt;
use crate::load::attack::Attack;
use crate::load::pacemaker::{self, Lane};
use crate::load::pacer;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::{faults, instances};
use anyhow::{Context as _, Result, ensure};
use redrill_history::clock::instant_now;
use redrill_history::{EventKind, ResolvedPlan, SECOND_NS};
use redrill_scenarios::capability::CAPABILITIES;
use redrill_scenarios::load::{Context, Executed, Progress as Counts, arrivals};
use redrill_scenarios::target::Target;
use redrill_scenarios::visit::Fleet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// From the decision to start the load to its first arrival.
const LEAD_NS: u64 = SECOND_NS / 10;
/// How long goose may take to launch the virtual users.
const BOARD_WITHIN: Duration = Duration::from_secs(20);
/// Final reads of one capability at once.
const AT_ONCE: usize = 16;
/// How long an interrupted run may take to end its load before it is abandoned.
const END_WITHIN: Duration = Duration::from_secs(15);

/// Starts the target, loads it while the faults act, and reads the final state.
pub(super) async fn run(
    plan: &Plan,
    settings: &Settings,
    stage: &Stage,
    environment: &Environment,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<()> {
    let resolved = Arc::new(plan.resolved.clone());
    let executed = Arc::new(Executed::default());
    let effects = Effects::start(Played {
        clock: stage.clock,
        recorder: stage.recorder.handle(),
        executed: Arc::clone(&executed),
        seed: resolved.seed,
        attempts: resolved.target.promises.job_attempts,
        calls: std::sync::Mutex::default(),
    })
    .await?;
    let addresses =
        instances::start(environment, &effects, &resolved, &plan.target, &settings.program).await?;
    stage.folder.write_environment(&environment.facts())?;
    let timeout = resolved.load.client_timeout;
    let context = Arc::new(Context {
        clock: stage.clock,
        recorder: stage.recorder.handle(),
        plan: Arc::clone(&resolved),
        target: Target::new(plan.target.clone(), &addresses, timeout),
        http: reqwest::Client::builder().no_proxy().connect_timeout(timeout).build()?,
        segment: 0,
        progress: Arc::new(Counts::default()),
        executed,
        drain_deadline_ns: AtomicU64::new(u64::MAX),
        numbers: AtomicU64::new(0),
    });
    let (fleets, lanes) = fleets(&context, &resolved);
    let attack = Attack::new(&fleets, &format!("http://{}", addresses[0]))?;
    let conducted =
        conduct(&resolved, stage, environment, interrupt, progress, &context, &fleets, lanes);
    let (metrics, conducted) = tokio::join!(attack.execute(), conducted);
    metrics?;
    conducted?;
    record(stage, EventKind::LoadEnded { segment: 0 });
    if !interrupt.is_set() {
        drain(&resolved, stage, &context, &fleets, interrupt, progress).await;
    }
    Ok(())
}

/// Ends some time after the interruption: for a step that does not end by itself.
pub(super) async fn abandoned(interrupt: &Interrupt) {
    interrupt.wait().await;
    tokio::time::sleep(END_WITHIN).await;
}

fn fleets(context: &Arc<Context>, plan: &ResolvedPlan) -> (Vec<Fleet>, Vec<Lane>) {
    let mut fleets = Vec::new();
    let mut lanes = Vec::new();
    for capability in CAPABILITIES {
        let Some(load) = plan.load.capabilities.get(&capability.kind()) else { continue };
        // The plan was refused if it names a model that there is not.
        let Some(model) = pacer::find(&load.model) else { continue };
        let (sender, arrivals) = arrivals();
        fleets.push(capability.fleet(context, load.vus, arrivals));
        lanes.push(Lane { pacer: model.pacer(load, plan.load.duration), sender });
    }
    (fleets, lanes)
}

/// Waits for the virtual users, starts the arrivals, and lets the faults act until both are over.
#[allow(clippy::too_many_arguments)]
async fn conduct(
    plan: &ResolvedPlan,
    stage: &Stage,
    environment: &Environment,
    interrupt: &Interrupt,
    progress: &Progress,
    context: &Context,
    fleets: &[Fleet],
    lanes: Vec<Lane>,
) -> Result<()> {
    let deadline = instant_now() + BOARD_WITHIN;
    while !fleets.iter().all(Fleet::is_ready) {
        ensure!(instant_now() < deadline, "goose did not launch the virtual users in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let start_ns = stage.clock.now_ns() + LEAD_NS;
    stage.events.append(start_ns, EventKind::LoadStarted { segment: 0 })?;
    let stop = Arc::new(AtomicBool::new(false));
    let pacemaker = pacemaker::start(lanes, stage.clock, start_ns, Arc::clone(&stop))
        .context("cannot start the pacemaker")?;
    progress.step(&format!("load: {} s of arrivals", plan.load.duration.as_secs()));
    let over = async {
        while !fleets.iter().all(Fleet::is_done) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if interrupt.is_set() {
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    let elapsed = || stage.clock.now_ns().saturating_sub(start_ns);
    let shown = progress.show_load(plan, &context.progress, elapsed);
    let timeline = faults::run_timeline(
        environment,
        &plan.faults,
        stage.clock,
        start_ns,
        &stage.events,
        interrupt.wait(),
    );
    let both = async { tokio::join!(timeline, over) };
    let healed = tokio::select! {
        (healed, ()) = both => healed,
        // Showing the load ends only when it is dropped.
        () = shown => Ok(()),
    };
    pacemaker.join().map_err(|_| anyhow::anyhow!("the pacemaker panicked"))?;
    healed
}

/// After the load: waits for what was acknowledged, and reads the final state.
async fn drain(
    plan: &ResolvedPlan,
    stage: &Stage,
    context: &Context,
    fleets: &[Fleet],
    interrupt: &Interrupt,
    progress: &Progress,
) {
    progress.step(&format!("final reads, {} s at most", plan.load.drain.as_secs()));
    let drain_ns = u64::try_from(plan.load.drain.as_nanos()).unwrap_or(u64::MAX);
    let deadline_ns = stage.clock.now_ns().saturating_add(drain_ns);
    context.drain_deadline_ns.store(deadline_ns, Ordering::Relaxed);
    let finished = futures_util::future::join_all(fleets.iter().map(|fleet| fleet.finish(AT_ONCE)));
    tokio::select! {
        _ = finished => record(stage, EventKind::DrainEnded),
        () = interrupt.wait() => {}
    }
}
