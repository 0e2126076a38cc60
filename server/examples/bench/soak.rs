//! Load at 80 % of the capacity for a long time, with everything that lives short, and then a look
//! at what is left: memory, connections, keys and tasks must be what they were.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::FutureExt as _;
use tokio_tungstenite::connect_async;

use crate::drive::Connection;
use crate::process::Machine;
use crate::routes::{CASES, Request};
use crate::{Cli, clock, report};

/// Part of the capacity that is asked for.
const SHARE: f64 = 0.8;
/// What lives, lives this long in Redis.
const SHORT: Duration = Duration::from_secs(2);
/// For how long the mix is driven as fast as it is answered, to see how fast that is.
const SEARCHED: Duration = Duration::from_secs(10);
/// Between two samples there are this many in a run.
const SAMPLES: u32 = 40;
/// Keys that may be left: what is kept of finished jobs, two queues' own, the statistics.
const KEPT: u64 = 60;

const FLAGS: &[&str] = &[
    "--cache-ttl-seconds=2",
    "--session-ttl-seconds=2",
    "--presence-ttl-seconds=2",
    "--rate-limit-max-requests=1000000",
    "--rate-limit-window-ms=1000",
    "--rate-limit-llm-max-requests=1000000",
    "--rate-limit-llm-window-ms=1000",
    "--rate-limit-burst-max-requests=1000000",
    "--queue-llm-concurrency=100",
    "--redis-metrics-interval-ms=1000",
    // The id of a job that is trimmed is remembered for twice this time.
    "--redis-command-timeout=1000",
    "--redis-log-level=warn",
];

/// The routes that are driven in turn by each connection; sessions end too soon to be written to.
const MIX: &[&str] = &[
    "cache hit",
    "cache miss",
    "session login",
    "limited",
    "job submit",
    "presence list",
    "cache stats",
    "health",
];

/// What there is at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) memory: u64,
    pub(crate) connections: u64,
    pub(crate) keys: u64,
    pub(crate) tasks: u64,
}

/// What a soak did, and what there was before, during and after it.
pub(crate) struct Soaked {
    /// Requests a second that were asked for.
    pub(crate) rate: f64,
    pub(crate) length: Duration,
    pub(crate) answered: u64,
    pub(crate) visitors: u64,
    pub(crate) before: Sample,
    pub(crate) samples: Vec<Sample>,
    pub(crate) after: Sample,
    /// Keys that may be left.
    pub(crate) kept: u64,
}

pub(crate) async fn run(cli: &Cli, length: Duration) -> Result<ExitCode> {
    let machine = Machine::start(FLAGS).await?;
    let mut requests = Vec::new();
    for case in CASES.iter().filter(|case| MIX.contains(&case.name)) {
        requests.push(Request::prepare(machine.server.address, case).await?);
    }
    let connections = u32::try_from(cli.connections.max(1))?;
    let load = Load { machine: &machine, requests: &requests, connections };
    let (answered, _) = load.drive(Duration::ZERO, tokio::time::sleep(SEARCHED).map(Ok)).await?;
    #[allow(clippy::cast_precision_loss)]
    let capacity = answered as f64 / SEARCHED.as_secs_f64();
    settle().await;
    let before = sample(&machine).await?;
    let rate = capacity * SHARE;
    report::soak_head(capacity, rate, length);
    let mut samples = Vec::new();
    let watch = async {
        for _ in 0..SAMPLES {
            tokio::time::sleep(length / SAMPLES).await;
            samples.push(sample(&machine).await?);
        }
        anyhow::Ok(())
    };
    let pause = Duration::from_secs_f64(f64::from(connections) / rate);
    let (answered, visitors) = load.drive(pause, watch).await?;
    settle().await;
    let after = sample(&machine).await?;
    let kept = KEPT;
    let soaked = Soaked { rate, length, answered, visitors, before, samples, after, kept };
    Ok(report::soak(&soaked))
}

/// The mix, with the visitors beside it and the jobs that it leaves to be run.
struct Load<'a> {
    machine: &'a Machine,
    requests: &'a [Request],
    connections: u32,
}

impl Load<'_> {
    /// Until `end`: a request on each connection every `pause`, or as fast as they are answered.
    /// Gives how many there were, and how many visitors.
    async fn drive(
        &self,
        pause: Duration,
        end: impl Future<Output = Result<()>>,
    ) -> Result<(u64, u64)> {
        let ended = AtomicBool::new(false);
        let until = async {
            let result = end.await;
            ended.store(true, Ordering::Relaxed);
            result
        };
        let paced = (0..self.connections as usize)
            .map(|number| pace(self.machine, self.requests, number, pause, &ended));
        let visits = visit(self.machine, &ended);
        let (counts, (), visitors) =
            tokio::try_join!(futures_util::future::try_join_all(paced), until, visits)?;
        Ok((counts.iter().sum(), visitors))
    }
}

/// What lives short is gone by then, and what was queued has run.
async fn settle() {
    tokio::time::sleep(3 * SHORT).await;
}

/// Asks in turn, at the rate that the pause gives, however late the last answer was.
async fn pace(
    machine: &Machine,
    requests: &[Request],
    number: usize,
    pause: Duration,
    ended: &AtomicBool,
) -> Result<u64> {
    let mut connection = Connection::open(machine.server.address).await?;
    let (mut next, mut count) = (clock::now(), 0);
    while !ended.load(Ordering::Relaxed) {
        for request in requests {
            next += pause;
            tokio::time::sleep_until(next.into()).await;
            connection.ask_anew(request, number).await?;
            count += 1;
        }
    }
    Ok(count)
}

/// Opens a socket, comes online, and goes, over and over.
async fn visit(machine: &Machine, ended: &AtomicBool) -> Result<u64> {
    use futures_util::{SinkExt as _, StreamExt as _};
    let url = format!("ws://{}/ws", machine.server.address);
    let mut count = 0;
    while !ended.load(Ordering::Relaxed) {
        let (mut socket, _) = connect_async(&url).await.context("a WebSocket")?;
        let frame = format!(r#"{{"event":"user:online","data":{{"userId":"u{count}"}},"id":1}}"#);
        socket.send(frame.into()).await?;
        socket.next().await.context("an acknowledgement")??;
        socket.close(None).await?;
        count += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(count)
}

async fn sample(machine: &Machine) -> Result<Sample> {
    let mut connection = Connection::open(machine.server.address).await?;
    let text = connection.ask(&Request::get("/metrics")).await?.body();
    let line = text.lines().find_map(|line| line.strip_prefix("process_tasks{} "));
    let tasks = line.context("no process_tasks in /metrics")?.parse()?;
    Ok(Sample {
        memory: machine.server.memory()?,
        connections: machine.info("clients", "connected_clients")?,
        keys: ["db0", "db1", "db2"].iter().map(|db| machine.keys(db)).sum::<Result<u64>>()?,
        tasks,
    })
}
