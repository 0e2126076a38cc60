//! `redrill gate`: two sides in turns under the same load, each on a Redis of its own.

pub mod baseline;
mod counters;
mod given;
mod side;

pub use given::Given;

use crate::environment::{Environment, backend};
use crate::exit::Exit;
use crate::plan::Plan;
use crate::run::{self, Settings, World};
use anyhow::{Context as _, Result};
use redrill_history::clock::RunClock;
use redrill_history::{
    EventKind, GatePlan, ProcessFacts, RunFolder, RunView, SegmentPlan, SegmentRole,
};
use redrill_scenarios::gate::candidate_first;
use side::Side;
use std::path::PathBuf;

/// The sides of a comparison, and where the blocks of one are kept.
#[derive(Debug)]
pub struct Sides {
    /// The base; none where saved blocks stand for it.
    pub base: Option<Given>,
    /// The candidate.
    pub candidate: Given,
    /// A file for the blocks of the base, or of the candidate where it alone is run.
    pub save: Option<PathBuf>,
}

/// Measures both sides, leaves a run folder, and says whether the candidate is worse.
///
/// # Errors
/// A side that does not start or dies, and what else kept the blocks from being measured.
pub async fn run(plan: Plan, settings: Settings, sides: Sides) -> Result<Exit> {
    if let Some(saved) = plan.resolved.gate.as_ref().and_then(|gate| gate.baseline.as_ref()) {
        let environment = &plan.resolved.environment;
        let supply = backend(&environment.backend)?.find(environment).await?;
        let here = Environment::machine(RunClock::start(), supply.version());
        baseline::check(saved, &plan.resolved, &here)?;
    }
    let mut folder: Option<RunFolder> = None;
    let exit = run::recorded(plan, settings, async |world| {
        folder = Some(world.stage.folder.clone());
        measure(world, &sides).await
    })
    .await?;
    match (&sides.save, &folder, exit) {
        (Some(path), Some(folder), Exit::Pass | Exit::Fail) => {
            baseline::save(path, &RunView::load(folder)?, sides.base.as_ref(), &sides.candidate)?;
        }
        (Some(path), ..) => crate::output::note(&format!(
            "the blocks are not saved to {}: an inconclusive run is no measure",
            path.display()
        )),
        _ => {}
    }
    Ok(exit)
}

/// A block to come: its number, and whose it is.
#[derive(Clone, Copy, Debug)]
struct Turn {
    pair: u16,
    number: u16,
    is_candidate: bool,
}

async fn measure(world: &World<'_>, sides: &Sides) -> Result<()> {
    let plan = &world.plan.resolved;
    let gate = plan.gate.as_ref().context("the plan has no [gate] section")?;
    let given: Vec<(&'static str, &Given)> = sides
        .base
        .iter()
        .map(|base| (GatePlan::BASE, base))
        .chain([(GatePlan::CANDIDATE, &sides.candidate)])
        .collect();
    let turns = turns(&candidate_first(plan, gate), sides.base.is_some());
    let a_batch = usize::from(gate.fresh_every) * given.len();
    let mut processes = Vec::new();
    for (start, batch) in turns.chunks(a_batch).enumerate() {
        if world.interrupt.is_set() {
            break;
        }
        let started = side::environments(world, &given, start).await?;
        if start == 0 {
            world.record(EventKind::EnvironmentReady);
        }
        let measured = blocks(world, &given, &started, batch, gate).await;
        for ((name, _), environment) in given.iter().zip(&started) {
            let facts = environment.as_ref().map(|environment| environment.facts().processes);
            processes.extend(facts.into_iter().flatten().map(|facts| its(name, facts)));
        }
        let stopped = side::stop(started).await;
        measured?;
        stopped?;
    }
    world.stage.folder.write_environment(&side::facts(world, processes))?;
    Ok(())
}

/// A process by the name of its side.
fn its(side: &str, facts: ProcessFacts) -> ProcessFacts {
    ProcessFacts { name: format!("{side} {}", facts.name), ..facts }
}

/// The blocks in their order.
fn turns(candidate_first: &[bool], has_base: bool) -> Vec<Turn> {
    let of_pair = |(pair, candidate_first): (usize, &bool)| {
        let order = if has_base { vec![*candidate_first, !*candidate_first] } else { vec![true] };
        order.into_iter().map(move |is_candidate| (pair, is_candidate))
    };
    let turns = candidate_first.iter().enumerate().flat_map(of_pair).enumerate();
    let number = |number| u16::try_from(number).unwrap_or(u16::MAX);
    turns
        .map(|(at, (pair, is_candidate))| Turn {
            pair: number(pair),
            number: number(at),
            is_candidate,
        })
        .collect()
}

/// Runs some blocks on sides that were just started.
async fn blocks(
    world: &World<'_>,
    given: &[(&'static str, &Given)],
    environments: &[Option<Environment>],
    turns: &[Turn],
    gate: &GatePlan,
) -> Result<()> {
    let mut sides = Vec::new();
    for ((name, given), environment) in given.iter().zip(environments) {
        let side = Side::start(world, name, given, environment.as_ref()).await;
        sides.push(side.with_context(|| format!("the {name} did not start"))?);
    }
    for turn in turns {
        if world.interrupt.is_set() {
            return Ok(());
        }
        let side = if turn.is_candidate { sides.last_mut() } else { sides.first_mut() };
        let side = side.context("a comparison has a candidate")?;
        world.progress.step(&format!("pair {} of {}: {}", turn.pair + 1, gate.pairs, side.name));
        let load = &world.plan.resolved.load;
        let segment = SegmentPlan {
            number: turn.number,
            role: SegmentRole::Block,
            side: Some(side.name.to_owned()),
            duration: load.duration,
            discard: gate.discard,
            capabilities: load.capabilities.clone(),
        };
        side.block(&segment, turn.pair).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_numbered_in_their_order_and_paired() {
        let all = |has_base| {
            turns(&[true, false], has_base)
                .iter()
                .map(|turn| (turn.number, turn.pair, turn.is_candidate))
                .collect::<Vec<_>>()
        };
        assert_eq!(all(true), [(0, 0, true), (1, 0, false), (2, 1, false), (3, 1, true)]);
        assert_eq!(all(false), [(0, 0, true), (1, 1, true)]);
    }
}
