//! Memory squeeze: a master may use less memory than it does.
//!
//! What is written to the node's file meanwhile is undone as in connection exhaustion.

use super::on_nodes::{Node, OnNodes};
use super::{Condition, Form, Hits, Injected, Setting};
use crate::environment::Need;
use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;

/// Redis' policies (`redis.conf`, `maxmemory-policy`), its default first.
pub const POLICIES: &[&str] = &[
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
];

const KEEP: Setting = Setting {
    name: "keep",
    doc: "share of the data for which there is still room, from 0.01 to 1; 0.5 by default",
    form: Form::Share { default: 0.5 },
};

const POLICY: Setting = Setting {
    name: "policy",
    doc: "maxmemory-policy meanwhile, such as allkeys-lru; what the node has by default",
    form: Form::Word(POLICIES),
};

pub(super) const MEMORY_SQUEEZE: OnNodes = OnNodes {
    name: "memory-squeeze",
    doc: "gives a master less memory than its data takes (maxmemory): it refuses writes, or evicts",
    heals: Some("has its maxmemory and policy back, and takes writes"),
    hits: Hits::Writable,
    holds: &["maxmemory"],
    settings: &[KEEP, POLICY],
    needs: &[Need::Eviction],
    longest: None,
    leaves: |_| Condition::Well,
    inject: |node| squeeze(node).boxed(),
};

async fn squeeze(mut node: Node<'_>) -> Result<Injected<'_>> {
    let role = node.info_word("replication", "role").await?;
    ensure!(role == "master", "{} is no master: replicas hold what their master holds", node.name);
    let (keep, policy) = (KEEP.share(node.planned)?, POLICY.text(node.planned)?);
    let used = node.info("memory", "used_memory").await?;
    let data = node.info("memory", "used_memory_dataset").await?;
    let most = used - (data as f64 * (1.0 - keep)) as u64;
    let evicted = node.info("stats", "evicted_keys").await?;
    let mut settings = vec![("maxmemory", most.to_string())];
    if !policy.is_empty() {
        settings.insert(0, ("maxmemory-policy", policy.to_owned()));
    }
    let before = node.configure(&settings).await?;
    let seen = prove(&mut node, evicted).await;
    let told = seen.as_ref().map_or_else(|error| format!("{error:#}"), Clone::clone);
    let proof = format!("{}: maxmemory {most} where {used} are used; {told}", node.name);
    let look = before.look(node.environment);
    let injected = Injected::new(proof, async move {
        let restored = node.restore(before).await?;
        let said = if node.is_running() { node.says_to_a_write().await? } else { String::new() };
        ensure!(!said.starts_with("-OOM"), "{} still refuses writes: {said}", node.name);
        node.environment.healed(restored).await
    });
    injected.looked_at(look).if_proven(seen.is_ok(), "the squeeze does nothing").await
}

/// Keys that were evicted, or a write that was refused.
async fn prove(node: &mut Node<'_>, before: u64) -> Result<String> {
    let said = node.says_to_a_write().await?;
    if said.starts_with("-OOM") {
        return Ok("a write was refused with OOM".to_owned());
    }
    let is_more = |now: &str| now.parse().is_ok_and(|now: u64| now > before);
    node.becomes("stats", "evicted_keys", is_more)
        .await
        .context("nothing was evicted, and a write was not refused")?;
    let evicted = node.info("stats", "evicted_keys").await? - before;
    Ok(format!("{evicted} keys were evicted"))
}
