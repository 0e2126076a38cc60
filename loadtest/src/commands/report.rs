//! `redrill report`: check a run folder again and write its page again.

use super::Subcommand;
use crate::exit::{Exit, unusable};
use crate::output;
use crate::run::examine_read;
use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use redrill_history::{RunFolder, RunView};
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
        let (folder, view) = RunFolder::open(&arguments.run)
            .and_then(|folder| RunView::load(&folder).map(|view| (folder, view)))
            .map_err(|error| unusable(error.to_string()))?;
        let report = examine_read(&folder, &view)?;
        output::line(&report.headline);
        output::line(&format!("report: {}", folder.report().display()));
        Ok(report.verdict.into())
    }
}
