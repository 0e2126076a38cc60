//! What undoes a fault after its harness has died: done by the guardian, and by `redrill heal`
//! where the guardian died, too. Doing it twice does no harm.

use super::admin::Admin;
use super::claim::Claimed;
use super::door::Door;
use super::gone::Ways;
use super::outside::SETTLES_WITHIN;
use super::written::Written;
use super::{following, prefix};
use anyhow::{Context, Result, ensure};
use redis::cmd;
use redrill_toxiproxy::client::{Client, Error, Proxy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How long a node may take to answer. One that was paused answers when that is over.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How long something is tried that fails: a node that takes no connection may take one soon.
const TRIES_FOR: Duration = Duration::from_secs(20);

/// What is told of a proxy that has to be made again: the fault is undone all the same.
const PROXY_GONE: &str = "the proxy itself is not there any more, and the fault with it";

/// What undoes a fault that the harness could not heal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// Lets a stopped process of the group go on.
    Continue {
        /// Its process id.
        pid: u32,
    },
    /// The fault lives in processes of the group and ends with them.
    EndWithGroup,
    /// Removes a toxic.
    RemoveToxic {
        /// The URL of the proxies' API.
        api: String,
        /// The proxy.
        proxy: String,
        /// The toxic.
        toxic: String,
    },
    /// Lets a proxy listen again.
    Enable {
        /// The URL of the proxies' API.
        api: String,
        /// The proxy.
        proxy: String,
    },
    /// Gives a node its settings back.
    Configure {
        /// The node.
        door: Door,
        /// What they were.
        settings: BTreeMap<String, String>,
        /// How often it had written them to its file; none of a node that has no file.
        #[serde(default)]
        written: Option<Written>,
    },
    /// Lets a node's clients go on.
    Unpause {
        /// The node.
        door: Door,
    },
    /// Removes the keys of the run from the group's master.
    Unlink {
        /// Its nodes.
        doors: Vec<Door>,
        /// What the keys begin with.
        prefix: String,
        /// By what its nodes reach each other; journals of older versions have none.
        #[serde(default)]
        ways: Option<Ways>,
    },
    /// Gives free what the run has claimed.
    Release {
        /// What.
        claimed: Claimed,
        /// The mark of the run.
        mark: String,
    },
}

impl Remedy {
    /// Whether it is for something that outlives the processes of the harness.
    pub fn is_outside(&self) -> bool {
        !matches!(self, Self::Continue { .. } | Self::EndWithGroup)
    }

    /// What it is done to: two remedies of one place may not change places.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Continue { .. } | Self::EndWithGroup => String::new(),
            Self::RemoveToxic { api, proxy, .. } | Self::Enable { api, proxy } => {
                format!("{proxy} of {api}")
            }
            Self::Configure { door, .. } | Self::Unpause { door } => door.to_string(),
            Self::Unlink { prefix, .. } => prefix.clone(),
            Self::Release { claimed, .. } => claimed.to_string(),
        }
    }

    /// How long it is tried where it does not help at once.
    pub fn tries_for(&self) -> Duration {
        match self {
            // Who is master must be settled first.
            Self::Unlink { .. } | Self::Release { .. } => SETTLES_WITHIN,
            _ => TRIES_FOR,
        }
    }

    /// Whether it waits for all others to have helped: what is left is in the way of other runs.
    pub(super) fn is_last(&self) -> bool {
        matches!(self, Self::Release { .. })
    }

    /// What of the fault is gone though it was not healed, if anything.
    ///
    /// # Errors
    /// It cannot be told.
    pub async fn undone(&self) -> Result<Option<String>> {
        match self {
            Self::RemoveToxic { api, proxy, toxic } => {
                let now = Client::with_base(api).proxy(proxy).await;
                toxic_gone(now, proxy, toxic)
            }
            Self::Enable { api, proxy } => match Client::with_base(api).proxy(proxy).await {
                Ok(now) => Ok(now.enabled.then(|| format!("proxy {proxy} listens"))),
                Err(error) if is_absent(&error) => Ok(Some(format!("proxy {proxy} is gone"))),
                Err(error) => Err(error.into()),
            },
            _ => Ok(None),
        }
    }

    /// Does what is for outside, makes sure that it is done, and says what was so. What is inside
    /// is left to the guardian.
    ///
    /// # Errors
    /// It could not be done, or has not helped.
    pub async fn apply(&self) -> Result<String> {
        match self {
            Self::Continue { .. } | Self::EndWithGroup => {
                Ok("it ended with its process".to_owned())
            }
            Self::RemoveToxic { api, proxy, toxic } => remove_toxic(api, proxy, toxic).await,
            Self::Enable { api, proxy } => enable(api, proxy).await,
            Self::Configure { door, settings, written } => {
                configure(door, settings, written.as_ref()).await
            }
            Self::Unpause { door } => {
                let mut admin = Admin::new(door.clone());
                admin.ask::<()>(cmd("CLIENT").arg("UNPAUSE"), ANSWER_WITHIN).await?;
                admin.ask::<()>(&cmd("PING"), ANSWER_WITHIN).await?;
                Ok("its clients go on".to_owned())
            }
            Self::Unlink { doors, prefix, ways } => unlink(doors, prefix, ways.as_ref()).await,
            Self::Release { claimed, mark } => claimed.release(mark).await,
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Continue { pid } => write!(f, "process {pid} that stands still"),
            Self::EndWithGroup => f.write_str("a fault in a process of the run"),
            Self::RemoveToxic { proxy, toxic, .. } => write!(f, "toxic {toxic} on proxy {proxy}"),
            Self::Enable { proxy, .. } => write!(f, "proxy {proxy} that does not listen"),
            Self::Configure { door, settings, .. } => {
                let names: Vec<&str> = settings.keys().map(String::as_str).collect();
                write!(f, "{} of {door}", names.join(", "))
            }
            Self::Unpause { door } => write!(f, "paused clients of {door}"),
            Self::Unlink { prefix, .. } => write!(f, "keys that begin with '{prefix}'"),
            Self::Release { claimed, .. } => write!(f, "the run's claim on {claimed}"),
        }
    }
}

