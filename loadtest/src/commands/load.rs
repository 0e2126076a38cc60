//! `redrill load`: run a plan's load without faults, and hold thresholds against it.

use super::recording::Recording;
use super::{Subcommand, http_runtime};
use crate::drill;
use crate::exit::Exit;
use crate::plan::{Overrides, Plan};
use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use redrill_history::RunKind;

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
    #[command(flatten)]
    recording: Recording,
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
            seed: arguments.recording.seed,
            image: arguments.recording.image.clone(),
            fail_if: arguments.fail_if,
            at_least: None,
            environment: arguments.recording.environment.clone(),
        };
        let plan = Plan::load(&arguments.plan, &overrides)?;
        let settings = arguments.recording.settings()?;
        http_runtime()?.block_on(drill::run(plan, settings))
    }
}
