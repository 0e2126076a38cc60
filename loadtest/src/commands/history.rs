//! `redrill history`: a run's history as text, for other tools.

use super::{LATEST, Subcommand, open};
use crate::exit::{Exit, unusable};
use crate::output;
use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use redrill_history::{Format, RunView, export};
use std::io::{self, BufWriter};
use std::path::PathBuf;

pub(super) struct History;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Text {
    /// One JSON object a line
    Ndjson,
    /// A header line, then one line an operation
    Csv,
}

#[derive(Debug, Args)]
struct Arguments {
    /// The run folder
    #[arg(default_value = LATEST)]
    run: PathBuf,
    /// The text format
    #[arg(long, value_enum, default_value = "ndjson")]
    format: Text,
}

impl Subcommand for History {
    fn clap(&self) -> Command {
        Arguments::augment_args(
            Command::new("history").about("Print every operation and effect of a run"),
        )
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let arguments = Arguments::from_arg_matches(arguments)?;
        let folder = open(&arguments.run)?;
        let view = RunView::load(&folder).map_err(|error| unusable(error.to_string()))?;
        let format = match arguments.format {
            Text::Ndjson => Format::Ndjson,
            Text::Csv => Format::Csv,
        };
        output::printed(export(&view, format, &mut BufWriter::new(io::stdout().lock())))?;
        if view.altered.is_empty() {
            return Ok(Exit::Pass);
        }
        output::note(&format!("this run was altered: {}", view.altered.join("; ")));
        Ok(Exit::Inconclusive)
    }
}
