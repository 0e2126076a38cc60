//! Every process of the environment and the target, by name.

use super::docker::Containers;
use super::journal::{Guardian, Journal};
use super::mark;
use super::process::{Process, ProcessSpec};
use anyhow::{Context, Result, ensure};
use redrill_history::clock::RunClock;
use redrill_history::{EventKind, EventLog, ProcessFacts, process_kind};
use rustix::process::{Pid, Signal};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// The started processes; one that ended stays known, so that it can be started again.
#[derive(Debug)]
pub(super) struct Processes {
    group: Pid,
    journal: Journal,
    mark: String,
    logs: PathBuf,
    clock: RunClock,
    events: EventLog,
    containers: Option<Containers>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_name: BTreeMap<String, (ProcessSpec, Arc<Process>)>,
    starting: BTreeSet<String>,
    facts: Vec<ProcessFacts>,
}

impl Processes {
    /// None yet; those to come join the guardian's group and log to `<logs>/<name>.log`.
    pub(super) fn new(
        guardian: &Guardian,
        containers: Option<Containers>,
        logs: &Path,
        clock: RunClock,
        events: EventLog,
    ) -> Self {
        Self {
            group: guardian.group(),
            journal: guardian.journal(),
            mark: guardian.mark().to_owned(),
            logs: logs.to_owned(),
            clock,
            events,
            containers,
            known: Mutex::default(),
        }
    }

    /// Starts a process, or starts it again.
    pub(super) async fn start(&self, spec: ProcessSpec) -> Result<Arc<Process>> {
        let _turn = Turn::begin(self, &spec.name)?;
        let down = EventKind::ProcessDown { process: spec.name.clone() };
        let (clock, events) = (self.clock, self.events.clone());
        let on_end = move || record(&events, clock.now_ns(), down);
        let log = self.log(&spec.name);
        let process = match &spec.image {
            None => self.spawn(&spec, &log, on_end).await?,
            Some(image) => {
                let containers = self.containers.as_ref();
                let containers = containers.context("this environment has no containers")?;
                containers.run(&spec, image, &log, on_end).await?
            }
        };
        let process = Arc::new(process);
        let up = EventKind::ProcessUp { process: spec.name.clone(), pid: process.pid() };
        record(&self.events, self.clock.now_ns(), up);
        let mut known = self.known();
        known.facts.push(ProcessFacts {
            name: spec.name.clone(),
            pid: process.pid(),
            address: spec.address.to_string(),
            announced: spec.announced.map(|address| address.to_string()),
            source: spec.source.map(|source| source.to_string()),
        });
        known.by_name.insert(spec.name.clone(), (spec, Arc::clone(&process)));
        Ok(process)
    }

    /// Starts a child process that bears the run's mark, and writes down which it is.
    async fn spawn(
        &self,
        spec: &ProcessSpec,
        log: &Path,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Result<Process> {
        let marked = (mark::VARIABLE, self.mark.as_str());
        let process = Process::spawn(spec, marked, self.group, log, on_end)?;
        if let Err(error) = self.journal.process(process.pid()).await {
            // Nobody would end it later; an error says that it has ended.
            let _ = process.signal(Signal::KILL).await;
            return Err(error);
        }
        Ok(process)
    }

    /// Starts a process that has ended as it was started before.
    pub(super) async fn start_again(&self, name: &str) -> Result<Arc<Process>> {
        self.start(self.spec(name)?).await
    }

    /// What is left of containers, by name; nothing where there were none.
    pub(super) async fn containers_left(&self) -> Result<Vec<String>> {
        match &self.containers {
            Some(containers) => containers.left().await,
            None => Ok(Vec::new()),
        }
    }

    /// How a process was started.
    pub(super) fn spec(&self, name: &str) -> Result<ProcessSpec> {
        let known = self.known();
        let known = known.by_name.get(name).map(|(spec, _)| spec.clone());
        known.with_context(|| format!("there is no process {name}"))
    }

    /// The process, running or not.
    pub(super) fn get(&self, name: &str) -> Result<Arc<Process>> {
        let known = self.known();
        let known = known.by_name.get(name).map(|(_, process)| Arc::clone(process));
        known.with_context(|| format!("there is no process {name}"))
    }

    /// The processes that run, with their ids.
    pub(super) fn running(&self) -> Vec<(String, u32)> {
        let known = self.known();
        let running = known.by_name.iter().filter(|(_, (_, process))| process.is_running());
        running.map(|(name, (_, process))| (name.clone(), process.pid())).collect()
    }

    /// Every process that was started, in order.
    pub(super) fn facts(&self) -> Vec<ProcessFacts> {
        self.known().facts.clone()
    }

    /// Asks a process to end, and ends it if it has not after `grace`.
    pub(super) async fn stop(&self, name: &str, grace: Duration) -> Result<()> {
        let process = self.get(name)?;
        process.signal(Signal::TERM).await?;
        if timeout(grace, process.ended()).await.is_err() {
            process.signal(Signal::KILL).await?;
            process.ended().await;
        }
        Ok(())
    }

    /// Kills the processes of a kind, and waits for their end.
    pub(super) async fn kill_all(&self, kind: &str) {
        let names: Vec<String> = self.running().into_iter().map(|(name, _)| name).collect();
        for name in names.iter().filter(|name| process_kind(name) == kind) {
            // An error says that it has ended meanwhile.
            if let Ok(process) = self.get(name)
                && process.signal(Signal::KILL).await.is_ok()
            {
                process.ended().await;
            }
        }
    }

    /// The last lines of a process's log, to explain why it ended.
    pub(super) fn last_words(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.log(name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The starting of a process, so that nobody else starts it meanwhile.
struct Turn<'a> {
    processes: &'a Processes,
    name: String,
}

impl<'a> Turn<'a> {
    fn begin(processes: &'a Processes, name: &str) -> Result<Self> {
        let mut known = processes.known();
        let earlier = known.by_name.get(name);
        let is_running = earlier.is_some_and(|(_, earlier)| earlier.is_running());
        ensure!(!is_running && known.starting.insert(name.to_owned()), "{name} is running already");
        Ok(Self { processes, name: name.to_owned() })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.processes.known().starting.remove(&self.name);
    }
}

/// Appends an event; a full disk must not end the run, and shows in the log.
pub(crate) fn record(events: &EventLog, at_ns: u64, kind: EventKind) {
    if let Err(error) = events.append(at_ns, kind) {
        tracing::error!(%error, "cannot record an event");
    }
}
