//! Pause: a process stands still, its connections open.

use super::injected::each;
use super::probe::{HEALTHY, SILENCE, ping_from_harness};
use super::{Condition, Fault, Hits, Injected, Injection, Setting};
use crate::environment::{ProcStat, Process, Remedy};
use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_history::{PlannedFault, process_kind};
use rustix::process::Signal;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::sleep;

pub(super) struct Pause;

impl Fault for Pause {
    fn name(&self) -> &'static str {
        "pause"
    }

    fn doc(&self) -> &'static str {
        "stops a process with SIGSTOP, as a hung disk or a paused virtual machine does"
    }

    fn heals(&self) -> Option<&'static str> {
        Some("goes on with SIGCONT, and answers")
    }

    fn hits(&self) -> Hits {
        Hits::Processes
    }

    fn leaves(&self, _: &PlannedFault) -> Condition {
        Condition::Still
    }

    fn bears(&self, left: Condition) -> bool {
        !matches!(left, Condition::Still | Condition::Gone | Condition::Flapping)
    }

    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        each(injection, pause).boxed()
    }
}

pub(super) async fn pause<'a>(injection: &Injection<'a>, name: &str) -> Result<Injected<'a>> {
    let environment = injection.environment;
    let process = environment.process(name)?;
    let pid = process.pid();
    ensure!(process.is_running(), "{name} is not running");
    ensure!(!is_stopped(pid), "{name} is paused already");
    // A server may be slow to answer anything but HTTP; its state in the process table must do.
    let address = environment.spot(name)?.door.address;
    let address = (process_kind(name) != "server").then_some(address);
    let journalled = environment.journal(Remedy::Continue { pid }).await?;
    process.signal(Signal::STOP).await?;
    let seen = stands_still(pid, address).await;
    let paused = process.clone();
    let name = name.to_owned();
    let proof = format!("{name}: {}", seen.as_deref().unwrap_or("it still answers"));
    let injected = Injected::new(proof, async move {
        resume(&name, &process, address).await?;
        environment.healed(journalled).await
    });
    let look = async move {
        // Where the system tells. One that is being killed goes on for a moment.
        let is_awake = || {
            let state = ProcStat::read(pid).map(|stat| stat.state);
            let is_still = state.is_none_or(|state| ['T', 't', 'Z', 'X'].contains(&state));
            paused.is_running() && paused.pid() == pid && !is_still
        };
        let mut goes_on = is_awake();
        if goes_on {
            sleep(SILENCE).await;
            goes_on = is_awake();
        }
        Ok(goes_on.then(|| format!("process {pid} goes on")))
    };
    injected.looked_at(look).if_proven(seen.is_some(), "SIGSTOP does nothing").await
}

/// What shows that the process stands still, if anything does.
async fn stands_still(pid: u32, address: Option<SocketAddr>) -> Option<String> {
    let mut seen = Vec::new();
    // The signal is delivered when the system comes to it.
    if becomes(pid, true).await {
        seen.push(format!("process {pid} is in state T"));
    }
    if let Some(address) = address {
        let silence = ping_from_harness(address, SILENCE).await;
        if silence.is_answer() {
            return None;
        }
        seen.push(silence.to_string());
    }
    (!seen.is_empty()).then(|| seen.join(", "))
}

/// Lets the process go on. One that has ended meanwhile, or was replaced, has nothing to go on.
async fn resume(name: &str, process: &Process, address: Option<SocketAddr>) -> Result<()> {
    if !process.is_running() || process.signal(Signal::CONT).await.is_err() {
        return Ok(());
    }
    if let Some(address) = address {
        let seen = ping_from_harness(address, HEALTHY).await;
        ensure!(
            seen.is_answer() || !process.is_running(),
            "{name} was sent SIGCONT, but {seen} on {address}"
        );
    }
    let (pid, is_over) = (process.pid(), !process.is_running());
    ensure!(
        is_over || becomes(pid, false).await,
        "{name} was sent SIGCONT, but process {pid} is still stopped"
    );
    Ok(())
}

/// Whether a process is stopped, or not, within a second.
async fn becomes(pid: u32, stopped: bool) -> bool {
    for _ in 0..200 {
        if is_stopped(pid) == stopped {
            return true;
        }
        sleep(Duration::from_millis(5)).await;
    }
    false
}

fn is_stopped(pid: u32) -> bool {
    ProcStat::read(pid).is_some_and(|stat| stat.state == 'T')
}
