//! The proxy alone, without the rest of redrill: `cargo run -p redrill-toxiproxy --example serve`.
//! It takes Toxiproxy's flags and prints the address of its API.

use clap::Parser;
use redrill_toxiproxy::{Args, run, with_two_dashes};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

#[tokio::main]
#[allow(clippy::print_stdout)]
async fn main() -> anyhow::Result<()> {
    let interrupted = async {
        // Without a handler the process ends as well, only less gracefully.
        let _ = tokio::signal::ctrl_c().await;
    };
    let cli = Cli::parse_from(with_two_dashes(std::env::args_os()));
    run(cli.args, |address| println!("{address}"), interrupted).await
}
