//! What the journal of a run says is still to be undone, and undoing it.

use super::docker;
use super::guardian::Duties;
use super::journal::{Entry, JOURNAL};
use super::proc;
use super::remedy::Remedy;
use crate::exit::unusable;
use anyhow::{Context, Result};
use redrill_history::clock::instant_now;
use redrill_history::{EnvironmentFacts, RunFolder};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Write};
use std::time::Duration;
use tokio::time::sleep;

/// How long something is tried that fails: a node that takes no connection may take one soon.
const TRIES_FOR: Duration = Duration::from_secs(20);

/// What a run that is over has left, where its guardian was killed, too.
pub struct Left {
    journal: File,
    duties: Duties,
    /// Processes of the run that outlived it.
    processes: Vec<u32>,
}

impl Left {
    /// Reads the journal of a run; one that has none leaves nothing.
    ///
    /// # Errors
    /// [`crate::exit::Unusable`] while the run goes on.
    pub fn read(folder: &RunFolder) -> Result<Option<Self>> {
        let path = folder.logs().join(JOURNAL);
        let journal = match File::options().read(true).append(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.with_context(|| path.display().to_string())?,
        };
        // Harness and guardian hold it while they live.
        flock(&journal, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            unusable("the run still goes on, or its guardian is healing it: wait until it is over")
        })?;
        let mut duties = Duties::read(BufReader::new(&journal));
        duties.faults.retain(|_, remedy| remedy.is_outside());
        duties.folders.retain(|folder| folder.exists());
        let processes = duties.group.map(|group| orphans(folder, group)).unwrap_or_default();
        Ok(Some(Self { journal, duties, processes }))
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        let Self { duties, processes, .. } = self;
        let Duties { folders, containers, faults, .. } = duties;
        faults.is_empty() && folders.is_empty() && containers.is_empty() && processes.is_empty()
    }

    /// Undoes it; returns how much could not be undone. `told` hears of each remedy what came of
    /// it.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub async fn heal(&self, told: impl FnMut(&Remedy, &Result<String>)) -> Result<usize> {
        end(&self.processes);
        let failed = heal(&self.duties.faults, &self.journal, told).await?;
        let failures = remove_containers(&self.duties, &self.journal).await?;
        for failure in &failures {
            tracing::warn!("{failure}");
        }
        self.duties.remove_folders();
        Ok(failed + failures.len())
    }
}

/// The processes of a run's group that live. Process ids are given again: it is the run's group
/// only if one that the run has written down is in it.
fn orphans(folder: &RunFolder, group: i32) -> Vec<u32> {
    let text = std::fs::read(folder.environment()).unwrap_or_default();
    let facts: EnvironmentFacts = serde_json::from_slice(&text).unwrap_or_default();
    let alive = proc::alive_in(group).unwrap_or_default();
    let is_known = facts.processes.iter().any(|known| alive.contains(&known.pid));
    if is_known { alive } else { Vec::new() }
}

/// Ends processes at once.
pub(super) fn end(processes: &[u32]) {
    let pids = processes.iter().filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?));
    for pid in pids {
        if let Err(error) = kill_process(pid, Signal::KILL) {
            tracing::warn!(%error, ?pid, "cannot end a process");
        }
    }
}

/// Removes the containers of the run, and notes in the journal that they are gone; gives what went
/// wrong.
pub(super) async fn remove_containers(duties: &Duties, mut journal: &File) -> Result<Vec<String>> {
    let failures = docker::remove_all(&duties.containers).await;
    if failures.is_empty() {
        for name in &duties.containers {
            let line = serde_json::to_string(&Entry::Removed { name: name.clone() })? + "\n";
            journal.write_all(line.as_bytes()).context("the journal cannot be written")?;
        }
    }
    Ok(failures)
}

/// Undoes what was done last first, and notes in the journal what is undone.
pub(super) async fn heal(
    remedies: &BTreeMap<u64, Remedy>,
    mut journal: &File,
    mut told: impl FnMut(&Remedy, &Result<String>),
) -> Result<usize> {
    let mut failed = 0;
    for (id, remedy) in remedies.iter().rev().filter(|(_, remedy)| remedy.is_outside()) {
        let deadline = instant_now() + TRIES_FOR;
        let mut applied = remedy.apply().await;
        while applied.is_err() && instant_now() < deadline {
            sleep(Duration::from_millis(500)).await;
            applied = remedy.apply().await;
        }
        told(remedy, &applied);
        match applied {
            Ok(_) => {
                let line = serde_json::to_string(&Entry::Healed { id: *id })? + "\n";
                journal.write_all(line.as_bytes()).context("the journal cannot be written")?;
            }
            Err(_) => failed += 1,
        }
    }
    Ok(failed)
}
