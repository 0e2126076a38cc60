//! The commands: one file each, listed here once.

mod capacity;
mod doctor;
mod drill;
mod gate;
mod guardian;
mod heal;
mod history;
mod list;
mod load;
mod plan;
mod recording;
mod report;
mod serve;
mod toxiproxy;

use crate::exit::{Exit, unusable};
use crate::output;
use anyhow::{Context as _, Result};
use clap::error::ErrorKind;
use clap::{ArgMatches, Command};
use redrill_history::RunFolder;
use std::ffi::OsString;
use std::path::Path;

/// The link to the last run.
const LATEST: &str = "runs/latest";

/// A command of `redrill`.
trait Subcommand: Sync {
    /// Its name, help and arguments.
    fn clap(&self) -> Command;
    /// Does it.
    fn run(&self, arguments: &ArgMatches) -> Result<Exit>;
}

/// Every command, in the order in which `redrill --help` lists them.
const COMMANDS: &[&dyn Subcommand] = &[
    &drill::Drill,
    &load::Load,
    &capacity::Capacity,
    &gate::Gate,
    &report::Report,
    &heal::Heal,
    &history::History,
    &plan::Plan,
    &list::List,
    &serve::Serve,
    &doctor::Doctor,
    &toxiproxy::Toxiproxy,
    &guardian::Guardian,
];

/// The whole command line.
fn clap() -> Command {
    Command::new("redrill")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Load tests and failure drills for services that live on Redis")
        .after_help(
            "Exit codes: 0 pass, 1 fail, 2 unusable input or something missing, 3 inconclusive or \
             interrupted, 4 redrill itself failed.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(COMMANDS.iter().map(|command| command.clap()))
}

/// Reads the command line and runs the command.
///
/// # Errors
/// What the command could not do.
pub fn dispatch(arguments: Vec<OsString>) -> Result<Exit> {
    // Toxiproxy's own flags have one dash.
    let arguments = match arguments.get(1).is_some_and(|name| name == "toxiproxy") {
        true => redrill_toxiproxy::with_two_dashes(arguments),
        false => arguments,
    };
    let matches = match clap().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let printed = error.print();
            if asked {
                output::printed(printed)?;
            }
            return Ok(if asked { Exit::Pass } else { Exit::Unusable });
        }
    };
    let (name, arguments) = matches.subcommand().context("clap requires a command")?;
    let named = |command: &&&dyn Subcommand| command.clap().get_name() == name;
    COMMANDS.iter().find(named).context("clap knows only these commands")?.run(arguments)
}

/// The folder of an earlier run; says which of its many absences it is.
fn open(run: &Path) -> Result<RunFolder> {
    if run.exists() {
        return RunFolder::open(run).map_err(|error| unusable(error.to_string()));
    }
    let shown = run.display();
    let next = "give the folder that a run printed";
    Err(unusable(match run.read_link() {
        Ok(gone) => format!("{shown} names the run {}, which is gone; {next}", gone.display()),
        Err(_) if run == Path::new(LATEST) => {
            format!(
                "there is no run yet: {shown} does not exist here; make one with 'redrill drill', \
                 or {next}"
            )
        }
        Err(_) => format!("there is no run folder {shown}; {next}, or {LATEST}"),
    }))
}

/// A runtime for a command that awaits.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// A runtime for a command that asks others over HTTP.
///
/// # Errors
/// [`crate::exit::Unusable`]: no HTTP client can be made on this machine.
fn http_runtime() -> Result<tokio::runtime::Runtime> {
    // Only http:// is asked, but the clients bring TLS with them and read its roots at once.
    reqwest::Client::builder().no_proxy().build().map_err(|error| {
        let why = std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
        unusable(format!(
            "no HTTP client can be made: {why}; install the system's CA certificates (Debian's \
             package is ca-certificates), or name a file of them in SSL_CERT_FILE"
        ))
    })?;
    runtime()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_command_line_is_consistent_and_every_command_is_explained() {
        clap().debug_assert();
        let mut abouts = BTreeMap::new();
        for command in COMMANDS {
            let command = command.clap();
            let about = command.get_about().expect("an about").to_string();
            if let Some(other) = abouts.insert(about.clone(), command.get_name().to_owned()) {
                panic!("{other} and {} are both about: {about}", command.get_name());
            }
        }
    }
}
