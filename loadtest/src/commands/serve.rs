//! `redrill serve`: the reference server.

use super::{Subcommand, runtime};
use crate::exit::{Exit, of_listening, unusable};
use crate::interrupt::Interrupt;
use crate::output;
use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};

pub(super) struct Serve;

impl Subcommand for Serve {
    fn clap(&self) -> Command {
        redrill_server::Args::augment_args(Command::new("serve").about(
            "Run the reference server: cache, sessions, limits, queues and presence on Redis",
        ))
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let arguments = redrill_server::Args::from_arg_matches(arguments)?;
        let settings = redrill_server::Settings::try_from(&arguments).map_err(unusable)?;
        let level = std::env::var("REDIS_LOG_LEVEL").unwrap_or_else(|_| "info".to_owned());
        output::log(&level);
        let interrupt = Interrupt::install(
            "ending: requests and active jobs finish first (again to end at once)",
        )?;
        let ready = |address| output::line(&format!("listening on http://{address}"));
        let shutdown = async move { interrupt.wait().await };
        runtime()?
            .block_on(redrill_server::run(settings, ready, shutdown))
            .map_err(|error| of_listening(error.into()))?;
        Ok(Exit::Pass)
    }
}
