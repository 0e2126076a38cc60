//! `redrill plan`: check a plan, or show it with every default written out.

use super::Subcommand;
use crate::exit::Exit;
use crate::output;
use crate::plan::{Overrides, PLANS};
use anyhow::{Context as _, Result};
use clap::{ArgMatches, Args, Command, FromArgMatches};

pub(super) struct Plan;

#[derive(Debug, Args)]
struct Arguments {
    /// A plan that comes with redrill, the path of a plan file, or - for standard input
    #[arg(default_value = PLANS[0].0)]
    plan: String,
}

impl Subcommand for Plan {
    fn clap(&self) -> Command {
        let check = Command::new("check").about("Say whether a plan can be run");
        let show = Command::new("show").about("Print a plan with every default written out");
        Command::new("plan")
            .about("Check or show a plan")
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand(Arguments::augment_args(check))
            .subcommand(Arguments::augment_args(show))
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let (action, arguments) = arguments.subcommand().context("clap requires an action")?;
        let arguments = Arguments::from_arg_matches(arguments)?;
        let plan = crate::plan::Plan::load(&arguments.plan, &Overrides::default())?;
        if action == "show" {
            output::line(plan.resolved.to_toml()?.trim_end())?;
        } else {
            output::line(&format!("{} can be run", plan.resolved.name))?;
        }
        Ok(Exit::Pass)
    }
}
