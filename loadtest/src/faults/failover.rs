//! Failover: Sentinel replaces the master on command, though nothing has failed.

use super::{Fault, Hits, Injected, Injection, Setting};
use crate::environment::{Group, ask};
use anyhow::{Context, Result};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redis::cmd;
use std::time::Duration;

/// How long a Sentinel may take to accept the command.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

pub(super) struct Failover;

impl Fault for Failover {
    fn name(&self) -> &'static str {
        "failover"
    }

    fn doc(&self) -> &'static str {
        "has Sentinel promote a replica (SENTINEL FAILOVER), as before planned maintenance"
    }

    fn heals(&self) -> Option<&'static str> {
        None
    }

    fn hits(&self) -> Hits {
        Hits::Master
    }

    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        failover(injection).boxed()
    }
}

async fn failover(injection: Injection<'_>) -> Result<Injected<'_>> {
    let mut proofs = Vec::new();
    for master in &injection.targets {
        let group = injection.environment.group_of(master);
        let group = group.with_context(|| format!("{master} is in no group"))?;
        proofs.push(replace(master, group).await?);
    }
    Ok(Injected::over(proofs.join("; ")))
}

/// Asks one Sentinel after another until one accepts. Nothing is to be healed, so nothing is
/// journalled.
async fn replace(master: &str, group: &Group) -> Result<String> {
    let command = cmd("SENTINEL").arg("FAILOVER").arg(group.role.name()).to_owned();
    let mut refusal = None;
    for sentinel in &group.sentinels {
        match ask::<String>(sentinel.direct, &command, ANSWER_WITHIN).await {
            Ok(answer) => {
                return Ok(format!("{} answered {answer} to replacing {master}", sentinel.name));
            }
            Err(error) => refusal = Some(error.context(format!("{} refused", sentinel.name))),
        }
    }
    Err(refusal.context("there is no Sentinel")?)
}
