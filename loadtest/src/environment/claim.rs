//! The claim by which a run has a Redis for itself, whatever its keys begin with: a fault of one
//! run would otherwise heal to what another's has set.

use super::admin::{Admin, ask};
use super::door::Door;
use super::following::on_master;
use super::journal::{Guardian, Journalled};
use super::remedy::Remedy;
use super::{Group, Member};
use crate::exit::unusable;
use anyhow::{Context, Result};
use redis::{Cmd, Value, cmd};
use std::time::Duration;

/// The key, in database 0. It is nobody's data, and no run's keys begin so.
pub(super) const KEY: &str = "claimed-by-a-run-of-redrill";

/// How long a node may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Claims each group, or none, for the run that has this guardian; gives what releases them.
///
/// # Errors
/// [`crate::exit::Unusable`]: another run has claimed one of them.
pub(super) async fn claim(
    groups: &[Group],
    guardian: &Guardian,
) -> Result<Vec<(Remedy, Journalled)>> {
    let mut claimed: Vec<(Remedy, Journalled)> = Vec::new();
    let mark = guardian.mark();
    for group in groups {
        let doors: Vec<Door> = group.nodes.iter().map(Member::door).collect();
        let set = cmd("SET").arg(KEY).arg(mark).arg("NX").to_owned();
        let release = Remedy::Release { doors: doors.clone(), mark: mark.to_owned() };
        let journalled = guardian.fault(release.clone()).await?;
        if on_any_master(&doors, &set).await? == Value::Okay {
            claimed.push((release, journalled));
            continue;
        }
        guardian.healed(journalled).await?;
        for (release, journalled) in claimed {
            release.apply().await?;
            guardian.healed(journalled).await?;
        }
        let name = &group.nodes.first().context("a group without nodes")?.name;
        return Err(unusable(taken(name, "another run")));
    }
    Ok(claimed)
}

/// What is said of a Redis that is claimed.
pub(super) fn taken(node: &str, by: &str) -> String {
    format!(
        "{node}'s Redis is in use by {by}: '{KEY}' is there. Wait until that run is over; \
         'redrill heal RUN' releases what a killed one has left, and where its folder is lost, DEL \
         {KEY}"
    )
}

/// Who has claimed a node's Redis: the mark of that run.
pub(super) async fn holder(node: &mut Admin) -> Result<Option<String>> {
    node.ask(cmd("GET").arg(KEY), ANSWERS_WITHIN).await
}

/// Releases what the run with this mark has claimed, and says what was so.
pub(super) async fn release(doors: &[Door], mark: &str) -> Result<String> {
    let is_own = on_master(doors, async |master: &mut Admin| {
        let is_own = holder(master).await?.as_deref() == Some(mark);
        if is_own {
            master.ask::<i64>(cmd("DEL").arg(KEY), ANSWERS_WITHIN).await?;
        }
        Ok(is_own)
    });
    Ok(if is_own.await? { "released" } else { "it is not there any more" }.to_owned())
}

/// Asks the first node that takes writes.
async fn on_any_master(doors: &[Door], command: &Cmd) -> Result<Value> {
    let mut refusal = None;
    for door in doors {
        match ask(door.clone(), command, ANSWERS_WITHIN).await {
            Ok(answer) => return Ok(answer),
            Err(error) => refusal = Some(error),
        }
    }
    Err(refusal.context("a group without nodes")?)
}
