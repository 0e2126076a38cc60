//! Is the Redis of a service fit for it? Facts are gathered from each node, then examined by checks
//! that are pure functions of them.

mod checks;
mod gather;
mod node;
mod places;

use std::time::Duration;

use checks::CHECKS;
use serde::Serialize;

use crate::settings::Settings;

/// How thoroughly nodes are examined.
#[derive(Debug, Clone, Copy)]
pub struct Depth {
    /// `PING`s that the latency is taken from.
    pub pings: u32,
    /// The most keys of a database whose size is asked for.
    pub keys: u32,
    /// The longest that looking for large keys may take in a database of a node.
    pub scan: Duration,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Well,
    /// It could not be found out.
    Unknown,
    /// Something has to be changed.
    Ill,
}

/// What one check found at one node.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnosis {
    /// The check's name.
    pub check: &'static str,
    /// The roles that live on the node, or are watched over by the Sentinel.
    pub roles: Vec<&'static str>,
    /// Its address.
    pub node: String,
    /// How it is.
    pub state: State,
    /// What was found, in words and figures.
    pub found: String,
    /// What to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// What a check says of a node.
struct Opinion {
    state: State,
    found: String,
    advice: Option<String>,
}

impl Opinion {
    fn well(found: impl Into<String>) -> Self {
        Self { state: State::Well, found: found.into(), advice: None }
    }

    fn unknown(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Unknown, found: found.into(), advice: Some(advice.into()) }
    }

    fn ill(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Ill, found: found.into(), advice: Some(advice.into()) }
    }

    fn of(self, check: &'static str, roles: &[&'static str], node: &str) -> Diagnosis {
        let Self { state, found, advice } = self;
        Diagnosis { check, roles: roles.to_vec(), node: node.to_owned(), state, found, advice }
    }
}

/// Examines every node that the settings name or lead to.
pub async fn examine(settings: &Settings, depth: Depth) -> Vec<Diagnosis> {
    let (places, mut all) = places::find(settings).await;
    for place in places {
        match gather::node(settings, &place, depth).await {
            Ok(node) => {
                let says = |check: &&dyn checks::Check| {
                    check.examine(&node).of(check.name(), &place.roles, &node.address)
                };
                all.extend(CHECKS.iter().map(says));
            }
            Err(why) => all.push(unreachable(&why).of(
                "connectivity",
                &place.roles,
                &place.address.to_string(),
            )),
        }
    }
    all
}

fn unreachable(why: &str) -> Opinion {
    let advice = "start it, or correct the host, the port and the password of these roles; see \
                  that no firewall is between";
    Opinion::ill(format!("it cannot be used: {why}"), advice)
}
