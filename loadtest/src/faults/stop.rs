//! Stop: a process ends as it is asked to, and stays away for a while.

use super::injected::each;
use super::kill::gone;
use super::restart::GRACE;
use super::{Condition, Fault, Hits, Injected, Injection, Setting};
use crate::environment::Remedy;
use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_history::PlannedFault;

pub(super) struct Stop;

impl Fault for Stop {
    fn name(&self) -> &'static str {
        "stop"
    }

    fn doc(&self) -> &'static str {
        "asks a process to end with SIGTERM, as maintenance or scaling down does"
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
        each(injection, stop).boxed()
    }
}

async fn stop<'a>(injection: &Injection<'a>, name: &str) -> Result<Injected<'a>> {
    let environment = injection.environment;
    let process = environment.process(name)?;
    ensure!(process.is_running(), "{name} is not running");
    let journalled = environment.journal(Remedy::EndWithGroup).await?;
    environment.stop_process(name, GRACE).await?;
    gone(environment, name, process.pid(), journalled).await
}
