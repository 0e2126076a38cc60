//! Connection exhaustion: a node takes no more clients.
//!
//! A Sentinel that replaces the master meanwhile has the node write the bound to its configuration
//! file. Healing it then has the file written again; one that nobody wrote is left alone.

use super::on_nodes::{Node, OnNodes};
use super::probe::{HARNESS, HEALTHY, Probe, send};
use super::toxic::announced;
use super::{Form, Hits, Injected, Setting};
use anyhow::{Result, ensure};
use futures_util::FutureExt as _;

const ROOM: Setting = Setting {
    name: "room",
    doc: "connections beyond those that are open now; 0 by default",
    form: Form::Whole { default: Some(0), least: 0, most: 10_000 },
};

/// What a client is told that is one too many.
const REFUSAL: &str = "max number of clients reached";

pub(super) const CONNECTION_EXHAUSTION: OnNodes = OnNodes {
    name: "connection-exhaustion",
    doc: "lets a node take no more connections than are open now (maxclients)",
    heals: Some("has its maxclients back, and takes connections"),
    hits: Hits::Nodes,
    holds: &["maxclients"],
    settings: &[ROOM],
    needs: &[],
    longest: None,
    inject: |node| exhaust(node).boxed(),
};

async fn exhaust(mut node: Node<'_>) -> Result<Injected<'_>> {
    let room = ROOM.whole(node.planned)?;
    let announced = announced(node.environment, &node.name)?;
    let most = node.info("clients", "connected_clients").await? + room;
    let before = node.configure(&[("maxclients", most.to_string())]).await?;
    let mut probes = Vec::new();
    // One that was closed just now leaves room for another: the probes stay until they are refused.
    let mut seen = String::new();
    for _ in 0..=room + 16 {
        let probe = Probe::line(&["PING"]);
        let (_, said) = send(HARNESS, announced, &probe, HEALTHY).await;
        seen = said.trim_end().to_owned();
        if said.contains(REFUSAL) {
            break;
        }
        probes.push(tokio::net::TcpStream::connect(announced).await?);
    }
    drop(probes);
    let proof = format!("{}: maxclients {most}; a new client was told {seen}", node.name);
    let is_proven = seen.contains(REFUSAL);
    let injected = Injected::new(proof, async move {
        let restored = node.restore(before).await?;
        let said = if node.is_running() { node.says(&["PING"]).await? } else { String::new() };
        ensure!(!said.contains(REFUSAL), "{} still takes no client: {said}", node.name);
        node.environment.healed(restored).await
    });
    injected.if_proven(is_proven, "there is still room").await
}
