//! The help of the command line: a manual in one screen, with the toxics from their registry.

use std::fmt::Write as _;

use clap::{Args as _, Command};

use crate::api::VERSION;
use crate::args::Args;
use crate::toxics::KINDS;

const ABOUT: &str = "Run the fault-injecting proxy with Toxiproxy's API";

const LONG_ABOUT: &str = "\
Run the fault-injecting proxy with Toxiproxy's API.

It listens for Toxiproxy's HTTP API, so that any Toxiproxy client drives it. A proxy listens on an \
address and passes connections on to its upstream; toxics on it delay, limit, cut or lose what \
passes, on live connections too. It prints the address of its API when it is ready, and closes \
every proxy when it is interrupted. Flags may have one dash, as Toxiproxy's. LOG_LEVEL (info) \
says how much is logged.";

const EXAMPLES: &str = "\
Examples:
  redrill toxiproxy -port 8474 -seed 7
  curl localhost:8474/proxies -d '{\"name\":\"r\",\"listen\":\"localhost:7000\",\
\"upstream\":\"localhost:6379\"}'
  curl localhost:8474/proxies/r/toxics -d '{\"type\":\"latency\",\"attributes\":{\"latency\":100}}'
  curl -X DELETE localhost:8474/proxies/r/toxics/latency_downstream
  curl -X POST localhost:8474/reset

Toxics and their attributes:
";

/// `command` with the flags of [`Args`] and the manual.
pub fn with_manual(command: Command) -> Command {
    Args::augment_args(command)
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .version(VERSION)
        .after_long_help(format!("{EXAMPLES}{}", toxics()))
}

fn toxics() -> String {
    let mut told = String::new();
    for kind in KINDS {
        // Writing to a String cannot fail.
        let _ = writeln!(told, "  {}", kind.name);
        for attribute in kind.attributes {
            let _ = writeln!(told, "      {:<15} {}", attribute.name, attribute.about);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_tells_of_flags_versions_and_every_toxic() {
        let mut command = with_manual(Command::new("toxiproxy"));
        // Lines are broken to the width of the terminal.
        let help = command.render_long_help().to_string();
        let help: Vec<&str> = help.split_whitespace().collect();
        let help = help.join(" ");
        let kinds = KINDS.iter().map(|kind| kind.name);
        for word in kinds.chain(["--seed", "--config", "average_size", "curl", "one dash"]) {
            assert!(help.contains(word), "{word} is missing in {help}");
        }
        assert!(!help.contains("Args"), "{help}");
        assert_eq!(command.render_version(), format!("toxiproxy {VERSION}\n"));
    }
}
