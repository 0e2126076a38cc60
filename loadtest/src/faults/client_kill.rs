//! Client kill: a node closes its clients' connections.

use super::on_nodes::{Node, OnNodes};
use super::probe::{HARNESS, HEALTHY, open};
use super::{Condition, Hits, Injected};
use crate::environment::{Door, Need};
use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use redis::cmd;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// Whose connections are closed: not those of replicas.
const TYPES: [&str; 2] = ["normal", "pubsub"];

pub(super) const CLIENT_KILL: OnNodes = OnNodes {
    name: "client-kill",
    doc: "closes all connections of a node's clients (CLIENT KILL), but not those of replicas",
    heals: None,
    hits: Hits::Nodes,
    holds: &[],
    settings: &[],
    needs: &[Need::Alone],
    longest: None,
    leaves: |_| Condition::Well,
    inject: |node| kill(node).boxed(),
};

async fn kill(mut node: Node<'_>) -> Result<Injected<'_>> {
    let Door { address, login } = node.door()?;
    let mut client = open(HARNESS, address, login.as_ref()).await?;
    client.write_all(b"PING\r\n").await?;
    let mut pong = [0; 7];
    timeout(HEALTHY, client.read_exact(&mut pong)).await??;
    let mut closed = 0;
    for kind in TYPES {
        closed += node.ask::<u64>(cmd("CLIENT").arg("KILL").arg("TYPE").arg(kind)).await?;
    }
    let end = timeout(HEALTHY, client.read(&mut pong)).await;
    // A reset is an end, too.
    let is_closed = matches!(end, Ok(Ok(0) | Err(_)));
    ensure!(is_closed, "{} closed {closed} connections, and not the probe's", node.name);
    let name = node.name;
    Ok(Injected::over(format!("{name}: {closed} connections were closed, the probe's with them")))
}
