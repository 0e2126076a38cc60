//! Client pause: a node lets its clients wait.

use super::on_nodes::{Node, OnNodes, TURN};
use super::probe::{HARNESS, HEALTHY, Probe, SILENCE, Seen, send};
use super::{Condition, Form, Hits, Injected, Setting};
use crate::environment::Remedy;
use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use redrill_history::PlannedFault;
use redrill_history::clock::instant_now;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// By how much a node's clock may run ahead during a pause.
const CLOCKS_DIFFER: Duration = Duration::from_millis(100);

const MODE: Setting = Setting {
    name: "mode",
    doc: "all (every command waits, the default) or write (only those that may change something)",
    form: Form::Choice(&["all", "write"]),
};

pub(super) const CLIENT_PAUSE: OnNodes = OnNodes {
    name: "client-pause",
    doc: "lets the commands of a node's clients wait (CLIENT PAUSE), as during a handover",
    heals: Some("executes what waited"),
    hits: Hits::Nodes,
    holds: &[TURN],
    settings: &[MODE],
    needs: &[],
    // Where all wait, so does the command that would end it.
    longest: Some(Duration::from_secs(10)),
    leaves: left_by,
    inject: |node| pause(node).boxed(),
};

fn left_by(planned: &PlannedFault) -> Condition {
    let is_of_writes = MODE.text(planned).is_ok_and(|mode| mode == "write");
    if is_of_writes { Condition::Unwritten } else { Condition::Still }
}

async fn pause(mut node: Node<'_>) -> Result<Injected<'_>> {
    let environment = node.environment;
    let mode = MODE.text(node.planned)?;
    let lasts = node.planned.lasts.context("it has no duration")?;
    // Published messages count as writes, and this one has no reader.
    let probe = match mode {
        "write" => Probe::line(&["PUBLISH", "redrill:probe", "0"]),
        _ => Probe::ping(),
    };
    let door = node.door()?;
    let (address, probe) = (door.address, probe.by(door.login.clone()));
    let journalled = environment.journal(Remedy::Unpause { door }).await?;
    let millis = lasts.as_millis().to_string();
    let begun = instant_now();
    node.tell(&["CLIENT", "PAUSE", &millis, mode]).await?;
    let (seen, _) = send(HARNESS, address, &probe, SILENCE.min(lasts)).await;
    let proof = format!("{}: {}", node.name, seen.of(&probe.what));
    let look = still_waits(begun, lasts, address, probe.clone());
    let injected = Injected::new(proof, async move {
        if mode == "write" && node.reconnects().await? {
            node.tell(&["CLIENT", "UNPAUSE"]).await?;
        }
        let (seen, _) = send(HARNESS, address, &probe, lasts + HEALTHY).await;
        let is_over = seen.is_answer() || !node.is_running();
        ensure!(is_over, "{} is still paused: {}", node.name, seen.of(&probe.what));
        environment.healed(journalled).await
    });
    injected
        .looked_at(look)
        .if_proven(matches!(seen, Seen::Silence(_)), "CLIENT PAUSE does nothing")
        .await
}

/// Has a command wait from now on; looks later whether it was answered before the pause's own end.
fn still_waits(
    begun: Instant,
    lasts: Duration,
    address: SocketAddr,
    probe: Probe,
) -> impl Future<Output = Result<Option<String>>> + Send {
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        let (seen, _) = send(HARNESS, address, &probe, lasts + HEALTHY).await;
        (seen.is_answer(), begun.elapsed())
    });
    async move {
        let answered = match waiting.try_join_next() {
            Some(Ok((true, after))) if after + CLOCKS_DIFFER < lasts => Some(after),
            _ => None,
        };
        Ok(answered.map(|after| format!("{address} answered what waited after {after:.1?}")))
    }
}
