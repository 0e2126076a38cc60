//! On which connections a toxic acts, and how long: extensions of the API, all optional.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::api::body::{Fields, Problem};

/// The bounds of a toxic. By default it acts on every connection until it is removed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    peers: BTreeSet<IpAddr>,
    first: Option<u64>,
    /// How many directions of connections the `first` have been given to.
    taken: Arc<AtomicU64>,
    /// How long until it removes itself.
    pub(crate) lasts: Option<Duration>,
}

impl Scope {
    /// The bounds in the body of a request: `peers`, `first` and `for_ms`.
    ///
    /// # Errors
    /// What is no address, or a number that makes no sense.
    pub(crate) fn parse(given: &Fields) -> Result<Scope, Problem> {
        let positive = |name: &str| {
            let number = given.whole(name, "int64")?.map(|number| number.as_u64().unwrap_or(0));
            match number {
                Some(0) => Err(Problem(format!("{name} must be above 0"))),
                other => Ok(other),
            }
        };
        let peer = |peer: Value| {
            let address = peer.as_str().and_then(|text| text.parse().ok());
            address.ok_or_else(|| Problem(format!("peers must be IP addresses, got {peer}")))
        };
        Ok(Scope {
            peers: given.array("peers")?.into_iter().map(peer).collect::<Result<_, _>>()?,
            first: positive("first")?,
            taken: Arc::default(),
            lasts: positive("for_ms")?.map(Duration::from_millis),
        })
    }

    /// Whether it acts on connections of this peer.
    pub(crate) fn concerns(&self, peer: IpAddr) -> bool {
        self.peers.is_empty() || self.peers.contains(&peer.to_canonical())
    }

    /// Takes one of the places that `first` leaves, where a connection takes so many; false if
    /// there is none.
    pub(crate) fn take_place(&self, places_each: u64) -> bool {
        let Some(first) = self.first else { return true };
        self.taken.fetch_add(1, Ordering::Relaxed) < first.saturating_mul(places_each)
    }

    /// Whether it acts on all connections.
    pub(crate) fn has_places_for_all(&self) -> bool {
        self.first.is_none()
    }

    /// Adds what is set to what the API shows.
    pub(crate) fn show(&self, shown: &mut Map<String, Value>) {
        if !self.peers.is_empty() {
            shown.insert("peers".into(), json!(self.peers));
        }
        if let Some(first) = self.first {
            shown.insert("first".into(), json!(first));
        }
        if let Some(lasts) = self.lasts {
            shown.insert("for_ms".into(), json!(lasts.as_millis() as u64));
        }
    }
}
