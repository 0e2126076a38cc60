//! Kill: a process ends at once and stays away for a while.

use super::injected::each;
use super::probe::{HEALTHY, Seen, ping_from_harness};
use super::{Condition, Fault, Hits, Injected, Injection, Setting};
use crate::environment::{Environment, Journalled, Remedy};
use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_history::PlannedFault;
use rustix::process::Signal;

pub(super) struct Kill;

impl Fault for Kill {
    fn name(&self) -> &'static str {
        "kill"
    }

    fn doc(&self) -> &'static str {
        "ends a process with SIGKILL, as a crash or the out-of-memory killer does"
    }

    fn heals(&self) -> Option<&'static str> {
        Some("is started again on the same port with its data, and answers")
    }

    fn hits(&self) -> Hits {
        Hits::Processes
    }

    fn leaves(&self, _: &PlannedFault) -> Condition {
        Condition::Gone
    }

    fn bears(&self, left: Condition) -> bool {
        !matches!(left, Condition::Gone | Condition::Flapping)
    }

    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        each(injection, kill).boxed()
    }
}

pub(super) async fn kill<'a>(injection: &Injection<'a>, name: &str) -> Result<Injected<'a>> {
    let environment = injection.environment;
    let process = environment.process(name)?;
    ensure!(process.is_running(), "{name} is not running");
    let journalled = environment.journal(Remedy::EndWithGroup).await?;
    process.signal(Signal::KILL).await?;
    process.ended().await;
    gone(environment, name, process.pid(), journalled).await
}

/// A process that has ended: nobody listens where it did. Healed, it runs again.
pub(super) async fn gone<'a>(
    environment: &'a Environment,
    name: &str,
    pid: u32,
    journalled: Journalled,
) -> Result<Injected<'a>> {
    let address = environment.spot(name)?.door.address;
    let seen = ping_from_harness(address, HEALTHY).await;
    let name = name.to_owned();
    let proof = format!("{name}: process {pid} has ended, {seen} on {address}");
    let injected = Injected::new(proof, async move {
        environment.start_again(&name).await?;
        environment.healed(journalled).await
    });
    injected.if_proven(seen == Seen::Refused, "somebody else listens").await
}
