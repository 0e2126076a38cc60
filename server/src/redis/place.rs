//! Where a role's Redis is, and who says so.

use std::time::Duration;

use tokio::sync::watch;

use super::address::Address;
use super::cluster::Board;
use super::sentinel::Discovery;

/// A node that somebody names, with the epoch by which it is what it is named for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) address: Address,
    pub(crate) epoch: u64,
}

/// What one connection goes to.
#[derive(Clone)]
pub(crate) enum Place {
    /// The node at one address.
    Fixed(Address),
    /// The master that the Sentinels name.
    Sentinel(Discovery),
    /// The master of a cluster at this address.
    Member(Board, Address),
    /// Whoever owns this slot of a cluster.
    Slot(Board, u16),
}

/// Where others watch, the next master may be named at any moment: attempts stay frequent.
const LONGEST_PAUSE_WHEN_NAMED: Duration = Duration::from_millis(50);

impl Place {
    /// Follows the node that is named.
    pub(super) fn follow(&self) -> watch::Receiver<Option<Named>> {
        match self {
            Self::Fixed(address) | Self::Member(_, address) => {
                watch::channel(Some(Named { address: address.clone(), epoch: 0 })).1
            }
            Self::Sentinel(discovery) => discovery.follow(),
            Self::Slot(board, slot) => board.follow_slot(*slot),
        }
    }

    /// Has whoever names nodes look again.
    pub(super) fn ask(&self) {
        match self {
            Self::Fixed(_) => {}
            Self::Sentinel(discovery) => discovery.ask(),
            Self::Member(board, _) | Self::Slot(board, _) => board.ask(),
        }
    }

    /// The longest pause between two attempts to connect.
    pub(super) fn longest_pause(&self, set: Duration) -> Duration {
        match self {
            Self::Fixed(_) => set,
            _ => set.min(LONGEST_PAUSE_WHEN_NAMED),
        }
    }
}
