//! Restart: a process is asked to end, and started again at once.

use super::injected::each;
use super::{Condition, Fault, Hits, Injected, Injection, Setting};
use crate::environment::Remedy;
use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use std::time::Duration;

/// How long the process may take to end; then it is killed, as service managers do.
pub(super) const GRACE: Duration = Duration::from_secs(10);

pub(super) struct Restart;

impl Fault for Restart {
    fn name(&self) -> &'static str {
        "restart"
    }

    fn doc(&self) -> &'static str {
        "asks a process to end with SIGTERM and starts it again at once, as an upgrade does"
    }

    fn heals(&self) -> Option<&'static str> {
        None
    }

    fn hits(&self) -> Hits {
        Hits::Processes
    }

    fn bears(&self, left: Condition) -> bool {
        !matches!(left, Condition::Gone | Condition::Flapping)
    }

    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        each(injection, restart).boxed()
    }
}

async fn restart<'a>(injection: &Injection<'a>, name: &str) -> Result<Injected<'a>> {
    let environment = injection.environment;
    let before = environment.process(name)?;
    ensure!(before.is_running(), "{name} is not running");
    let journalled = environment.journal(Remedy::EndWithGroup).await?;
    environment.stop_process(name, GRACE).await?;
    environment.start_again(name).await?;
    environment.healed(journalled).await?;
    let (before, now) = (before.pid(), environment.process(name)?.pid());
    Ok(Injected::over(format!("{name}: process {before} has ended, process {now} answers")))
}
