//! `redrill drill`: run a plan and say what it cost.

use super::{Subcommand, runtime};
use crate::drill;
use crate::exit::Exit;
use crate::plan::{Overrides, PLANS, Plan};
use crate::run::Settings;
use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use redrill_history::RunKind;
use std::path::PathBuf;

pub(super) struct Drill;

#[derive(Debug, Args)]
struct Arguments {
    /// A plan that comes with redrill (see `redrill list`), or the path of a plan file
    #[arg(default_value = PLANS[0].0)]
    plan: String,
    /// Where every random choice comes from; the same seed gives the same load and timeline
    #[arg(long)]
    seed: Option<u64>,
    /// The folder that run folders are made in
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    runs: PathBuf,
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
        let overrides =
            Overrides { kind: Some(RunKind::Drill), seed: arguments.seed, ..Overrides::default() };
        let plan = Plan::load(&arguments.plan, &overrides)?;
        let settings = Settings { runs: arguments.runs, program: std::env::current_exe()? };
        runtime()?.block_on(drill::run(plan, settings))
    }
}
