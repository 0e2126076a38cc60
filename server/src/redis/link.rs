//! What a capability holds of its role: the way to the node that has a key.

use std::sync::Arc;
use std::time::Duration;

use redis::Cmd;
use tokio::sync::watch;
use tokio::time::Instant;

use super::call::{Answer, Repeat};
use super::cluster::{Cluster, slot};
use super::failure::Failure;
use super::place::Place;
use super::wire::{Live, Plan, Wire};
use crate::clock;

/// A role's connections.
#[derive(Clone)]
pub(crate) struct Link {
    pub(super) plan: Arc<Plan>,
    pub(super) way: Way,
}

#[derive(Clone)]
pub(super) enum Way {
    /// One node has all keys.
    One(Wire),
    /// To a cluster: each key has its node.
    Each(Cluster),
    /// To the node of a cluster that has the keys of one slot.
    Slot(Wire, Cluster),
}

impl Link {
    /// To a node, or to whom the Sentinels name.
    pub(super) fn to_one(plan: Plan, place: Place) -> Self {
        let plan = Arc::new(plan);
        let wire = Wire::start(Arc::clone(&plan), place, watch::channel(0).0);
        Self { plan, way: Way::One(wire) }
    }

    /// To all masters of a cluster.
    pub(super) fn to_each(plan: Plan, board: super::cluster::Board) -> Self {
        let plan = Arc::new(plan);
        Self { way: Way::Each(Cluster::start(Arc::clone(&plan), board)), plan }
    }

    /// The name of a key or channel with the prefix that all of them have.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.plan.prefix)
    }

    /// May one command have both keys?
    pub(crate) fn together(&self, one: &str, other: &str) -> bool {
        let slot = |key: &str| slot::of_key(key.as_bytes());
        !matches!(self.way, Way::Each(_)) || slot(one) == slot(other)
    }

    /// The way to the node that has `key` and all that share its hash tag. In a cluster this is
    /// another connection, so that it can be followed, subscribed beside, and waited on.
    pub(crate) fn pinned(&self, key: &str) -> Self {
        match &self.way {
            Way::One(_) | Way::Slot(..) => self.clone(),
            Way::Each(cluster) => {
                let wire = cluster.pin(Arc::clone(&self.plan), slot::of_key(key.as_bytes()));
                Self { plan: Arc::clone(&self.plan), way: Way::Slot(wire, cluster.clone()) }
            }
        }
    }

    /// The same way under another plan, which is that of the connections pinned from here.
    pub(super) fn named(&self, plan: Plan) -> Self {
        Self { plan: Arc::new(plan), way: self.way.clone() }
    }

    /// The ways to each node that has keys of this role.
    pub(crate) fn nodes(&self) -> Vec<Self> {
        match &self.way {
            Way::One(_) | Way::Slot(..) => vec![self.clone()],
            Way::Each(cluster) => {
                let way = |wire| Self { plan: Arc::clone(&self.plan), way: Way::One(wire) };
                cluster.masters().into_iter().map(way).collect()
            }
        }
    }

    /// Is there a connection at this moment, in a cluster one for every slot?
    pub(crate) fn is_up(&self) -> bool {
        match &self.way {
            Way::One(wire) | Way::Slot(wire, _) => wire.node().is_some(),
            Way::Each(cluster) => cluster.is_up(),
        }
    }

    /// Is the breaker open, in a cluster that of any master: are commands refused at once?
    pub(crate) fn is_open(&self) -> bool {
        match &self.way {
            Way::One(wire) | Way::Slot(wire, _) => wire.is_open(),
            Way::Each(cluster) => cluster.is_open(),
        }
    }

    /// The run id of the one node that is connected at this moment.
    pub(crate) fn node(&self) -> Option<Arc<str>> {
        match &self.way {
            Way::One(wire) | Way::Slot(wire, _) => wire.node(),
            Way::Each(_) => None,
        }
    }

    /// Waits until another node than `known` is there and names it; used to notice a new master.
    /// Of a whole cluster it names the number of connections that were made.
    pub(crate) async fn next_node(&mut self, known: &str) -> Arc<str> {
        match &mut self.way {
            Way::One(wire) | Way::Slot(wire, _) => wire.next_node(known).await,
            Way::Each(cluster) => {
                let known = known.parse().unwrap_or(0);
                let mut connections = cluster.follow_connections();
                let next = connections.wait_for(|count| *count > known).await.map(|count| *count);
                match next {
                    Ok(count) => count.to_string().into(),
                    Err(_) => std::future::pending().await,
                }
            }
        }
    }

    /// The moment by which a command that begins now must have ended.
    pub(crate) fn deadline(&self) -> Instant {
        clock::now() + self.patience()
    }

    /// How long a command may take, from its first sending to its last.
    pub(crate) fn patience(&self) -> Duration {
        self.plan.command_timeout
    }

    /// The connection of the one node, waiting for it until `deadline`.
    pub(super) async fn live(&self, deadline: Instant) -> Option<Arc<Live>> {
        self.wire(0, deadline).await?.live(deadline).await
    }

    /// The connection to the owner of a slot.
    pub(super) async fn wire(&self, slot: u16, deadline: Instant) -> Option<Wire> {
        match &self.way {
            Way::One(wire) | Way::Slot(wire, _) => Some(wire.clone()),
            Way::Each(cluster) => cluster.owner(slot, deadline).await,
        }
    }

    /// Deletes keys and says how many there were, and who did it. In a cluster each key is a
    /// command of its own: they live in many slots.
    ///
    /// # Errors
    /// See [`Failure`]; where some may be deleted and others not, it is unknown.
    pub(crate) async fn unlink(&self, keys: &[String]) -> Result<Answer<u64>, Failure> {
        let Way::Each(_) = &self.way else {
            return self.call(redis::cmd("UNLINK").arg(keys), Repeat::Safe).await;
        };
        let commands: Vec<Cmd> =
            keys.iter().map(|key| redis::cmd("UNLINK").arg(key).to_owned()).collect();
        let all = commands.iter().map(|unlink| self.call::<u64>(unlink, Repeat::Safe));
        let mut total = None;
        let mut failed = None;
        for result in futures_util::future::join_all(all).await {
            match (result, &mut total) {
                (Ok(answer), None) => total = Some(answer),
                (Ok(answer), Some(total)) => total.value += answer.value,
                (Err(failure), _) => failed = Some(failure),
            }
        }
        match (failed, total) {
            (None, Some(total)) => Ok(total),
            (None, None) => Ok(Answer { value: 0, node: Arc::from("unknown") }),
            (Some(Failure::Refused(why)), Some(_)) => Err(Failure::Unknown(why)),
            (Some(failure), _) => Err(failure),
        }
    }
}
