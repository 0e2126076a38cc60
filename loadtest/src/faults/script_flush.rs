//! Script flush: a node forgets its scripts.

use super::on_nodes::{Node, OnNodes};
use super::{Condition, Hits, Injected};
use crate::environment::Need;
use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use redis::cmd;

/// A script that nobody else loads.
const PROBE: &str = "return 'redrill'";

pub(super) const SCRIPT_FLUSH: OnNodes = OnNodes {
    name: "script-flush",
    doc: "has a node forget every cached script (SCRIPT FLUSH), as a restart or a failover does",
    heals: None,
    hits: Hits::Nodes,
    holds: &[],
    settings: &[],
    needs: &[Need::Alone],
    longest: None,
    leaves: |_| Condition::Well,
    inject: |node| flush(node).boxed(),
};

async fn flush(mut node: Node<'_>) -> Result<Injected<'_>> {
    let hash: String = node.ask(cmd("SCRIPT").arg("LOAD").arg(PROBE)).await?;
    let scripts = node.info("memory", "number_of_cached_scripts").await?;
    node.tell(&["SCRIPT", "FLUSH", "SYNC"]).await?;
    let known: Vec<bool> = node.ask(cmd("SCRIPT").arg("EXISTS").arg(&hash)).await?;
    ensure!(known == [false], "{} still knows the probe's script", node.name);
    let name = node.name;
    Ok(Injected::over(format!("{name}: {scripts} scripts were forgotten, the probe's with them")))
}
