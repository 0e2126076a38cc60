//! `redrill gate`: compare two builds.

use super::recording::Recording;
use super::{Subcommand, http_runtime};
use crate::exit::{Exit, unusable};
use crate::gate::{self, Given, Sides, baseline};
use crate::output;
use crate::plan::{Overrides, Plan, tolerate};
use anyhow::{Context as _, Result};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use redrill_history::{GatePlan, RunKind};
use redrill_scenarios::gate::metrics::METRICS;
use std::path::PathBuf;

pub(super) struct Gate;

#[derive(Debug, Args)]
struct Arguments {
    /// The plan: its load is that of one block
    #[arg(default_value = "gate")]
    plan: String,
    /// What the candidate is compared with: a program that takes redrill's place in the plan's
    /// target (target/release/redrill), a target file or its name, or the address of a service
    #[arg(long, value_name = "TARGET")]
    base: Option<String>,
    /// What must not be worse; given like the base. Where the plan names it, this goes before
    #[arg(long, value_name = "TARGET")]
    candidate: Option<String>,
    /// Compare with blocks that were saved: weaker than blocks that are run beside the candidate's
    #[arg(long, value_name = "FILE", conflicts_with = "base")]
    baseline: Option<PathBuf>,
    /// Save the blocks of the base, or of the candidate where it alone is run
    #[arg(long, value_name = "FILE")]
    save_baseline: Option<PathBuf>,
    /// How much worse is tolerated: p50=10%, errors=0.1%, or p99=off to leave a metric out
    #[arg(long, value_name = "METRIC=MOST")]
    tolerate: Vec<String>,
    /// Pairs of blocks: more see smaller differences and take longer
    #[arg(long, value_parser = clap::value_parser!(u16).range(5..=200))]
    pairs: Option<u16>,
    #[command(flatten)]
    recording: Recording,
}

impl Subcommand for Gate {
    fn clap(&self) -> Command {
        Arguments::augment_args(
            Command::new("gate")
                .about("Compare two builds under the same load: is the candidate worse?"),
        )
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let arguments = Arguments::from_arg_matches(arguments)?;
        let mut plan = {
            let (kind, seed) = (Some(RunKind::Gate), arguments.recording.seed);
            let Recording { image, environment, .. } = &arguments.recording;
            let (image, environment) = (image.clone(), environment.clone());
            let overrides = Overrides { kind, seed, image, environment, ..Overrides::default() };
            Plan::load(&arguments.plan, &overrides)?
        };
        let sides = sides(&plan, &arguments)?;
        complete(&mut plan, &arguments, &sides)?;
        let settings = arguments.recording.settings()?;
        http_runtime()?.block_on(gate::run(plan, settings, sides))
    }
}

/// The sides: of the command line, or else of the plan.
fn sides(plan: &Plan, arguments: &Arguments) -> Result<Sides> {
    let gate = plan.resolved.gate.as_ref().context("a plan for a gate has a [gate] section")?;
    // What is to stand for the base is given once.
    let base = match (&arguments.base, &arguments.baseline) {
        (Some(base), _) => Some(base),
        (None, Some(_)) => None,
        (None, None) => gate.base.as_ref(),
    };
    let is_compared = base.is_some() || arguments.baseline.is_some() || gate.baseline.is_some();
    if !is_compared && arguments.save_baseline.is_none() {
        return Err(unusable(
            "there is nothing to compare the candidate with: give --base TARGET, or --baseline \
             FILE, or only measure it with --save-baseline FILE",
        ));
    }
    arguments.save_baseline.as_deref().map(baseline::check_path).transpose()?;
    let candidate = match &arguments.candidate {
        Some(candidate) => candidate,
        None if !gate.candidate.is_empty() => &gate.candidate,
        None => return Err(unusable("there is no candidate: give --candidate TARGET")),
    };
    Ok(Sides {
        base: base.map(|text| Given::read(text, plan)).transpose()?,
        candidate: Given::read(candidate, plan)?,
        save: arguments.save_baseline.clone(),
    })
}

/// Writes the command line into the plan.
fn complete(plan: &mut Plan, arguments: &Arguments, sides: &Sides) -> Result<()> {
    let gate = plan.resolved.gate.as_mut().context("a plan for a gate has a [gate] section")?;
    gate.base = sides.base.as_ref().map(|base| base.text().to_owned());
    sides.candidate.text().clone_into(&mut gate.candidate);
    match &arguments.baseline {
        Some(path) => gate.baseline = Some(baseline::read(path)?),
        None if gate.base.is_some() => gate.baseline = None,
        None => {}
    }
    gate.pairs = arguments.pairs.unwrap_or(gate.pairs);
    for text in &arguments.tolerate {
        tolerate(gate, text).map_err(|message| unusable(format!("--tolerate {message}")))?;
    }
    leave_out(gate, sides)
}

/// What cannot be measured of a side that redrill does not start is not compared, and said.
fn leave_out(gate: &mut GatePlan, sides: &Sides) -> Result<()> {
    if sides.base.is_none() && gate.baseline.is_none() {
        // Blocks are only saved.
        gate.tolerated.clear();
        return Ok(());
    }
    let all = sides.base.iter().chain([&sides.candidate]);
    if !all.into_iter().all(Given::is_started) {
        for metric in METRICS {
            let Some(needs) = metric.needs else { continue };
            if gate.tolerated.remove(metric.name).is_some() {
                output::note(&format!("{} is not compared: it needs {needs}", metric.name));
            }
        }
    }
    match gate.tolerated.is_empty() {
        false => Ok(()),
        true => Err(unusable(
            "no metric is left to compare: name one in [gate.tolerated], or leave out --tolerate \
             METRIC=off",
        )),
    }
}
