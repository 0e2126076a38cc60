//! The claim by which a run has an environment for itself, whatever its keys begin with: a fault of
//! one run would otherwise heal to what another's has set. It is on each Redis, and on the proxies,
//! too, for a Redis whose memory is short may evict it.

use super::admin::{Admin, ask};
use super::door::Door;
use super::following::on_master;
use super::journal::{Guardian, Journalled};
use super::remedy::Remedy;
use super::{Group, Member};
use crate::exit::unusable;
use anyhow::{Context, Result};
use redis::{Cmd, Value, cmd};
use redrill_toxiproxy::client::{Client, NewProxy, Proxy};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The key, in database 0, and the proxy. It is nobody's data, and no run's keys begin so.
pub(super) const KEY: &str = "claimed-by-a-run-of-redrill";

/// How long a node may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// What a run claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claimed {
    /// A Redis: the nodes of a group.
    Redis(Vec<Door>),
    /// The proxies: the URL of their API.
    Proxies(String),
}

/// Claims the proxies and each group, or none, for the run that has this guardian; gives what
/// releases them.
///
/// # Errors
/// [`crate::exit::Unusable`]: another run has claimed one of them.
pub(super) async fn claim(
    api: &str,
    groups: &[Group],
    guardian: &Guardian,
) -> Result<Vec<(Remedy, Journalled)>> {
    let mut claimed: Vec<(Remedy, Journalled)> = Vec::new();
    let doors = |group: &Group| group.nodes.iter().map(Member::door).collect();
    let redis = groups.iter().map(|group| Claimed::Redis(doors(group)));
    for one in [Claimed::Proxies(api.to_owned())].into_iter().chain(redis) {
        let mark = guardian.mark();
        let release = Remedy::Release { claimed: one.clone(), mark: mark.to_owned() };
        let journalled = guardian.fault(release.clone()).await?;
        let taken = one.take(mark).await;
        if taken.map_err(|error| unusable(format!("{one} cannot be claimed: {error:#}")))? {
            claimed.push((release, journalled));
            continue;
        }
        guardian.healed(journalled).await?;
        for (release, journalled) in claimed {
            release.apply().await?;
            guardian.healed(journalled).await?;
        }
        return Err(unusable(one.taken("another run")));
    }
    Ok(claimed)
}

impl Claimed {
    /// Claims it, unless it is claimed already.
    async fn take(&self, mark: &str) -> Result<bool> {
        match self {
            Self::Redis(doors) => {
                let set = cmd("SET").arg(KEY).arg(mark).arg("NX").to_owned();
                Ok(on_any_master(doors, &set).await? == Value::Okay)
            }
            Self::Proxies(api) => {
                // It leads nowhere, and carries the mark.
                let proxy = NewProxy::new(KEY, "127.0.0.1:0", &format!("{mark}:1"));
                let proxy = NewProxy { enabled: false, ..proxy };
                match Client::with_base(api).create(&proxy).await {
                    Ok(_) => Ok(true),
                    Err(error) if error.status() == Some(409) => Ok(false),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// The mark of the run that has claimed it, as the first that answers tells.
    pub(super) async fn holder(&self) -> Result<Option<String>> {
        match self {
            Self::Redis(doors) => {
                let mut told = Ok(None);
                for door in doors {
                    told = holder(&mut Admin::new(door.clone())).await;
                    if told.is_ok() {
                        break;
                    }
                }
                told
            }
            Self::Proxies(api) => match Client::with_base(api).proxy(KEY).await {
                Ok(proxy) => Ok(Some(mark_of(&proxy).to_owned())),
                Err(error) if error.status() == Some(404) => Ok(None),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Releases what the run with this mark has claimed, and says what was so.
    pub(super) async fn release(&self, mark: &str) -> Result<String> {
        let is_own = match self {
            Self::Redis(doors) => {
                on_master(doors, async |master: &mut Admin| {
                    let is_own = holder(master).await?.as_deref() == Some(mark);
                    if is_own {
                        master.ask::<i64>(cmd("DEL").arg(KEY), ANSWERS_WITHIN).await?;
                    }
                    Ok(is_own)
                })
                .await?
            }
            Self::Proxies(api) => {
                let is_own = self.holder().await?.as_deref() == Some(mark);
                if is_own {
                    Client::with_base(api).delete(KEY).await?;
                }
                is_own
            }
        };
        Ok(if is_own { "released" } else { "it is not there any more" }.to_owned())
    }

    /// What is said of it when it is claimed.
    pub(super) fn taken(&self, by: &str) -> String {
        let by_hand = match self {
            Self::Redis(_) => format!("DEL {KEY}"),
            Self::Proxies(api) => format!("curl -X DELETE {api}/proxies/{KEY}"),
        };
        format!(
            "{self} is in use by {by}: '{KEY}' is there. Wait until that run is over; 'redrill \
             heal RUN' releases what one that was killed has left, and where its folder is lost, \
             {by_hand}"
        )
    }
}

impl fmt::Display for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(doors) => {
                let doors: Vec<String> = doors.iter().map(Door::to_string).collect();
                write!(f, "the Redis at {}", doors.join(", "))
            }
            Self::Proxies(api) => write!(f, "the Toxiproxy at {api}"),
        }
    }
}

/// The mark that the claim on the proxies carries.
pub(super) fn mark_of(proxy: &Proxy) -> &str {
    proxy.upstream.strip_suffix(":1").unwrap_or(&proxy.upstream)
}

/// Who has claimed a node's Redis: the mark of that run.
pub(super) async fn holder(node: &mut Admin) -> Result<Option<String>> {
    node.ask(cmd("GET").arg(KEY), ANSWERS_WITHIN).await
}

/// What another run has claimed since of what these remedies are for, as it is told.
pub(super) async fn taken_by_another(remedies: impl Iterator<Item = &Remedy>) -> Option<String> {
    for remedy in remedies {
        let Remedy::Release { claimed, mark } = remedy else { continue };
        if let Ok(Some(holder)) = claimed.holder().await
            && holder != *mark
        {
            return Some(format!(
                "{claimed} is in use by the run {holder} meanwhile, and to undo anything now could \
                 undo what is that run's: wait until it is over"
            ));
        }
    }
    None
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
