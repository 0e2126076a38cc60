//! Block: a node's event loop does nothing else for a while.

use super::on_nodes::{Node, OnNodes, TURN};
use super::probe::{HEALTHY, SILENCE, Seen, command, ping_from_harness};
use super::{Condition, Hits, Injected};
use crate::environment::{Need, Remedy};
use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(super) const BLOCK: OnNodes = OnNodes {
    name: "block",
    doc: "blocks a node's event loop (DEBUG SLEEP), as a slow command on a large key does",
    heals: Some("has finished the command, and answers"),
    hits: Hits::Nodes,
    holds: &[TURN],
    settings: &[],
    needs: &[Need::Debug],
    longest: Some(Duration::from_secs(10)),
    leaves: |_| Condition::Still,
    inject: |node| block(node).boxed(),
};

async fn block(node: Node<'_>) -> Result<Injected<'_>> {
    let environment = node.environment;
    let lasts = node.planned.lasts.context("it has no duration")?;
    let address = environment.spot(&node.name)?.door.address;
    let journalled = environment.journal(Remedy::EndWithGroup).await?;
    let mut connection = TcpStream::connect(address).await?;
    let seconds = lasts.as_secs_f64().to_string();
    connection.write_all(&command(&["DEBUG", "SLEEP", &seconds])).await?;
    let seen = ping_from_harness(address, SILENCE.min(lasts)).await;
    let proof = format!("{}: {seen} while it executes DEBUG SLEEP {seconds}", node.name);
    let injected = Injected::new(proof, async move {
        // It cannot be ended before its time.
        let mut answer = [0; 5];
        let read = timeout(lasts + HEALTHY, connection.read_exact(&mut answer)).await;
        let is_done = matches!(&read, Ok(Ok(_)) if &answer == b"+OK\r\n");
        ensure!(is_done || !node.is_running(), "{} has not finished DEBUG SLEEP", node.name);
        if is_done {
            let seen = ping_from_harness(address, HEALTHY).await;
            ensure!(seen.is_answer(), "{} has finished, but {seen}", node.name);
        }
        environment.healed(journalled).await
    });
    injected.if_proven(matches!(seen, Seen::Silence(_)), "DEBUG SLEEP does nothing").await
}
