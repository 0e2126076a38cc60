//! Replica lag: what a master writes reaches a replica late.

use super::on_nodes::Node;
use super::probe::Probe;
use super::toxic::{Shows, Sign, add};
use super::{Fault, Form, Hits, Injected, Injection, Setting};
use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_toxiproxy::client::NewToxic;
use std::time::Duration;

const LAG: Setting = Setting {
    name: "lag",
    doc: "how late a replica gets what was written",
    form: Form::Duration { default: None },
};

pub(super) struct ReplicaLag;

impl Fault for ReplicaLag {
    fn name(&self) -> &'static str {
        "replica-lag"
    }

    fn doc(&self) -> &'static str {
        "delays what the master sends to its replicas, as a long link does; all of it arrives"
    }

    fn heals(&self) -> Option<&'static str> {
        Some("gets what is written at once")
    }

    fn hits(&self) -> Hits {
        Hits::Replicas
    }

    fn settings(&self) -> &'static [Setting] {
        &[LAG]
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        lag(injection).boxed()
    }
}

/// The link to a replica is one of the master's proxy, with the replica as its client.
async fn lag(injection: Injection<'_>) -> Result<Injected<'_>> {
    let lag = LAG.duration(injection.planned)?;
    let environment = injection.environment;
    let group = injection.targets.first().and_then(|replica| environment.group_of(replica));
    let group = group.context("it has no target")?;
    let master = environment.master_of(group).await?.name.clone();
    let is_master = injection.targets.contains(&master);
    ensure!(!is_master, "{master} is the master now, and has no lag");
    let links = Injection { from: injection.targets.clone(), ..injection.clone() };
    let toxic = NewToxic::latency(lag, Duration::ZERO);
    let sign = Sign::of(Probe::ping(), Shows::Late(lag, 2 * lag));
    let injected = add(&links, &master, toxic, sign).await?;
    let seen = behind(&injection, &master).await;
    let told = seen.as_ref().map_or_else(|error| format!("{error:#}"), Clone::clone);
    injected.and_told(&told).if_proven(seen.is_ok(), "the replicas do not lag").await
}

/// How far the replicas are behind a message that the master publishes, which nobody reads and all
/// replicas get.
async fn behind(injection: &Injection<'_>, master: &str) -> Result<String> {
    let mut master = Node::reach(injection, master)?;
    let mut told = Vec::new();
    for name in &injection.targets {
        let mut replica = Node::reach(injection, name)?;
        let mut bytes = 0;
        for _ in 0..20 {
            master.tell(&["PUBLISH", "redrill:probe", "0"]).await?;
            let written = master.info("replication", "master_repl_offset").await?;
            bytes = written.saturating_sub(replica.info("replication", "slave_repl_offset").await?);
            if bytes > 0 {
                break;
            }
        }
        ensure!(bytes > 0, "{name} has what {} just wrote", master.name);
        told.push(format!("{name} is {bytes} bytes behind"));
    }
    Ok(told.join(", "))
}
