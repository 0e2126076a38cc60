//! `redrill toxiproxy`: the fault-injecting proxy.

use super::{Subcommand, runtime};
use crate::exit::{Exit, of_listening};
use crate::interrupt::Interrupt;
use crate::output;
use anyhow::Result;
use clap::{ArgMatches, Command, FromArgMatches};

pub(super) struct Toxiproxy;

impl Subcommand for Toxiproxy {
    fn clap(&self) -> Command {
        redrill_toxiproxy::with_manual(Command::new("toxiproxy"))
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let arguments = redrill_toxiproxy::Args::from_arg_matches(arguments)?;
        let level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| "info".to_owned());
        output::log(&level);
        let interrupt = Interrupt::install("ending")?;
        let ready = |address| output::announce(&format!("listening on http://{address}"));
        let shutdown = async move { interrupt.wait().await };
        runtime()?
            .block_on(redrill_toxiproxy::run(arguments, ready, shutdown))
            .map_err(of_listening)?;
        Ok(Exit::Pass)
    }
}
