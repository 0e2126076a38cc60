//! `redrill guardian`: started by the harness itself; ends what a killed harness leaves behind.

use super::{Subcommand, runtime};
use crate::environment::guardian;
use crate::exit::Exit;
use anyhow::Result;
use clap::{ArgMatches, Command};

pub(super) struct Guardian;

impl Subcommand for Guardian {
    fn clap(&self) -> Command {
        Command::new("guardian")
            .about("End what a killed harness leaves behind (redrill starts it itself)")
            .hide(true)
    }

    fn run(&self, _: &ArgMatches) -> Result<Exit> {
        let code = runtime()?.block_on(guardian::run());
        let passed = code == std::process::ExitCode::SUCCESS;
        Ok(if passed { Exit::Pass } else { Exit::Broken })
    }
}
