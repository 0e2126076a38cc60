//! `redrill load`: run a plan's load without faults, and hold thresholds against it.

use super::{Subcommand, runtime};
use crate::drill;
use crate::exit::Exit;
use crate::plan::{Overrides, Plan};
use crate::run::Settings;
use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use redrill_history::RunKind;
use std::path::PathBuf;

pub(super) struct Load;

#[derive(Debug, Args)]
struct Arguments {
    /// A plan without faults: one that comes with redrill (see `redrill list`), or a plan file's
    /// path
    #[arg(default_value = "steady")]
    plan: String,
    /// What must not be: 'p99 > 50ms for sessions.read', 'errors > 0.1%'; more can follow
    #[arg(long, value_name = "THRESHOLD")]
    fail_if: Vec<String>,
    /// Where every random choice comes from; the same seed gives the same load
    #[arg(long)]
    seed: Option<u64>,
    /// The folder that run folders are made in
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    runs: PathBuf,
}

impl Subcommand for Load {
    fn clap(&self) -> Command {
        Arguments::augment_args(
            Command::new("load")
                .about("Run a plan's load without faults; exit code 1 when a threshold is broken"),
        )
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let arguments = Arguments::from_arg_matches(arguments)?;
        let overrides = Overrides {
            kind: Some(RunKind::Load),
            seed: arguments.seed,
            fail_if: arguments.fail_if,
            at_least: None,
        };
        let plan = Plan::load(&arguments.plan, &overrides)?;
        let settings = Settings { runs: arguments.runs, program: std::env::current_exe()? };
        runtime()?.block_on(drill::run(plan, settings))
    }
}
