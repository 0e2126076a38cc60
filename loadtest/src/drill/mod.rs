//! A drill: one load, faults beside it, and what they cost.

use crate::environment::Environment;
use crate::exit::Exit;
use crate::plan::Plan;
use crate::run::{self, Service, Settings, World};
use anyhow::Result;
use redrill_history::{EventKind, SegmentPlan};

/// Runs a plan, leaves a run folder, and prints what it cost.
///
/// # Errors
/// What kept the drill from being run, or its folder from being examined.
pub async fn run(plan: Plan, settings: Settings) -> Result<Exit> {
    run::recorded(plan, settings, async |world| {
        world.in_environment(async |environment| perform(world, environment).await).await
    })
    .await
}

/// Loads the service while the faults act, and reads the final state.
async fn perform(world: &World<'_>, environment: &Environment) -> Result<()> {
    let plan = &world.plan.resolved;
    let service = Service::start(world, environment, &world.plan.target).await?;
    world.progress.step(&format!("load: {} s of arrivals", plan.load.duration.as_secs()));
    let loaded = service.load(&SegmentPlan::whole(plan), &plan.faults).await?;
    if world.interrupt.is_set() {
        return Ok(());
    }
    world.progress.step(&format!("final reads, {} s at most", plan.load.drain.as_secs()));
    if service.drain(&loaded, plan.load.drain).await {
        world.record(EventKind::DrainEnded);
    }
    Ok(())
}
