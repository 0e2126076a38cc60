//! Starting the environment.

use super::backend::Supply;
use super::docker::{Containers, Docker};
use super::group::{Ground, Group};
use super::journal::{Guardian, temporary};
use super::observer::Observer;
use super::outside::Outside;
use super::processes::{Processes, record};
use super::proxies::Proxies;
use super::topology::check;
use super::{Environment, ready, source};
use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use redrill_history::clock::RunClock;
use redrill_history::{EnvironmentPlan, EventKind, EventLog, SampleLog};
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What an environment is started from.
pub struct Setup<'a> {
    /// What it is to be.
    pub plan: &'a EnvironmentPlan,
    /// What it is made of; see [`super::Backend::find`].
    pub supply: Supply,
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

impl Environment {
    /// Starts the guardian, the proxies, the nodes and the Sentinels, and waits until the
    /// environment is ready, which it records.
    ///
    /// # Errors
    /// What could not be started, or was missing after 20 s. Nothing is left then either.
    pub async fn start(setup: Setup<'_>) -> Result<Self> {
        let Setup { plan, supply, redrill, logs, clock, events, samples, watched } = setup;
        check(plan)?;
        let began_ns = clock.now_ns();
        let guardian = Guardian::start(redrill, logs).await?;
        let folder = guardian.owns(temporary()?).await?;
        let containers = match &supply {
            Supply::Program(redis) if redis.image.is_some() => {
                let docker = Docker::connect().await.context("the containers' daemon")?;
                Some(Containers::new(docker, guardian.journal(), &folder))
            }
            _ => None,
        };
        let processes = Processes::new(&guardian, containers, logs, clock, events.clone());
        let processes = Arc::new(processes);
        let mut outside = None;
        let (groups, proxies) = match &supply {
            Supply::Program(redis) => {
                let proxies = Proxies::start(&processes, redrill).await?;
                let (processes, folder) = (&processes, folder.as_path());
                let ground = Ground { redis, processes, proxies: &proxies, folder };
                (begin(plan, &ground).await?, proxies)
            }
            Supply::Adopted(survey) => {
                outside = Some(Outside::enter(survey.as_ref().clone(), &guardian).await?);
                (survey.groups.clone(), Proxies::of(survey.client.clone()))
            }
        };
        let seen: &[Group] = if watched { &groups } else { &[] };
        let observer = Observer::start(seen, &processes, clock, &events, &samples)?;
        ready::wait(&groups).await?;
        let ready_ns = clock.now_ns();
        record(&events, ready_ns, EventKind::EnvironmentReady);
        let ready_after = Duration::from_nanos(ready_ns - began_ns);
        Ok(Self {
            plan: plan.clone(),
            groups,
            supply,
            clock,
            ready_after,
            observer,
            proxies,
            processes,
            guardian,
            outside,
            folder,
        })
    }
}

/// Starts the groups of a plan.
async fn begin(plan: &EnvironmentPlan, ground: &Ground<'_>) -> Result<Vec<Group>> {
    for (role, _) in plan.groups() {
        has_source(source(role, "node", 0))?;
    }
    let place = plan.groups().map(|(role, group)| Group::place(role, group, ground));
    let mut groups = try_join_all(place).await?;
    try_join_all(groups.iter_mut().map(|group| group.start(ground))).await?;
    Ok(groups)
}

/// Whether the system has the source addresses: Linux has all of 127.0.0.0/8.
fn has_source(address: IpAddr) -> Result<()> {
    TcpListener::bind((address, 0)).map(drop).with_context(|| {
        format!(
            "this system does not have the loopback address {address}, by which a process is \
             told from another; add it and those after it as aliases (ifconfig lo0 alias \
             {address})"
        )
    })
}
