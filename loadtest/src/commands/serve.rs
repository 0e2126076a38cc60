//! `redrill serve`: the reference server.

use super::{Subcommand, http_runtime};
use crate::exit::{Exit, of_listening, unusable};
use crate::interrupt::Interrupt;
use crate::output;
use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};

const ABOUT: &str =
    "Run the reference server: cache, sessions, limits, queues and presence on Redis";
const MANUAL: &str = "Every setting is a flag and an environment variable; the flag wins. An empty \
    value is as none, but for the password of a cache or sessions role that has its own Redis. \
    Wrong ones are named all at once, and nothing is started. The service is described at \
    /openapi.json, its health is at /health and /ready, its metrics are at /metrics. SIGINT and \
    SIGTERM end it gracefully: requests and active jobs finish, sockets are told.";

pub(super) struct Serve;

impl Subcommand for Serve {
    fn clap(&self) -> Command {
        redrill_server::Args::augment_args(Command::new("serve"))
            .about(ABOUT)
            .long_about(format!("{ABOUT}.\n\n{MANUAL}"))
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let arguments = redrill_server::Args::from_arg_matches(arguments)?;
        let settings = redrill_server::Settings::try_from(&arguments).map_err(unusable)?;
        let interrupt = Interrupt::install(
            "ending: requests and active jobs finish first (again to end at once)",
        )?;
        let ready = |address| output::announce(&format!("listening on http://{address}"));
        let shutdown = async move { interrupt.wait().await };
        http_runtime()?.block_on(async {
            let telemetry = redrill_server::Telemetry::new(&settings).map_err(unusable)?;
            telemetry.install();
            let ended = redrill_server::run(settings, ready, shutdown).await;
            telemetry.flush().await;
            ended.map_err(|error| of_listening(error.into()))
        })?;
        Ok(Exit::Pass)
    }
}
