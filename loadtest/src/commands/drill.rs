//! `redrill drill`: run a plan and say what it cost.

use super::recording::Recording;
use super::{Subcommand, http_runtime};
use crate::drill;
use crate::exit::Exit;
use crate::plan::{Overrides, PLANS, Plan};
use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use redrill_history::RunKind;

pub(super) struct Drill;

#[derive(Debug, Args)]
struct Arguments {
    /// A plan that comes with redrill (see `redrill list`), or the path of a plan file
    #[arg(default_value = PLANS[0].0)]
    plan: String,
    #[command(flatten)]
    recording: Recording,
}

impl Subcommand for Drill {
    fn clap(&self) -> Command {
        Arguments::augment_args(
            Command::new("drill")
                .about("Run a plan: start Redis and the service, load, break, heal, check, report"),
        )
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let arguments = Arguments::from_arg_matches(arguments)?;
        let overrides = Overrides {
            kind: Some(RunKind::Drill),
            seed: arguments.recording.seed,
            image: arguments.recording.image.clone(),
            environment: arguments.recording.environment.clone(),
            ..Overrides::default()
        };
        let plan = Plan::load(&arguments.plan, &overrides)?;
        let settings = arguments.recording.settings()?;
        http_runtime()?.block_on(drill::run(plan, settings))
    }
}
