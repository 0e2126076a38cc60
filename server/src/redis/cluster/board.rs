//! Who owns which slot, kept up to date by asking every node of the cluster.
//!
//! One watcher a node, replicas too: a promoted replica is the first that knows of its promotion.
//! Watchers ask in turn while all is calm, and all at once when a command was redirected or a
//! connection lost.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::RedisError;
use tokio::sync::{broadcast, watch};

use super::map::{Report, SlotMap};
use crate::redis::address::{Address, Dialer};
use crate::redis::connect::{AbortOnDrop, Login, bare};
use crate::redis::place::Named;
use crate::redis::told::{Told, tell};

/// How long one node in turn is left alone; with n nodes each is asked once in n times this, so
/// that a large cluster is asked no more often than a small one.
const TURN: Duration = Duration::from_millis(100);
const PAUSE_IN_TROUBLE: Duration = Duration::from_millis(50);
/// A node that does not answer in this time is asked again over a new connection.
const PATIENCE: Duration = Duration::from_millis(1500);

struct Shared {
    seeds: Vec<Address>,
    login: Login,
    dialer: Dialer,
    reports: Mutex<HashMap<Address, Report>>,
    watched: Mutex<HashSet<Address>>,
    map: watch::Sender<Arc<SlotMap>>,
    ask: broadcast::Sender<()>,
}

/// What is known of one cluster.
#[derive(Clone)]
pub(crate) struct Board(Arc<Shared>);

impl Board {
    /// Starts watching the nodes at `seeds` and all others that they know.
    pub(crate) fn start(seeds: &[Address], login: &Login, dialer: &Dialer) -> Self {
        let board = Self(Arc::new(Shared {
            seeds: seeds.to_vec(),
            login: login.clone(),
            dialer: dialer.within(PATIENCE),
            reports: Mutex::default(),
            watched: Mutex::default(),
            map: watch::channel(Arc::default()).0,
            ask: broadcast::channel(64).0,
        }));
        board.watch(seeds);
        board
    }

    pub(super) fn follow(&self) -> watch::Receiver<Arc<SlotMap>> {
        self.0.map.subscribe()
    }

    /// Follows the owner of one slot.
    pub(crate) fn follow_slot(&self, slot: u16) -> watch::Receiver<Option<Named>> {
        let mut map = self.follow();
        let (sender, named) = watch::channel(None);
        tokio::spawn(async move {
            loop {
                let owner = map.borrow_and_update().owner(slot).cloned();
                sender.send_if_modified(|current: &mut Option<Named>| {
                    let is_new = owner.is_some()
                        && current.as_ref().map(|named| &named.address) != owner.as_ref();
                    if is_new {
                        *current = owner.map(|address| Named { address, epoch: 0 });
                    }
                    is_new
                });
                tokio::select! {
                    changed = map.changed() => if changed.is_err() { return },
                    () = sender.closed() => return,
                }
            }
        });
        named
    }

    /// Asks all nodes now: a connection was lost, or a node has said that it is not the right one.
    pub(crate) fn ask(&self) {
        let _ = self.0.ask.send(());
    }

    /// Notes a redirection, which holds until the next change in what the nodes say.
    pub(super) fn moved(&self, slot: u16, master: &Address) {
        self.0.map.send_if_modified(|map| {
            if map.owner(slot) == Some(master) {
                return false;
            }
            Arc::make_mut(map).give(slot, master);
            true
        });
        self.ask();
    }

    fn reports(&self) -> MutexGuard<'_, HashMap<Address, Report>> {
        self.0.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Files what the node at `from` says, or that it says nothing any more.
    fn file(&self, from: &Address, report: Option<Report>) {
        let nodes = report.as_ref().map(|report| report.nodes.clone()).unwrap_or_default();
        let mut reports = self.reports();
        let before = match report {
            Some(report) if reports.get(from) == Some(&report) => return,
            Some(report) => reports.insert(from.clone(), report),
            None => reports.remove(from),
        };
        if before.is_none() && !reports.contains_key(from) {
            return;
        }
        let merged = SlotMap::merge(reports.values());
        drop(reports);
        self.watch(&nodes);
        // Where nobody says anything, what was known last is the best guess.
        self.0.map.send_if_modified(|map| {
            let is_new = !merged.masters.is_empty() && **map != merged;
            if is_new {
                tracing::info!(masters = ?merged.masters, "the cluster's slots are known");
                *map = Arc::new(merged);
            }
            is_new
        });
    }

    fn watched(&self) -> MutexGuard<'_, HashSet<Address>> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, nodes: &[Address]) {
        for node in nodes {
            if self.watched().insert(node.clone()) {
                tokio::spawn(Watcher { address: node.clone(), board: self.clone() }.run());
            }
        }
    }
}

struct Watcher {
    address: Address,
    board: Board,
}

impl Watcher {
    /// Watches for as long as the node is a seed or known to any other.
    async fn run(self) {
        let mut told = Told::default();
        while self.is_wanted() {
            if let Err(error) = self.ask().await {
                let (node, reason) = (&self.address, error.to_string());
                tell!(told, &reason, %node, reason, "lost a node of the cluster");
            }
            self.board.file(&self.address, None);
            tokio::time::sleep(PAUSE_IN_TROUBLE).await;
        }
        self.board.watched().remove(&self.address);
    }

    fn is_wanted(&self) -> bool {
        let known = |report: &Report| report.nodes.contains(&self.address);
        self.board.0.seeds.contains(&self.address) || self.board.reports().values().any(known)
    }

    /// Asks until the connection is lost.
    async fn ask(&self) -> Result<(), RedisError> {
        let Shared { dialer, login, ask, .. } = &*self.board.0;
        let (mut connection, driver) = bare(dialer, &self.address, login).await?;
        let _ends_with_this = AbortOnDrop(driver);
        let mut asked = ask.subscribe();
        let nodes = redis::cmd("CLUSTER").arg("NODES").to_owned();
        loop {
            let answer = nodes.query_async::<String>(&mut connection);
            let answer = tokio::time::timeout(PATIENCE, answer).await;
            let text = answer.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
            self.board.file(&self.address, Some(Report::read(&text, &self.address)));
            let turns = u32::try_from(self.board.watched().len()).unwrap_or(1);
            tokio::select! {
                _ = asked.recv() => {}
                () = tokio::time::sleep(TURN * turns) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Address {
        Address { host: "127.0.0.1".to_owned(), port }
    }

    #[tokio::test]
    async fn the_map_follows_what_is_said_and_stays_when_nobody_speaks() {
        let dialer = Dialer { source: None, timeout: Duration::from_millis(1), tls: None };
        let board = Board::start(&[], &Login::default(), &dialer);
        let owner = |slot| board.follow().borrow().owner(slot).cloned();
        let says = |text: &str| Some(Report::read(text, &at(1)));
        board.file(&at(1), says("a 127.0.0.1:1@1 master - 0 0 1 connected 0-16383"));
        let mut fifth = board.follow_slot(5);
        fifth.changed().await.expect("it is known");
        assert_eq!(owner(5), Some(at(1)));
        board.moved(5, &at(2));
        fifth.changed().await.expect("it moves");
        assert_eq!((owner(5), owner(6)), (Some(at(2)), Some(at(1))));
        board.file(&at(1), None);
        assert_eq!(owner(5), Some(at(2)));
        board.file(&at(2), says("b 127.0.0.1:2@1 master - 0 0 2 connected 0-16383"));
        assert_eq!(owner(6), Some(at(2)));
    }
}
