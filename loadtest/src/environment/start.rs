//! Starting the environment.

use super::journal::Guardian;
use super::member::{Member, Part};
use super::observer::Observer;
use super::processes::{Processes, record};
use super::proxies::Proxies;
use super::redis_binary::RedisBinary;
use super::{Environment, ready, source};
use crate::exit::unusable;
use anyhow::{Context, Result, bail, ensure};
use futures_util::future::try_join_all;
use redrill_history::clock::RunClock;
use redrill_history::{EnvironmentPlan, EventKind, EventLog, SampleLog};
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The most replicas and the most Sentinels: each has a source address of its own.
const MOST: u8 = 30;

/// What an environment is started from.
pub struct Setup<'a> {
    /// What it is to be.
    pub plan: &'a EnvironmentPlan,
    /// The Redis server; see [`RedisBinary::find`].
    pub redis: RedisBinary,
    /// The `redrill` executable, whose subcommands `guardian` and `toxiproxy` are started.
    pub redrill: &'a Path,
    /// The run folder's logs.
    pub logs: &'a Path,
    /// The run's clock.
    pub clock: RunClock,
    /// Where role changes, Sentinel messages and processes are recorded.
    pub events: EventLog,
    /// Where the gauges are recorded.
    pub samples: SampleLog,
    /// Whether the nodes and Sentinels are asked while the run lasts. Asking costs them commands
    /// and bytes, which a comparison of both must not find.
    pub watched: bool,
}

/// The topologies, the first the default: their name, and whether they have Sentinels.
pub const TOPOLOGIES: &[(&str, bool)] = &[("sentinel", true), ("standalone", false)];

/// Whether a plan's environment can be started; part of checking a plan.
///
/// # Errors
/// A backend or topology that does not exist, or numbers that do not fit.
pub fn check(plan: &EnvironmentPlan) -> Result<()> {
    ensure!(
        plan.backend == "processes",
        "there is no backend \"{}\"; there is \"processes\"",
        plan.backend
    );
    let Some((_, has_sentinels)) = TOPOLOGIES.iter().find(|(name, _)| *name == plan.topology)
    else {
        let names: Vec<&str> = TOPOLOGIES.iter().map(|(name, _)| *name).collect();
        bail!("there is no topology \"{}\"; there are {}", plan.topology, names.join(", "))
    };
    if !has_sentinels {
        ensure!(
            (plan.replicas, plan.sentinels, plan.quorum) == (0, 0, 0),
            "a standalone Redis has no replicas, no sentinels and no quorum"
        );
        return Ok(());
    }
    ensure!((1..=MOST).contains(&plan.replicas), "replicas must be from 1 to {MOST}");
    ensure!((1..=MOST).contains(&plan.sentinels), "sentinels must be from 1 to {MOST}");
    ensure!(
        (1..=plan.sentinels).contains(&plan.quorum),
        "quorum must be from 1 to the number of sentinels, {}",
        plan.sentinels
    );
    let least = Duration::from_millis(1);
    ensure!(plan.down_after >= least, "down_after must be at least 1ms");
    ensure!(plan.failover_timeout >= least, "failover_timeout must be at least 1ms");
    Ok(())
}

impl Environment {
    /// Starts the guardian, the proxies, the nodes and the Sentinels, and waits until the
    /// environment is ready, which it records.
    ///
    /// # Errors
    /// What could not be started, or was missing after 20 s. Nothing is left then either.
    pub async fn start(setup: Setup<'_>) -> Result<Self> {
        let Setup { plan, redis, redrill, logs, clock, events, samples, watched } = setup;
        check(plan)?;
        has_source(source("node", 0))?;
        let began_ns = clock.now_ns();
        let guardian = Guardian::start(redrill, &logs.join("guardian.log")).await?;
        let folder = tempfile::Builder::new().prefix("redrill-").tempdir().map_err(|error| {
            let place = std::env::temp_dir();
            let place = place.display();
            unusable(format!("no folder can be made in {place}: {error}; set TMPDIR to another"))
        })?;
        guardian.owns_folder(folder.path()).await?;
        // From here on the guardian removes it.
        let folder = folder.keep();
        let processes = Processes::new(guardian.group(), logs, clock, events.clone());
        let processes = Arc::new(processes);
        let proxies = Proxies::start(&processes, redrill).await?;
        let mut nodes = place("node", plan.replicas + 1, &folder, &proxies).await?;
        let mut sentinels = place("sentinel", plan.sentinels, &folder, &proxies).await?;
        let master = nodes[0].announced;
        let (first, replicas) = nodes.split_at_mut(1);
        let begin = async |members: &mut [Member], part: Part<'_>| {
            let each =
                members.iter_mut().map(|member| member.start(part, &redis, &processes, &proxies));
            try_join_all(each).await
        };
        begin(first, Part::Node(None)).await?;
        begin(replicas, Part::Node(Some(master))).await?;
        ready::wait_for_replicas(&nodes).await?;
        begin(&mut sentinels, Part::Sentinel(master, plan)).await?;
        let seen: [&[Member]; 2] = if watched { [&nodes, &sentinels] } else { [&[], &[]] };
        let observer = Observer::start(seen, &processes, clock, &events, &samples)?;
        ready::wait(&nodes, &sentinels).await?;
        let ready_ns = clock.now_ns();
        record(&events, ready_ns, EventKind::EnvironmentReady);
        let ready_after = Duration::from_nanos(ready_ns - began_ns);
        Ok(Self {
            nodes,
            sentinels,
            redis,
            clock,
            ready_after,
            observer,
            proxies,
            processes,
            guardian,
            folder,
        })
    }
}

async fn place(kind: &str, count: u8, folder: &Path, proxies: &Proxies) -> Result<Vec<Member>> {
    let place = |index| Member::place(kind, index, source(kind, index), folder, proxies);
    try_join_all((0..count).map(place)).await
}

/// Whether the system has the source addresses: Linux has all of 127.0.0.0/8.
fn has_source(address: IpAddr) -> Result<()> {
    TcpListener::bind((address, 0)).map(drop).with_context(|| {
        format!(
            "this system does not have the loopback address {address}, by which a process is \
             told from another; add 127.0.0.11 and on as aliases (ifconfig lo0 alias {address})"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrill_history::ResolvedPlan;

    #[test]
    fn a_plan_that_cannot_be_started_is_refused() {
        let good = ResolvedPlan::example().environment;
        check(&good).unwrap();
        let told = |plan: EnvironmentPlan| check(&plan).unwrap_err().to_string();
        let docker = EnvironmentPlan { backend: "dokcer".to_owned(), ..good.clone() };
        assert!(told(docker).contains("\"dokcer\""));
        let quorum = EnvironmentPlan { quorum: 4, ..good.clone() };
        assert!(told(quorum).contains("quorum"));
        let alone = EnvironmentPlan { replicas: 0, ..good.clone() };
        assert!(told(alone).contains("replicas"));
        let standalone = EnvironmentPlan { topology: "standalone".to_owned(), ..good };
        assert!(told(standalone.clone()).contains("no replicas"));
        check(&EnvironmentPlan { replicas: 0, sentinels: 0, quorum: 0, ..standalone }).unwrap();
    }
}
