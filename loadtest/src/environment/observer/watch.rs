//! Each node's role, by its own account.

use super::Sink;
use crate::environment::admin::{Admin, info_fields};
use crate::environment::member::Member;
use crate::environment::roles::role;
use anyhow::{Context, Result};
use redis::cmd;
use redrill_history::{EventKind, NodeRole};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often a node is asked: as fine as a role change is dated.
const EVERY: Duration = Duration::from_millis(50);
/// How long an answer may take until the node counts as down; a stopped process never answers.
const DOWN_AFTER: Duration = Duration::from_millis(500);

/// Records the node's role whenever it is another.
pub(super) async fn roles(node: Member, sink: Sink) {
    let mut admin = Admin::new(node.direct);
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known: Option<NodeRole> = None;
    let mut run_id: Option<String> = None;
    loop {
        ticks.tick().await;
        let seen = look(&mut admin, &mut run_id).await;
        // Between two looks it may have come back as another process in the same role.
        let (role, restarted) = seen.unwrap_or((NodeRole::Down, false));
        if known != Some(role) || restarted {
            known = Some(role);
            let run_id = run_id.clone().filter(|_| role != NodeRole::Down);
            sink.event(EventKind::Role { node: node.name.clone(), role, run_id });
        }
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
    Ok((role(admin, DOWN_AFTER).await?, restarted))
}
