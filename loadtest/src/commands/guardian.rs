//! `redrill guardian`: started by the harness itself; ends what a killed harness leaves behind.

use super::{Subcommand, runtime};
use crate::environment::guardian;
use crate::exit::Exit;
use anyhow::{Context as _, Result};
use clap::{Arg, ArgMatches, Command, value_parser};
use std::path::PathBuf;

pub(super) struct Guardian;

impl Subcommand for Guardian {
    fn clap(&self) -> Command {
        Command::new("guardian")
            .about("End what a killed harness leaves behind (redrill starts it itself)")
            .hide(true)
            .arg(Arg::new("journal").required(true).value_parser(value_parser!(PathBuf)))
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let journal = arguments.get_one::<PathBuf>("journal").context("clap requires it")?;
        let code = runtime()?.block_on(guardian::run(journal));
        let passed = code == std::process::ExitCode::SUCCESS;
        Ok(if passed { Exit::Pass } else { Exit::Broken })
    }
}