fn is_absent(error: &Error) -> bool {
    error.status() == Some(404)
}

async fn remove_toxic(api: &str, proxy: &str, toxic: &str) -> Result<String> {
    let client = Client::with_base(api);
    let mut told = match client.remove_toxic(proxy, toxic).await {
        Ok(()) => "removed",
        Err(error) if is_absent(&error) => "it is not there any more",
        Err(error) => return Err(error.into()),
    };
    match client.proxy(proxy).await {
        Ok(now) => {
            let is_left = now.toxics.iter().any(|left| left.name == toxic);
            ensure!(!is_left, "proxy {proxy} still has it");
        }
        Err(error) if is_absent(&error) => told = PROXY_GONE,
        Err(error) => return Err(error.into()),
    }
    Ok(told.to_owned())
}

async fn enable(api: &str, proxy: &str) -> Result<String> {
    let client = Client::with_base(api);
    match client.proxy(proxy).await {
        Ok(now) if now.enabled => return Ok("it listens already".to_owned()),
        Ok(_) => {}
        Err(error) if is_absent(&error) => return Ok(PROXY_GONE.to_owned()),
        Err(error) => return Err(error.into()),
    }
    ensure!(client.set_enabled(proxy, true).await?.enabled, "proxy {proxy} still does not listen");
    Ok("it listens again".to_owned())
}

async fn configure(
    door: &Door,
    settings: &BTreeMap<String, String>,
    written: Option<&Written>,
) -> Result<String> {
    let mut admin = Admin::new(door.clone());
    let mut told = Vec::new();
    for (name, value) in settings {
        let get = cmd("CONFIG").arg("GET").arg(name).to_owned();
        let now = async |admin: &mut Admin| -> Result<String> {
            let mut found: BTreeMap<String, String> = admin.ask(&get, ANSWER_WITHIN).await?;
            found.remove(name).with_context(|| format!("{door} has no setting {name}"))
        };
        if now(&mut admin).await? == *value {
            told.push(format!("{name} is {value} already"));
            continue;
        }
        let set = cmd("CONFIG").arg("SET").arg(name).arg(value).to_owned();
        admin.ask::<()>(&set, ANSWER_WITHIN).await?;
        let found = now(&mut admin).await?;
        ensure!(found == *value, "{name} is {found} and not {value} again");
        told.push(format!("{name} is {value} again"));
    }
    if Written::mend(written, &mut admin, ANSWER_WITHIN).await? {
        told.push("so is its file, which was written meanwhile".to_owned());
    }
    Ok(told.join(", "))
}

fn toxic_gone(
    now: redrill_toxiproxy::client::Result<Proxy>,
    proxy: &str,
    toxic: &str,
) -> Result<Option<String>> {
    match now {
        Ok(now) => {
            let is_left = now.toxics.iter().any(|left| left.name == toxic);
            Ok((!is_left).then(|| format!("proxy {proxy} has no toxic {toxic} any more")))
        }
        Err(error) if is_absent(&error) => Ok(Some(format!("proxy {proxy} is gone"))),
        Err(error) => Err(error.into()),
    }
}

/// From the node that all others follow; where none is, because the way to it is gone, that is said
/// rather than waited for.
async fn unlink(doors: &[Door], prefix: &str, ways: Option<&Ways>) -> Result<String> {
    let unlink = async |master: &mut Admin| prefix::unlink(master, prefix).await;
    match following::on_master(doors, unlink).await {
        Ok(0) => Ok("none is there any more".to_owned()),
        Ok(1) => Ok("one was there, and is removed".to_owned()),
        Ok(removed) => Ok(format!("{removed} were there, and are removed")),
        Err(error) => {
            if let Some(ways) = ways {
                ways.assert_there().await?;
            }
            Err(error)
        }
    }
}
