//! `redrill heal`: undo what a killed run has left on Redis and proxies that somebody else runs.

use super::{LATEST, Subcommand, http_runtime, open};
use crate::environment::{Left, Remedy, as_planned};
use crate::exit::{Exit, unusable};
use crate::output;
use anyhow::{Context as _, Result};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use redrill_history::{ResolvedPlan, RunFolder, print_duration};
use std::path::PathBuf;

pub(super) struct Heal;

#[derive(Debug, Args)]
struct Arguments {
    /// The run folder
    #[arg(default_value = LATEST)]
    run: PathBuf,
}

impl Subcommand for Heal {
    fn clap(&self) -> Command {
        Arguments::augment_args(Command::new("heal").about(
            "Undo what a killed run left in an external environment: toxics, proxies, settings, \
             keys",
        ))
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let arguments = Arguments::from_arg_matches(arguments)?;
        http_runtime()?.block_on(heal(&open(&arguments.run)?))
    }
}

async fn heal(folder: &RunFolder) -> Result<Exit> {
    let shown = folder.path().display();
    let left = Left::read(folder)?.filter(|left| !left.is_empty());
    let Some(left) = left else {
        output::line(&format!("{shown} has left nothing to heal"))?;
        return Ok(Exit::Pass);
    };
    let (trials, most) = left.trials();
    if !trials.is_empty() {
        let named: Vec<String> = trials.iter().map(ToString::to_string).collect();
        let most = print_duration(most);
        output::note(&format!("healing {shown}, up to {most} each: {}", named.join("; ")));
    }
    let tell = |remedy: &Remedy, applied: &Result<String>| match applied {
        Ok(told) => output::note(&format!("  healed    {remedy}: {told}")),
        Err(error) => output::note(&format!("  not healed  {remedy}: {error:#}")),
    };
    let failed = left.heal(tell).await?;
    for doubt in left.doubts() {
        output::note(&format!("  not healed  {doubt}"));
    }
    let failed = failed + left.doubts().len();
    if failed > 0 {
        return Err(unusable(format!(
            "{failed} of what {shown} left could not be healed, for the reasons above; mend them \
             and run 'redrill heal' again"
        )));
    }
    let path = folder.plan();
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let plan: ResolvedPlan = toml::from_str(&text).with_context(|| path.display().to_string())?;
    if plan.environment.external.is_some() {
        as_planned(&plan.environment).await.map_err(|error| {
            unusable(format!(
                "what {shown} left is undone, but not all is as before the run: {error:#}"
            ))
        })?;
    }
    output::line(&format!("{shown} is healed: its environment is as it was before the run"))?;
    Ok(Exit::Pass)
}
