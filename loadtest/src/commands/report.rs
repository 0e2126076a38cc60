//! `redrill report`: check a run folder again and write its page again.

use super::{LATEST, Subcommand, open};
use crate::exit::{Exit, unusable};
use crate::output;
use crate::run::examine_read;
use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use redrill_history::RunView;
use std::path::PathBuf;

pub(super) struct Report;

#[derive(Debug, Args)]
struct Arguments {
    /// The run folder
    #[arg(default_value = LATEST)]
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
        let folder = open(&arguments.run)?;
        let view = RunView::load(&folder).map_err(|error| unusable(error.to_string()))?;
        let report = examine_read(&folder, &view)?;
        output::line(&report.headline)?;
        output::line(&format!("report: {}", folder.report().display()))?;
        Ok(report.verdict.into())
    }
}
