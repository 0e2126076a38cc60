//! A Redis Cluster: each master one supervised connection, each command to the owner of its slot.
//!
//! Routing is our own. redis-rs' cluster client sends a command again after its connection was
//! lost, whether or not the command is safe to repeat, and with no retries it does not follow a
//! redirection either; a redirection, though, says that the command was not executed.

mod board;
mod map;
pub(crate) mod slot;

use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use board::Board;
use map::SlotMap;
use tokio::sync::watch;
use tokio::time::Instant;

use super::address::Address;
use super::place::Place;
use super::wire::{Plan, Wire};
use crate::clock;

/// The masters of one slot map, each with its connection, in the map's order.
#[derive(Default)]
struct Routes {
    map: Arc<SlotMap>,
    wires: Vec<Wire>,
}

/// One role's connections to a cluster.
#[derive(Clone)]
pub(crate) struct Cluster(Arc<Inner>);

struct Inner {
    plan: Arc<Plan>,
    board: Board,
    started: Instant,
    routes: watch::Receiver<Arc<Routes>>,
    /// To nodes that the map does not have yet, or has no more: where redirections lead.
    aside: Mutex<Vec<(Address, Wire)>>,
    connected: watch::Sender<u64>,
}

impl Cluster {
    /// Starts connecting to every master.
    pub(crate) fn start(plan: Arc<Plan>, board: Board) -> Self {
        let (sender, routes) = watch::channel(Arc::default());
        let connected = watch::channel(0).0;
        let tend = tend(Arc::clone(&plan), board.clone(), sender, connected.clone());
        tokio::spawn(tend);
        let (started, aside) = (clock::now(), Mutex::default());
        Self(Arc::new(Inner { plan, board, started, routes, aside, connected }))
    }

    /// The connection to the owner of a slot. Where no owner is known yet it is waited for, by the
    /// rule of [`Wire::live`].
    pub(crate) async fn owner(&self, slot: u16, deadline: Instant) -> Option<Wire> {
        let mut routes = self.0.routes.clone();
        let patience = deadline.min(self.0.started + self.0.plan.command_timeout);
        loop {
            {
                let routes = routes.borrow_and_update();
                if let Some(place) = routes.map.place(slot) {
                    return routes.wires.get(place).cloned();
                }
            }
            match tokio::time::timeout_at(patience, routes.changed()).await {
                Ok(Ok(())) => {}
                _ => return None,
            }
        }
    }

    /// A connection of its own to whoever owns a slot, for as long as it is held.
    pub(crate) fn pin(&self, plan: Arc<Plan>, slot: u16) -> Wire {
        let place = Place::Slot(self.0.board.clone(), slot);
        Wire::start(plan, place, watch::channel(0).0)
    }

    /// The connections to all masters.
    pub(crate) fn masters(&self) -> Vec<Wire> {
        self.0.routes.borrow().wires.clone()
    }

    /// Is every slot's owner connected at this moment?
    pub(crate) fn is_up(&self) -> bool {
        let routes = self.0.routes.borrow();
        routes.map.is_complete() && routes.wires.iter().all(|wire| wire.node().is_some())
    }

    /// Is a slot's owner connected at this moment?
    pub(crate) fn is_slot_up(&self, slot: u16) -> bool {
        let routes = self.0.routes.borrow();
        let wire = routes.map.place(slot).and_then(|place| routes.wires.get(place));
        wire.is_some_and(|wire| wire.node().is_some())
    }

    /// Is any master's breaker open, or has no map come in time?
    pub(crate) fn is_open(&self) -> bool {
        let routes = self.0.routes.borrow();
        let late = clock::now() >= self.0.started + self.0.plan.command_timeout;
        routes.wires.iter().any(Wire::is_open) || (late && !routes.map.is_complete())
    }

    /// Follows how many connections were made: each may be to a new master.
    pub(crate) fn follow_connections(&self) -> watch::Receiver<u64> {
        self.0.connected.subscribe()
    }

    /// Notes that a slot belongs to the node at `address`.
    pub(crate) fn moved(&self, slot: u16, address: &Address) {
        self.0.board.moved(slot, address);
    }

    /// The connection to the node at `address`, whatever it owns.
    pub(crate) fn at(&self, address: &Address) -> Wire {
        let routes = self.0.routes.borrow();
        let known = routes.map.masters.iter().position(|known| known == address);
        if let Some(wire) = known.and_then(|place| routes.wires.get(place)) {
            return wire.clone();
        }
        let mut aside = self.0.aside.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have become masters in the meantime are in the map by now.
        aside.retain(|(known, _)| !routes.map.masters.contains(known));
        if let Some((_, wire)) = aside.iter().find(|(known, _)| known == address) {
            return wire.clone();
        }
        let place = Place::Member(self.0.board.clone(), address.clone());
        let wire = Wire::start(Arc::clone(&self.0.plan), place, self.0.connected.clone());
        aside.push((address.clone(), wire.clone()));
        wire
    }
}

/// Keeps a connection to each master of the latest map, for as long as anyone routes by it.
async fn tend(
    plan: Arc<Plan>,
    board: Board,
    routes: watch::Sender<Arc<Routes>>,
    connected: watch::Sender<u64>,
) {
    let mut follow = board.follow();
    loop {
        let map = Arc::clone(&follow.borrow_and_update());
        let before = Arc::clone(&routes.borrow());
        let wires = map.masters.iter().map(|address| {
            let kept = before.map.masters.iter().position(|known| known == address);
            kept.and_then(|place| before.wires.get(place).cloned()).unwrap_or_else(|| {
                let place = Place::Member(board.clone(), address.clone());
                Wire::start(Arc::clone(&plan), place, connected.clone())
            })
        });
        let wires = wires.collect();
        routes.send_replace(Arc::new(Routes { map, wires }));
        tokio::select! {
            changed = follow.changed() => if changed.is_err() { return },
            () = routes.closed() => return,
        }
    }
}
