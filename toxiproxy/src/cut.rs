//! Cutting peers off: an extension of the API that makes one proxy a row of a partition matrix.
//!
//! A proxy stands for the address of a node. While peers (source addresses) are cut from it, their
//! connections are frozen: the proxy neither reads nor writes, so nothing arrives, no FIN or RST
//! passes in either direction, and a sender sees its socket's buffer fill up. New connections are
//! accepted (a listener cannot leave a SYN unanswered) and frozen like the others: nothing is
//! dialled for them. What happens afterwards is the [`Mode`].

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What the proxy does to the connections of a peer that is cut off, and to them on healing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Frozen; on healing, a connection on which anything was sent or closed meanwhile is reset at
    /// both ends, so nothing sent during the cut is ever delivered; idle ones go on. The default.
    #[default]
    Drop,
    /// Frozen; on healing, what was sent meanwhile is delivered late and in order, as TCP's
    /// retransmission does after a short partition.
    Hold,
    /// Connections are reset at once, new ones as soon as they are accepted.
    Reset,
}

/// The peers that are cut off from a proxy, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// The source addresses of the peers. None: nobody is cut off.
    pub peers: BTreeSet<IpAddr>,
    /// What happens to their connections.
    #[serde(default)]
    pub mode: Mode,
}

impl Cut {
    /// Cuts these peers off, in the default mode.
    pub fn of(peers: impl IntoIterator<Item = IpAddr>) -> Cut {
        Cut { peers: peers.into_iter().collect(), mode: Mode::default() }
    }

    /// How this peer is cut off, if it is. An IPv4 address is itself also when mapped to IPv6.
    pub(crate) fn mode_for(&self, peer: IpAddr) -> Option<Mode> {
        self.peers.contains(&peer.to_canonical()).then_some(self.mode)
    }
}
