//! Connection exhaustion: a node takes no more clients.
//!
//! A Sentinel that replaces the master meanwhile has the node write the bound to its configuration
//! file. Healing it then has the file written again; one that nobody wrote is left alone.

use super::on_nodes::{Node, OnNodes};
use super::probe::{HARNESS, HEALTHY, Probe, send};
use super::{Condition, Form, Hits, Injected, Setting};
use anyhow::{Result, bail, ensure};
use futures_util::FutureExt as _;
use redrill_history::PlannedFault;
use tokio::net::TcpStream;

const ROOM: Setting = Setting {
    name: "room",
    doc: "connections beyond those that are open now; 0 by default",
    form: Form::Whole { default: Some(0), least: 0, most: 10_000 },
};

/// What a client is told that is one too many; in a cluster, its connections count, too.
const REFUSAL: &str = "-ERR max number of clients";

/// Closed connections leave room for others: so many more are opened before there is still room.
const CHANCES: u64 = 16;

pub(super) const CONNECTION_EXHAUSTION: OnNodes = OnNodes {
    name: "connection-exhaustion",
    doc: "lets a node take no more connections than are open now (maxclients)",
    heals: Some("has its maxclients back, and takes connections"),
    hits: Hits::Nodes,
    holds: &["maxclients"],
    settings: &[ROOM],
    needs: &[],
    longest: None,
    leaves: left_by,
    inject: |node| exhaust(node).boxed(),
};

/// What another fault on the node connects with.
const NEEDED: u64 = 2;

fn left_by(planned: &PlannedFault) -> Condition {
    let is_full = ROOM.whole(planned).is_ok_and(|room| room < NEEDED);
    if is_full { Condition::Full } else { Condition::Well }
}

async fn exhaust(mut node: Node<'_>) -> Result<Injected<'_>> {
    let room = ROOM.whole(node.planned)?;
    let most = open_connections(&mut node).await? + room;
    let before = node.configure(&[("maxclients", most.to_string())]).await?;
    let seen = fill(&node, room).await;
    let told = seen.as_ref().map_or_else(|error| format!("{error:#}"), Clone::clone);
    let proof = format!("{}: maxclients {most}; a new client was told {told}", node.name);
    let look = before.look(node.environment);
    let injected = Injected::new(proof, async move {
        let restored = node.restore(before).await?;
        let said = if node.is_running() { told_to_anybody(&node).await? } else { String::new() };
        ensure!(!said.starts_with(REFUSAL), "{} still takes no client: {said}", node.name);
        node.environment.healed(restored).await
    });
    injected.looked_at(look).if_proven(seen.is_ok(), "there is still room").await
}

/// All that count against `maxclients`: those of clients, of replicas and of a cluster's peers.
async fn open_connections(node: &mut Node<'_>) -> Result<u64> {
    let clients = node.info("clients", "connected_clients").await?;
    let replicas = node.info("replication", "connected_slaves").await?;
    let peers = node.info_word("clients", "cluster_connections").await?;
    Ok(clients + replicas + peers.parse().unwrap_or(0))
}

/// Connects until nobody is let in any more. One that was closed just now leaves room for another:
/// the connections stay until then.
async fn fill(node: &Node<'_>, room: u64) -> Result<String> {
    let address = node.door()?.address;
    let mut kept = Vec::new();
    let mut said = String::new();
    for _ in 0..=room + CHANCES {
        said = told_to_anybody(node).await?;
        if said.starts_with(REFUSAL) {
            return Ok(said.trim_end().to_owned());
        }
        kept.push(TcpStream::connect(address).await?);
    }
    bail!("{}", said.trim_end())
}

/// What a new client is told before it says who it is.
async fn told_to_anybody(node: &Node<'_>) -> Result<String> {
    Ok(send(HARNESS, node.door()?.address, &Probe::line(&["PING"]), HEALTHY).await.1)
}
