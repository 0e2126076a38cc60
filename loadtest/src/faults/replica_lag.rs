//! Replica lag: what a master writes reaches a replica late.

use super::injected::Parts;
use super::on_nodes::Node;
use super::probe::Probe;
use super::toxic::{Shows, Sign, add};
use super::{Condition, Fault, Form, Hits, Injected, Injection, Setting};
use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_toxiproxy::client::NewToxic;
use std::collections::BTreeMap;
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

    fn bears(&self, left: Condition) -> bool {
        // They are asked how far they are.
        matches!(left, Condition::Well | Condition::Flapping | Condition::Unwritten)
    }

    fn settings(&self) -> &'static [Setting] {
        &[LAG]
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        lag(injection).boxed()
    }
}

/// The link to a replica is one of its master's proxy, with the replica as its client.
async fn lag(injection: Injection<'_>) -> Result<Injected<'_>> {
    let mut parts = Parts::default();
    for (master, replicas) in by_master(&injection).await? {
        let links = Injection { from: replicas.clone(), targets: replicas, ..injection.clone() };
        parts.add(lag_behind(links, &master).await).await?;
    }
    Ok(parts.all())
}

/// The targets, by the master that each follows: a cluster has several.
async fn by_master(injection: &Injection<'_>) -> Result<BTreeMap<String, Vec<String>>> {
    let environment = injection.environment;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in &injection.targets {
        let mut replica = Node::reach(injection, name)?;
        let role = replica.info_word("replication", "role").await?;
        ensure!(role != "master", "{name} is a master now, and has no lag");
        let port = replica.info_word("replication", "master_port").await?;
        let group = environment.group_of(name).with_context(|| format!("{name} is in no group"))?;
        let mut nodes = group.nodes.iter();
        let master = nodes.find(|node| node.announced.port().to_string() == port);
        let master = master.with_context(|| format!("{name} follows nobody of its group"))?;
        found.entry(master.name.clone()).or_default().push(name.clone());
    }
    Ok(found)
}

async fn lag_behind<'a>(links: Injection<'a>, master: &str) -> Result<Injected<'a>> {
    let lag = LAG.duration(links.planned)?;
    let toxic = NewToxic::latency(lag, Duration::ZERO);
    let sign = Sign::of(Probe::ping(), Shows::Late(lag, 2 * lag));
    let injected = add(&links, master, toxic, sign).await?;
    let seen = behind(&links, master).await;
    let told = seen.as_ref().map_or_else(|error| format!("{error:#}"), Clone::clone);
    injected.and_told(&told).if_proven(seen.is_ok(), "the replicas do not lag").await
}

/// How far the replicas are behind what their master has just written: its question how far they
/// are, which changes nothing.
async fn behind(links: &Injection<'_>, master: &str) -> Result<String> {
    let mut master = Node::reach(links, master)?;
    let mut told = Vec::new();
    for name in &links.targets {
        let mut replica = Node::reach(links, name)?;
        let mut bytes = 0;
        for _ in 0..20 {
            // More than there are never answer, so that it does ask.
            master.tell(&["WAIT", "1000", "1"]).await?;
            let written = master.info("replication", "master_repl_offset").await?;
            bytes = written.saturating_sub(replica.info("replication", "slave_repl_offset").await?);
            if bytes > 0 {
                break;
            }
        }
        ensure!(bytes > 0, "{name} has what {} just wrote", master.name);
        told.push(format!("{name} is {bytes} bytes behind {}", master.name));
    }
    Ok(told.join(", "))
}
