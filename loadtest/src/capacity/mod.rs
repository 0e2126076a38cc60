//! A capacity search: the load is raised in steps until the service breaks an objective.

mod scale;
mod search;

use crate::environment::Environment;
use crate::exit::Exit;
use crate::plan::Plan;
use crate::run::{self, Service, Settings, World};
use anyhow::{Context as _, Result};
use redrill_history::capacity::{End, Step, levels, step_length};
use redrill_history::{CapacityPlan, ResolvedPlan, RunView, SECOND_NS, SegmentPlan, SegmentRole};
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
    let first_per_s = capacity.at_least_per_s.unwrap_or(capacity.from_per_s);
    let warm_up = Planned {
        rate_per_s: first_per_s.min(capacity.from_per_s),
        role: SegmentRole::Warmup,
        duration: WARM_UP,
        discard: WARM_UP,
    };
    let mut next = Some(warm_up);
    let mut number = 0;
    while let Some(step) = next {
        let segment = SegmentPlan {
            number,
            role: step.role,
            side: None,
            duration: step.duration,
            discard: step.discard,
            capabilities: scale::to(step.rate_per_s, &plan.load),
        };
        let loaded = service.load(&segment, &[]).await?;
        // What a step leaves undone would be the next one's load.
        if world.interrupt.is_set() || !service.drain(&loaded, plan.load.drain).await {
            return Ok(());
        }
        number += 1;
        let steps = measured(world).await?;
        tell(world, &steps, step.role);
        let left_ns = until_ns.saturating_sub(world.stage.clock.now_ns());
        next =
            planned(plan, capacity, &steps, Duration::from_nanos(left_ns)).unwrap_or_else(|why| {
                world.progress.step(&why);
                None
            });
    }
    Ok(())
}

/// A step to make.
struct Planned {
    rate_per_s: f64,
    role: SegmentRole,
    duration: Duration,
    discard: Duration,
}

/// The step after `steps`, none when all is told; why it cannot be made in the time that is left.
fn planned(
    plan: &ResolvedPlan,
    capacity: &CapacityPlan,
    steps: &[Step],
    left: Duration,
) -> Result<Option<Planned>, String> {
    let seen = levels(steps.iter().map(|step| (step.rate_per_s, step.end)));
    let Next::Try(rate_per_s, role) = search::next(capacity, plan.seed, &seen) else {
        return Ok(None);
    };
    if left.is_zero() {
        return Err("the search has used up its time".to_owned());
    }
    let duration = step_length(plan, rate_per_s, steps)
        .map_err(|why| format!("a step at {rate_per_s:.1}/s would say nothing: {why}"))?;
    // A step of the plan's length may end late; one that must be long is not begun in vain.
    if duration > capacity.step.max(left) {
        return Err(format!(
            "a step at {rate_per_s:.1}/s needs {:.0} s to have enough answers, and {:.0} s of \
             capacity.within are left",
            duration.as_secs_f64().ceil(),
            left.as_secs_f64()
        ));
    }
    Ok(Some(Planned { rate_per_s, role, duration, discard: capacity.discard }))
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
        End::Void => {
            let why = step.untold.first().map(|untold| format!(": {}", untold.words()));
            format!("says nothing{}", why.unwrap_or_default())
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use redrill_history::Threshold;

    fn plan(rate_per_s: f64) -> (ResolvedPlan, CapacityPlan) {
        let mut plan = ResolvedPlan::example();
        let capacity = CapacityPlan { from_per_s: rate_per_s, ..CapacityPlan::default() };
        plan.capacity = Some(capacity.clone());
        plan.fail_if = vec![Threshold::parse("p99 > 250ms").unwrap()];
        (plan, capacity)
    }

    #[test]
    fn a_step_at_a_low_rate_is_long_enough_for_its_answers_or_is_not_begun() {
        let duration = |rate, left_s| {
            let (plan, capacity) = plan(rate);
            let planned = planned(&plan, &capacity, &[], Duration::from_secs(left_s))?;
            Ok::<_, String>(planned.unwrap().duration.as_secs_f64().round())
        };
        assert_eq!(duration(10.0, 200), Ok(12.0));
        assert_eq!(duration(400.0, 1), Ok(6.0));
        let told = duration(10.0, 11).unwrap_err();
        assert!(told.contains("10.0/s needs 12 s") && told.contains("11 s of"), "{told}");
        assert!(duration(400.0, 0).unwrap_err().contains("used up its time"));
    }
}
