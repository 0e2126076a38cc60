//! Each node's role, by its own account.

use super::Sink;
use crate::environment::admin::{Admin, info_fields};
use crate::environment::member::Member;
use anyhow::{Context, Result, bail};
use redis::{Value, cmd, from_redis_value_ref};
use redrill_history::{EventKind, NodeRole};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often a node is asked: as fine as a role change is dated.
const EVERY: Duration = Duration::from_millis(50);
/// How long an answer may take until the node counts as down; a stopped process never answers.
const DOWN_AFTER: Duration = Duration::from_secs(1);

/// Notes the node's role at every look, and records it whenever it is another.
pub(super) async fn roles(node: Member, sink: Sink, note: impl Fn(NodeRole)) {
    let mut admin = Admin::new(node.door());
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known: Option<NodeRole> = None;
    let mut run_id: Option<String> = None;
    loop {
        ticks.tick().await;
        let seen = timeout(DOWN_AFTER, look_twice(&mut admin, &mut run_id)).await;
        // Between two looks it may have come back as another process in the same role.
        let (role, restarted) = seen.ok().flatten().unwrap_or((NodeRole::Down, false));
        note(role);
        if known != Some(role) || restarted {
            known = Some(role);
            let run_id = run_id.clone().filter(|_| role != NodeRole::Down);
            sink.event(EventKind::Role { node: node.name.clone(), role, run_id });
        }
    }
}

/// As [`look`], and again on a new connection if the one that it was on broke: Sentinel closes the
/// clients' connections of a node whose role it changes.
async fn look_twice(admin: &mut Admin, run_id: &mut Option<String>) -> Option<(NodeRole, bool)> {
    let was_connected = admin.is_connected();
    match look(admin, run_id).await {
        Err(_) if was_connected => look(admin, run_id).await.ok(),
        seen => seen.ok(),
    }
}

/// The role, and whether the process is another than the last time.
async fn look(admin: &mut Admin, run_id: &mut Option<String>) -> Result<(NodeRole, bool)> {
    let mut restarted = false;
    if !admin.is_connected() {
        let info: String = admin.ask(cmd("INFO").arg("server"), DOWN_AFTER).await?;
        let now = *info_fields(&info).get("run_id").context("INFO without a run_id")?;
        restarted = run_id.as_deref() != Some(now);
        *run_id = Some(now.to_owned());
    }
    Ok((role(admin).await?, restarted))
}

/// The role, by the node's own account.
async fn role(node: &mut Admin) -> Result<NodeRole> {
    let answer: Vec<Value> = node.ask(&cmd("ROLE"), DOWN_AFTER).await?;
    let name: String = from_redis_value_ref(answer.first().context("ROLE answered nothing")?)?;
    match name.as_str() {
        "master" => Ok(NodeRole::Master),
        "slave" => Ok(NodeRole::Replica),
        other => bail!("ROLE answered {other}"),
    }
}
