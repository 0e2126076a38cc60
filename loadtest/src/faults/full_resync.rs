//! Full resync: replicas take their master's whole data again.

use super::on_nodes::{Node, OnNodes};
use super::{Condition, Hits, Injected};
use crate::environment::Need;
use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use redis::cmd;

pub(super) const FULL_RESYNC: OnNodes = OnNodes {
    name: "full-resync",
    doc: "has all replicas of a master take its whole data again, as after a long partition",
    heals: None,
    hits: Hits::Master,
    holds: &[],
    settings: &[],
    needs: &[Need::Debug],
    longest: None,
    leaves: |_| Condition::Well,
    inject: |node| resync(node).boxed(),
};

async fn resync(mut node: Node<'_>) -> Result<Injected<'_>> {
    let replicas = node.info("replication", "connected_slaves").await?;
    ensure!(replicas > 0, "{} has no replicas", node.name);
    let before = node.info("stats", "sync_full").await?;
    // Replicas that come back ask for the history that they know, which is no longer the master's.
    node.tell(&["DEBUG", "CHANGE-REPL-ID"]).await?;
    node.ask::<u64>(cmd("CLIENT").arg("KILL").arg("TYPE").arg("replica")).await?;
    let all = |now: &str| now.parse().is_ok_and(|now: u64| now >= before + replicas);
    node.becomes("stats", "sync_full", all).await?;
    let name = node.name;
    Ok(Injected::over(format!("{name}: {replicas} full resynchronisations were begun")))
}
