//! `redrill capacity`: search the highest rate at which a plan's objectives hold.

use super::recording::Recording;
use super::{Subcommand, http_runtime};
use crate::capacity;
use crate::exit::Exit;
use crate::plan::{Overrides, Plan, RATE_LEAST, RATE_MOST};
use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use redrill_history::{RunKind, parse_rate};

pub(super) struct Capacity;

#[derive(Debug, Args)]
struct Arguments {
    /// A plan without faults: one that comes with redrill (see `redrill list`), or a plan file's
    /// path
    #[arg(default_value = "capacity")]
    plan: String,
    /// Exit with 1 when the service carries less than this, in requests a second: 800/s
    #[arg(long, value_name = "RATE", value_parser = rate, allow_hyphen_values = true)]
    at_least: Option<f64>,
    /// What must not be at a rate that counts as carried, besides what the plan says
    #[arg(long, value_name = "THRESHOLD")]
    fail_if: Vec<String>,
    #[command(flatten)]
    recording: Recording,
}

impl Subcommand for Capacity {
    fn clap(&self) -> Command {
        Arguments::augment_args(
            Command::new("capacity")
                .about("Search how much the service carries, and which resource is full there"),
        )
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let arguments = Arguments::from_arg_matches(arguments)?;
        let overrides = Overrides {
            kind: Some(RunKind::Capacity),
            seed: arguments.recording.seed,
            image: arguments.recording.image.clone(),
            fail_if: arguments.fail_if,
            at_least: arguments.at_least,
            environment: arguments.recording.environment.clone(),
        };
        let plan = Plan::load(&arguments.plan, &overrides)?;
        let settings = arguments.recording.settings()?;
        http_runtime()?.block_on(capacity::run(plan, settings))
    }
}

/// A rate as a plan may have it.
fn rate(text: &str) -> Result<f64, String> {
    let rate = parse_rate(text)?;
    let is_sane = (RATE_LEAST..=RATE_MOST).contains(&rate);
    is_sane.then_some(rate).ok_or_else(|| format!("it must be from {RATE_LEAST} to {RATE_MOST}"))
}
