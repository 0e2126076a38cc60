//! `redrill doctor`: is the Redis of a service fit for it?

use super::{Subcommand, runtime};
use crate::exit::{Exit, unusable};
use crate::output;
use anyhow::{Context as _, Result};
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use redrill_server::{Depth, Diagnosis, Settings, State, examine};
use std::time::Duration;

pub(super) struct Doctor;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A line a finding, and what to change below it
    Table,
    /// An array of findings
    Json,
}

#[derive(Debug, Args)]
struct Arguments {
    #[command(flatten)]
    server: redrill_server::Args,
    /// How findings are printed
    #[arg(long, value_enum, default_value = "table", help_heading = "Doctor")]
    format: Format,
    /// PINGs that the latency of a node is taken from
    #[arg(long, default_value = "200", value_name = "N", help_heading = "Doctor",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pings: u32,
    /// Keys of a database whose size is asked for, at most; takes 5 s a database at most
    #[arg(long, default_value = "10000", value_name = "N", help_heading = "Doctor",
        value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    keys: u32,
}

impl Subcommand for Doctor {
    fn clap(&self) -> Command {
        Arguments::augment_args(Command::new("doctor"))
            .about("Examine the Redis of a service and say what to change")
            .long_about(
                "Examine the Redis of a service and say what to change. The service's settings say \
                 where it is, as for `redrill serve`; nothing is changed.\n\n\
                 Exit codes: 0 all is well, 1 something has to be changed, 2 unusable settings, \
                 3 something could not be found out.",
            )
    }

    fn run(&self, arguments: &ArgMatches) -> Result<Exit> {
        let arguments = Arguments::from_arg_matches(arguments)?;
        let settings = Settings::try_from(&arguments.server).map_err(unusable)?;
        let scan = Duration::from_secs(5);
        let depth = Depth { pings: arguments.pings, keys: arguments.keys, scan };
        let found = runtime()?.block_on(examine(&settings, depth));
        match arguments.format {
            Format::Table => table(&found).iter().try_for_each(|line| output::line(line))?,
            Format::Json => {
                let json = serde_json::to_string_pretty(&found).context("findings are JSON")?;
                output::line(&json)?;
            }
        }
        Ok(verdict(&found))
    }
}

/// The worst wins; nothing examined is nothing known.
fn verdict(found: &[Diagnosis]) -> Exit {
    match found.iter().map(|finding| finding.state).max() {
        Some(State::Well) => Exit::Pass,
        Some(State::Ill) => Exit::Fail,
        Some(State::Unknown) | None => Exit::Inconclusive,
    }
}

fn table(found: &[Diagnosis]) -> Vec<String> {
    let roles = |finding: &Diagnosis| finding.roles.join(",");
    let width = |of: &dyn Fn(&Diagnosis) -> usize| found.iter().map(of).max().unwrap_or(0);
    let checks = width(&|finding| finding.check.len());
    let nodes = width(&|finding| finding.node.len());
    let names = width(&|finding| roles(finding).len());
    let mut lines = Vec::new();
    for finding in found {
        let state = match finding.state {
            State::Well => "ok",
            State::Unknown => "?",
            State::Ill => "ILL",
        };
        let Diagnosis { check, node, found, .. } = finding;
        let roles = roles(finding);
        lines.push(format!("{state:<4}{check:<checks$}  {node:<nodes$}  {roles:<names$}  {found}"));
        lines.extend(finding.advice.as_ref().map(|advice| format!("      -> {advice}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(state: State, advice: Option<&str>) -> Diagnosis {
        Diagnosis {
            check: "eviction",
            roles: vec!["main", "sessions"],
            node: "127.0.0.1:1".to_owned(),
            state,
            found: "allkeys-lru".to_owned(),
            advice: advice.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn the_worst_finding_decides_and_no_finding_is_no_pass() {
        let well = finding(State::Well, None);
        let unknown = finding(State::Unknown, None);
        let ill = finding(State::Ill, Some("change it"));
        assert_eq!(verdict(std::slice::from_ref(&well)), Exit::Pass);
        assert_eq!(verdict(&[well.clone(), unknown.clone()]), Exit::Inconclusive);
        assert_eq!(verdict(&[unknown, ill.clone(), well]), Exit::Fail);
        assert_eq!(verdict(&[]), Exit::Inconclusive);
        let lines = table(&[ill]);
        let expected =
            ["ILL eviction  127.0.0.1:1  main,sessions  allkeys-lru", "      -> change it"];
        assert_eq!(lines, expected);
    }
}
