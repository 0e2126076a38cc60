//! What a failover of the Sentinel group costs the reference server, by mode of its Redis layer.
//!
//! Each failover has an environment of its own, in which one instance a mode takes jobs, a hundred
//! a second; so that all modes meet the same failover. Measured are the first job that the promoted
//! node has acknowledged, after the role changed there and after the first Sentinel said so, and
//! the acknowledged jobs that it does not have in the end.
//!
//! `bench-failover [--kill N] [--pause N] [--failover N] [--cut N] [--results FILE] [--table]`

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod failover;
mod service;
mod table;
mod watch;

use anyhow::{Context, Result};
use clap::Parser;
use failover::Fault;
use std::io::Write as _;
use std::path::PathBuf;

#[derive(Parser)]
struct Args {
    /// Failovers by SIGKILL of the master.
    #[arg(long, default_value_t = 20)]
    kill: u32,
    /// By SIGSTOP.
    #[arg(long, default_value_t = 10)]
    pause: u32,
    /// On command.
    #[arg(long, default_value_t = 10)]
    failover: u32,
    /// By cutting the master off from everybody.
    #[arg(long, default_value_t = 10)]
    cut: u32,
    /// Where results are added, a line each.
    #[arg(long, default_value = "target/bench-failover.ndjson")]
    results: PathBuf,
    /// Only print the table of what is in there.
    #[arg(long)]
    table: bool,
    /// The redrill executable.
    #[arg(long, default_value = "target/debug/redrill")]
    redrill: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    if !args.table {
        let rounds = rounds(&args);
        for (number, fault) in rounds.iter().enumerate() {
            let run = || runtime.block_on(failover::run(&args.redrill, *fault));
            let costs = loop {
                let costs = run().with_context(|| format!("failover {}: {fault:?}", number + 1))?;
                match costs {
                    Some(costs) => break costs,
                    None => eprintln!("a second failover came after {fault:?}: again"),
                }
            };
            eprintln!("{} of {}: {fault:?} {costs:?}", number + 1, rounds.len());
            let file = std::fs::File::options().create(true).append(true).open(&args.results);
            let mut file = file.with_context(|| args.results.display().to_string())?;
            for cost in costs {
                writeln!(file, "{}", serde_json::to_string(&cost)?)?;
            }
        }
    }
    let text = std::fs::read_to_string(&args.results)
        .with_context(|| format!("{}: run failovers first", args.results.display()))?;
    let costs = text.lines().map(serde_json::from_str).collect::<Result<Vec<_>, _>>()?;
    print!("{}", table::table(&costs));
    Ok(())
}

/// The kinds in turn, so that a machine that changes meets all of them alike.
fn rounds(args: &Args) -> Vec<Fault> {
    let mut left = [
        (Fault::Kill, args.kill),
        (Fault::Pause, args.pause),
        (Fault::Failover, args.failover),
        (Fault::Cut, args.cut),
    ];
    let mut rounds = Vec::new();
    while left.iter().any(|(_, count)| *count > 0) {
        for (fault, count) in left.iter_mut().filter(|(_, count)| *count > 0) {
            rounds.push(*fault);
            *count -= 1;
        }
    }
    rounds
}
