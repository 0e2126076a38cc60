//! A side while it runs: its environment, its service, and one block after the other.

use super::counters::Counters;
use super::given::Given;
use crate::environment::{Environment, Setup};
use crate::output;
use crate::run::{Service, World};
use anyhow::{Context as _, Result, bail};
use futures_util::future::try_join_all;
use redis::cmd;
use redrill_history::{EnvironmentFacts, EventLog, ProcessFacts, Sample, SampleLog, SegmentPlan};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a node may take to forget everything.
const RESET_WITHIN: Duration = Duration::from_secs(5);
/// How long a service that runs may take to accept a connection.
const LISTENS_WITHIN: Duration = Duration::from_secs(5);
/// More than a block uses, so that the blocks of a pair use the same numbers and no two pairs do.
const NUMBERS_A_PAIR: u64 = 1 << 24;

/// Starts a fresh Redis for each side that redrill starts; `start` counts the starts. Each keeps
/// its logs, events and samples in a folder of its own: the run's events are those of the load.
pub(super) async fn environments(
    world: &World<'_>,
    given: &[(&'static str, &Given)],
    start: usize,
) -> Result<Vec<Option<Environment>>> {
    let each = given.iter().map(|(name, given)| async move {
        if !given.is_started() {
            return Ok(None);
        }
        let logs = world.stage.folder.logs().join(format!("{name}-{start}"));
        std::fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
        let setup = Setup {
            plan: &world.plan.resolved.environment,
            supply: world.supply.clone(),
            redrill: &world.settings.program,
            logs: &logs,
            clock: world.stage.clock,
            events: EventLog::create(&logs.join("events.ndjson"))?,
            samples: SampleLog::create(&logs.join("samples.ndjson"))?,
            watched: false,
        };
        let environment = Environment::start(setup).await;
        environment.map(Some).with_context(|| format!("the environment of the {name}"))
    });
    try_join_all(each).await
}

/// Ends them all, also when one does not end cleanly.
pub(super) async fn stop(environments: Vec<Option<Environment>>) -> Result<()> {
    let mut ended = Ok(());
    for environment in environments.into_iter().flatten() {
        let stopped = environment.stop().await.context("an environment did not end cleanly");
        ended = ended.and(stopped);
    }
    ended
}

/// The machine, and the processes of all starts.
pub(super) fn facts(world: &World<'_>, processes: Vec<ProcessFacts>) -> EnvironmentFacts {
    let machine = Environment::machine(world.stage.clock, world.supply.version());
    EnvironmentFacts { processes, ..machine }
}

/// A side that was started.
pub(super) struct Side<'a> {
    pub(super) name: &'static str,
    world: &'a World<'a>,
    environment: Option<&'a Environment>,
    service: Service<'a>,
    counters: Option<Counters>,
}

impl<'a> Side<'a> {
    /// Starts the service, or finds the one that runs.
    pub(super) async fn start(
        world: &'a World<'a>,
        name: &'static str,
        given: &'a Given,
        environment: Option<&'a Environment>,
    ) -> Result<Self> {
        let service = match (given, environment) {
            (Given::Running { address, target, .. }, _) => {
                listens(address).await?;
                Service::at(world, vec![address.clone()], target).await?
            }
            (Given::Started { target, .. }, Some(environment)) => {
                Service::start(world, environment, target).await?
            }
            (Given::Started { .. }, None) => bail!("it has no environment"),
        };
        let counters = match environment {
            Some(environment) => Some(Counters::of(environment)?),
            None => None,
        };
        Ok(Self { name, world, environment, service, counters })
    }

    /// Empties the side's Redis and runs a block; its discarded part fills it again.
    pub(super) async fn block(&mut self, segment: &SegmentPlan, pair: u16) -> Result<()> {
        for group in self.environment.iter().flat_map(|environment| environment.groups()) {
            for master in group.first_masters() {
                forget(master.direct).await?;
            }
        }
        self.service.number_from(u64::from(pair) * NUMBERS_A_PAIR);
        let counters = &mut self.counters;
        let (world, name) = (self.world, self.name);
        let read_both = async |start_ns: u64| -> Result<()> {
            let Some(counters) = counters else { return Ok(()) };
            for after in [segment.discard, segment.duration] {
                let after_ns = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
                let due = world.stage.clock.instant(start_ns.saturating_add(after_ns));
                tokio::time::sleep_until(due.into()).await;
                // A side that no longer answers is told from its death, below.
                let Ok(values) = counters.read().await else { return Ok(()) };
                let (at_ns, source) = (world.stage.clock.now_ns(), name.to_owned());
                world.stage.samples.append(&Sample { at_ns, source, values })?;
            }
            Ok(())
        };
        self.service.load_beside(segment, read_both).await?;
        self.lives(segment.number).await
    }

    /// An instance or a Redis that ended in the middle is no measure of anything.
    async fn lives(&self, block: u16) -> Result<()> {
        let Some(environment) = self.environment else { return Ok(()) };
        match environment.ended() {
            None => Ok(()),
            Some(process) => {
                // For the terminal: a report has its sentence, and the run folder the whole log.
                output::note(&environment.last_words(&process));
                let status = environment.process(&process)?.ended().await;
                let how = status.map(|status| format!(" ({status})")).unwrap_or_default();
                bail!(
                    "{process} of the {} ended in block {}{how}; see its log under {}",
                    self.name,
                    block + 1,
                    self.world.stage.folder.logs().display()
                )
            }
        }
    }
}

/// Whether anybody listens there: without, every request would be an error of the side.
async fn listens(address: &str) -> Result<()> {
    let connected = timeout(LISTENS_WITHIN, TcpStream::connect(address)).await;
    let connected = connected.map_err(anyhow::Error::from).and_then(|done| Ok(done?));
    connected.map(drop).with_context(|| format!("nobody listens on {address}"))
}

/// Empties a Redis that this harness started.
async fn forget(node: SocketAddr) -> Result<()> {
    let answer = crate::environment::ask::<String>(node, &cmd("FLUSHALL"), RESET_WITHIN).await;
    answer.map(drop).context("the side's Redis could not be emptied")
}
