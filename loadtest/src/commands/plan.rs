//! `redrill plan`: begin a plan, check one, show one, and the schema of them all.

use super::Subcommand;
use super::recording::LARGEST_SEED;
use crate::exit::Exit;
use crate::output;
use crate::plan::{self, Overrides, PLANS};
use anyhow::{Context as _, Result};
use clap::{ArgMatches, Args, Command, FromArgMatches, value_parser};
use redrill_history::ResolvedPlan;
use std::path::PathBuf;

pub(super) struct Plan;

#[derive(Debug, Args)]
struct Given {
    /// A plan that comes with redrill, the path of a plan file, or - for standard input
    #[arg(default_value = PLANS[0].0)]
    plan: String,
    /// Where every random choice comes from; the plan's own by default
    #[arg(long, value_parser = value_parser!(u64).range(..=LARGEST_SEED))]
    seed: Option<u64>,
    /// An image of Redis or Valkey, in whose containers nodes and Sentinels would run (backend
    /// docker)
    #[arg(long)]
    image: Option<String>,
    /// A file whose [environment] takes the place of the plan's
    #[arg(long, value_name = "FILE", conflicts_with = "image")]
    environment: Option<PathBuf>,
}

impl Given {
    fn resolved(&self) -> Result<ResolvedPlan> {
        let overrides = Overrides {
            seed: self.seed,
            image: self.image.clone(),
            environment: self.environment.clone(),
            ..Overrides::default()
        };
        Ok(plan::Plan::load(&self.plan, &overrides)?.resolved)
    }
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    given: Given,
    /// Print the plan itself with every default written out: TOML that reads back as this plan
    #[arg(long)]
    toml: bool,
}

#[derive(Debug, Args)]
struct New {
    /// What the plan is called
    #[arg(default_value = "my-plan")]
    name: String,
}

impl Subcommand for Plan {
    fn clap(&self) -> Command {
        let check = Command::new("check").about("Say whether a plan can be run");
        let show = Command::new("show")
            .about("Draw the run of a plan and say what it needs, or write every default out");
        let new = Command::new("new").about("Print a commented plan to start from");
        let catalogue = Command::new("catalogue")
            .about("Print what the plans that come with redrill ask and do, as Markdown");
        let schema = Command::new("schema").about("Print the JSON schema of plan files");
        Command::new("plan")
            .about("Begin, check or show a plan")
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand(Given::augment_args(check))
            .subcommand(Show::augment_args(show))
            .subcommand(New::augment_args(new))
            .subcommand(catalogue)
            .subcommand(schema)
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let (action, arguments) = arguments.subcommand().context("clap requires an action")?;
        match action {
            "check" => check(&Given::from_arg_matches(arguments)?)?,
            "show" => show(&Show::from_arg_matches(arguments)?)?,
            "new" => new(&New::from_arg_matches(arguments)?)?,
            "catalogue" => output::line(plan::catalogue()?.trim_end())?,
            _ => output::line(&format!("{:#}", plan::schema()))?,
        }
        Ok(Exit::Pass)
    }
}

fn check(given: &Given) -> Result<()> {
    output::line(&format!("{} can be run", given.resolved()?.name))
}

fn show(show: &Show) -> Result<()> {
    let plan = show.given.resolved()?;
    if show.toml {
        return output::line(plan.to_toml()?.trim_end());
    }
    output::line(&plan::picture(&plan, output::width(), output::wants_colour()))
}

fn new(new: &New) -> Result<()> {
    output::line(plan::example(&new.name)?.trim_end())
}
