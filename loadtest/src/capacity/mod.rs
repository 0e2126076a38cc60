//! A capacity search: the load is raised in steps until the service breaks an objective.

mod scale;
mod search;

use crate::environment::Environment;
use crate::exit::Exit;
use crate::plan::Plan;
use crate::run::{self, Service, Settings, World};
use anyhow::{Context as _, Result};
use redrill_history::capacity::{End, Step, levels};
use redrill_history::{CapacityPlan, RunView, SECOND_NS, SegmentPlan, SegmentRole};
use search::Next;
use std::time::Duration;

/// Length of the load before the first step, which fills caches and pools.
const WARM_UP: Duration = Duration::from_secs(3);

/// Searches the highest rate at which a plan's objectives hold, leaves a run folder, and prints
/// the rate.
///
/// # Errors
/// What kept the search from being run, or its folder from being examined.
pub async fn run(plan: Plan, settings: Settings) -> Result<Exit> {
    run::recorded(plan, settings, async |world| {
        world.in_environment(async |environment| search(world, environment).await).await
    })
    .await
}

async fn search(world: &World<'_>, environment: &Environment) -> Result<()> {
    let plan = &world.plan.resolved;
    let capacity = plan.capacity.as_ref().context("the plan has no capacity section")?;
    let service = Service::start(world, environment, &world.plan.target).await?;
    let until_ns = world.stage.clock.now_ns() + nanoseconds(capacity.within);
    let mut segments = 0;
    let warm_up = CapacityPlan { step: WARM_UP, discard: WARM_UP, ..capacity.clone() };
    let mut next = Next::Try(capacity.from_per_s, SegmentRole::Warmup);
    while let Next::Try(rate_per_s, role) = next {
        let of = if role == SegmentRole::Warmup { &warm_up } else { capacity };
        let segment = SegmentPlan {
            number: segments,
            role,
            side: None,
            duration: of.step,
            discard: of.discard,
            capabilities: scale::to(rate_per_s, &plan.load),
        };
        let loaded = service.load(&segment, &[]).await?;
        // What a step leaves undone would be the next one's load.
        if world.interrupt.is_set() || !service.drain(&loaded, plan.load.drain).await {
            return Ok(());
        }
        segments += 1;
        let steps = measured(world).await?;
        tell(world, &steps, role);
        if world.stage.clock.now_ns() > until_ns {
            world.progress.step("the search has used up its time");
            return Ok(());
        }
        let seen = levels(steps.iter().map(|step| (step.rate_per_s, step.end)));
        let is_void = steps.last().is_some_and(|step| step.end == End::Void);
        next = if is_void { Next::Done } else { search::next(capacity, plan.seed, &seen) };
    }
    Ok(())
}

/// The steps so far, read from the run folder as a report reads them.
async fn measured(world: &World<'_>) -> Result<Vec<Step>> {
    world.stage.recorder.flush().context("the history could not be written")?;
    let folder = world.stage.folder.clone();
    let read = move || RunView::load(&folder).map(|view| Step::all(&view));
    Ok(tokio::task::spawn_blocking(read).await??)
}

fn tell(world: &World<'_>, steps: &[Step], role: SegmentRole) {
    let Some(step) = steps.last().filter(|_| role != SegmentRole::Warmup) else { return };
    let milliseconds = |quantile| {
        step.traffic
            .quantile_ns(quantile)
            .map_or("-".to_owned(), |ns| format!("{:.1} ms", ns as f64 / 1e6))
    };
    let end = match step.end {
        End::Held => "held".to_owned(),
        End::Void => "says nothing".to_owned(),
        End::Broke => {
            let broken = step.broken.iter().map(|(threshold, _)| threshold.to_string());
            format!("broke: {}", broken.collect::<Vec<_>>().join(", "))
        }
    };
    world.progress.step(&format!(
        "step {:>2}: {:>7.1}/s  p50 {}  p99 {}  goodput {:.1} %  {end}",
        steps.len(),
        step.rate_per_s,
        milliseconds(0.5),
        milliseconds(0.99),
        step.traffic.goodput().unwrap_or(0.0) * 100.0,
    ));
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX - SECOND_NS)
}
