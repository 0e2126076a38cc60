//! `redrill report`: check a run folder again and write its page again.

use super::Subcommand;
use crate::exit::{Exit, unusable};
use crate::output;
use crate::run::examine;
use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use redrill_history::RunFolder;
use std::path::PathBuf;

pub(super) struct Report;

#[derive(Debug, Args)]
struct Arguments {
    /// The run folder
    #[arg(default_value = "runs/latest")]
    run: PathBuf,
}

impl Subcommand for Report {
    fn clap(&self) -> Command {
        Arguments::augment_args(
            Command::new("report").about("Check a run folder again and write its page again"),
        )
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let arguments = Arguments::from_arg_matches(arguments)?;
        let folder =
            RunFolder::open(&arguments.run).map_err(|error| unusable(error.to_string()))?;
        let report = examine(&folder).map_err(|error| unusable(format!("{error:#}")))?;
        output::line(&report.headline);
        output::line(&format!("report: {}", folder.report().display()));
        Ok(report.verdict.into())
    }
}
