//! What a request costs the server, beside what it must cost: `make bench-server`.
//!
//! The server runs on one core; the load and Redis on another. Each route is driven in turn, and in
//! the same run two limits: a bare axum route with bodies of the same size, and the Redis commands
//! that the route was seen to send, through bare redis-rs, both at equal concurrency on the
//! server's core. Rounds alternate; what is printed are medians.
//!
//! Usage: bench [--rounds N] [--connections N] [--seconds S] [--sockets N] [--soak S] [NAME…]

mod bare;
mod clock;
mod drive;
mod monitor;
mod process;
mod report;
mod routes;
mod soak;
mod sockets;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use process::Machine;
use report::Row;

/// The cores of the server and of everything else.
const SERVER_CORE: &str = "0";
const OTHER_CORE: &str = "1";

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// Rounds whose medians are told
    #[arg(long, default_value = "3")]
    rounds: usize,
    /// Connections of the load, and tasks of the bare client
    #[arg(long, default_value = "64")]
    connections: usize,
    /// Length of a measurement in seconds
    #[arg(long, default_value = "0.7")]
    seconds: f64,
    /// Idle WebSockets whose memory is told; 0 leaves them out
    #[arg(long, default_value = "10000")]
    sockets: usize,
    /// Instead of measuring, keeps 80 % of the capacity up for so many seconds and looks for leaks
    #[arg(long)]
    soak: Option<f64>,
    /// Parts of the names of the routes to measure; all without any
    names: Vec<String>,
}

/// What the benchmark starts of itself.
#[derive(Subcommand)]
enum Role {
    /// The reference server
    Serve(Box<redrill_server::Args>),
    /// A bare axum route that reads and writes bodies of the given size
    BareAxum {
        /// Length of its answer in bytes
        length: usize,
    },
    /// The Redis commands on standard input, in JSON, over and over
    BareRedis {
        /// Port of Redis
        port: u16,
        /// Tasks that send them
        tasks: usize,
        /// For how many seconds
        seconds: f64,
    },
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match cli.role {
        Some(Role::Serve(args)) => runtime.block_on(bare::serve(&args))?,
        Some(Role::BareAxum { length }) => runtime.block_on(bare::axum(length))?,
        Some(Role::BareRedis { port, tasks, seconds }) => {
            runtime.block_on(bare::redis(port, tasks, Duration::from_secs_f64(seconds)))?;
        }
        None => {
            // The load is one thread: it has one core, and shares that with Redis.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            return runtime.block_on(async {
                match cli.soak {
                    Some(seconds) => soak::run(&cli, Duration::from_secs_f64(seconds)).await,
                    None => bench(&cli).await,
                }
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn bench(cli: &Cli) -> Result<ExitCode> {
    let machine = Machine::start(process::QUIET).await?;
    report::head(cli.connections);
    let mut rows = Vec::new();
    for case in routes::CASES {
        let wanted = |name: &String| case.name.contains(name.as_str());
        if cli.names.is_empty() || cli.names.iter().any(wanted) {
            let row = measure(cli, &machine, case).await.with_context(|| case.name)?;
            report::row(&row);
            rows.push(row);
        }
    }
    if rows.is_empty() && cli.names.iter().all(|name| name != "sockets") {
        bail!("no route has a name with one of {:?} in it", cli.names);
    }
    let memory = match cli.sockets {
        0 => None,
        count => Some((count, sockets::memory(&machine, count).await?)),
    };
    Ok(report::verdict(&rows, memory))
}

async fn measure(cli: &Cli, machine: &Machine, case: &'static routes::Case) -> Result<Row> {
    machine.flush();
    let request = routes::Request::prepare(machine.server.address, case).await?;
    let commands = monitor::commands(machine, &request).await?;
    let bare = process::Child::bare_axum(request.answer_length)?;
    let length = Duration::from_secs_f64(cli.seconds);
    let mut row = Row::new(case);
    for _ in 0..cli.rounds.max(1) {
        let (served, cpu) = machine.server.driven(&request, cli.connections, length).await?;
        row.rates.push(served.per_second());
        row.server.push(served.each(cpu));
        let (served, cpu) = bare.driven(&request, cli.connections, length).await?;
        row.axum.push(served.each(cpu));
        row.redis.push(match commands.is_empty() {
            true => 0.0,
            false => process::bare_redis(machine.port, &commands, cli.connections, length).await?,
        });
    }
    Ok(row)
}
