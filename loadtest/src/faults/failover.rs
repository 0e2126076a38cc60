//! Failover: a replica replaces the master on command, though nothing has failed.

use super::{Condition, Fault, Hits, Injected, Injection, Setting};
use crate::environment::{Environment, Group, ask, info_fields};
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
        "promotes a replica on command (SENTINEL or CLUSTER FAILOVER), as maintenance does"
    }

    fn heals(&self) -> Option<&'static str> {
        None
    }

    fn hits(&self) -> Hits {
        Hits::Master
    }

    fn bears(&self, _: Condition) -> bool {
        true
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
        proofs.push(match group.plan.sentinels {
            0 => take_over(injection.environment, master, group).await?,
            _ => replace(master, group).await?,
        });
    }
    Ok(Injected::over(proofs.join("; ")))
}

/// Asks one Sentinel after another until one accepts. Nothing is to be healed, so nothing is
/// journalled.
async fn replace(master: &str, group: &Group) -> Result<String> {
    let command = cmd("SENTINEL").arg("FAILOVER").arg(&group.known_as).to_owned();
    let mut refusal = None;
    for sentinel in &group.sentinels {
        match ask::<String>(sentinel.door(), &command, ANSWER_WITHIN).await {
            Ok(answer) => {
                return Ok(format!("{} answered {answer} to replacing {master}", sentinel.name));
            }
            Err(error) => refusal = Some(error.context(format!("{} refused", sentinel.name))),
        }
    }
    Err(refusal.context("there is no Sentinel")?)
}

/// Asks the replicas of a master in a cluster until one accepts.
async fn take_over(environment: &Environment, master: &str, group: &Group) -> Result<String> {
    let announced = environment.spot(master)?.announced()?;
    let replication = cmd("INFO").arg("replication").to_owned();
    let mut refusal = None;
    for node in &group.nodes {
        let info: String = ask(node.direct, &replication, ANSWER_WITHIN).await.unwrap_or_default();
        let follows = info_fields(&info).get("master_port").map(|port| (*port).to_owned());
        if follows != Some(announced.port().to_string()) {
            continue;
        }
        match ask::<String>(node.direct, cmd("CLUSTER").arg("FAILOVER"), ANSWER_WITHIN).await {
            Ok(answer) => {
                return Ok(format!("{} answered {answer} to replacing {master}", node.name));
            }
            Err(error) => refusal = Some(error.context(format!("{} refused", node.name))),
        }
    }
    Err(refusal.with_context(|| format!("no node follows {master}"))?)
}
