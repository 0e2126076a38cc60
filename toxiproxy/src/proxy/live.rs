//! A proxy's live connections and the settings that they obey.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use super::control::{Control, Settings};
use super::manners::Manners;
use super::traffic::Flow;

/// How long a call waits until the connections obey. They do at once, unless the machine is
/// overloaded; then they obey as soon as they run.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(1);

/// What a proxy's acceptor and connections share.
pub(super) struct Live {
    seed: u64,
    name: String,
    last_id: AtomicU64,
    pub(super) up: Arc<Flow>,
    pub(super) down: Arc<Flow>,
    /// Connections that were to be followed and are no conversation with Redis.
    pub(super) untouched: Arc<AtomicU64>,
    /// Whether plain connections may be relayed.
    pub(super) may_relay: bool,
    /// Connections that are being relayed.
    pub(super) relayed: AtomicU64,
    manners: Mutex<Manners>,
    /// The upstream refused, and so is the proxy to.
    pub(super) upstream_refused: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    settings: Arc<Settings>,
    connections: HashMap<u64, Arc<Control>>,
    accepted: u64,
}

/// A connection's entry among the live ones, until it is dropped.
pub(super) struct Registered {
    pub(super) control: Arc<Control>,
    pub(super) settings: Arc<Settings>,
    /// The connection's own seed.
    pub(super) seed: u64,
    number: u64,
    pub(super) live: Arc<Live>,
}

/// A change that was posted to the connections.
pub(super) struct Posted(mpsc::Receiver<Infallible>);

impl Posted {
    /// Waits until every connection obeys.
    pub(super) async fn in_force(mut self) {
        // Nothing is ever sent: the channel closes when the last connection has obeyed.
        if timeout(IN_FORCE_WITHIN, self.0.recv()).await.is_err() {
            tracing::warn!("connections have not taken up a change within {IN_FORCE_WITHIN:?}");
        }
    }
}

impl Live {
    /// No connections, no toxics.
    pub(super) fn new(seed: u64, name: &str, may_relay: bool) -> Live {
        Live {
            seed,
            name: name.to_owned(),
            last_id: AtomicU64::new(0),
            up: Arc::default(),
            down: Arc::default(),
            untouched: Arc::default(),
            may_relay,
            relayed: AtomicU64::new(0),
            manners: Mutex::default(),
            upstream_refused: Notify::new(),
            state: Mutex::default(),
        }
    }

    /// How connections are taken.
    pub(super) fn manners(&self) -> Manners {
        *self.manners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next connections in this way.
    pub(super) fn set_manners(&self, manners: Manners) {
        *self.manners.lock().unwrap_or_else(PoisonError::into_inner) = manners;
    }

    /// A toxic's identity.
    pub(super) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings as they are now.
    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.lock().settings)
    }

    /// Changes the settings and posts them to every connection; on an error nothing is changed.
    pub(super) fn change<E>(
        &self,
        change: impl FnOnce(&mut Settings) -> Result<(), E>,
    ) -> Result<Posted, E> {
        let (in_force, posted) = mpsc::channel(1);
        let mut state = self.lock();
        let mut settings = Settings::clone(&state.settings);
        change(&mut settings)?;
        state.settings = Arc::new(settings);
        for control in state.connections.values() {
            control.post(Arc::clone(&state.settings), in_force.clone());
        }
        Ok(Posted(posted))
    }

    /// Changes the settings where nothing can be wrong.
    pub(super) fn set(&self, change: impl FnOnce(&mut Settings)) -> Posted {
        let changed = self.change::<Infallible>(|settings| {
            change(settings);
            Ok(())
        });
        match changed {
            Ok(posted) => posted,
            Err(never) => match never {},
        }
    }

    /// Lets connections live.
    pub(super) fn open(&self) {
        drop(self.set(|settings| settings.closing = false));
    }

    /// Closes every connection.
    pub(super) async fn close(&self) {
        self.set(|settings| settings.closing = true).in_force().await;
    }

    /// From where the live connections reach the upstream.
    pub(super) fn sources(&self) -> Vec<SocketAddr> {
        let state = self.lock();
        state.connections.values().filter_map(|control| control.source.get().copied()).collect()
    }

    /// Connections and bytes until now, as the API shows them.
    pub(super) fn to_json(&self) -> Value {
        let state = self.lock();
        json!({
            "live": state.connections.len(),
            "accepted": state.accepted,
            "relayed": self.relayed.load(Ordering::Relaxed),
            "not_resp": self.untouched.load(Ordering::Relaxed),
            "upstream": self.up.to_json(),
            "downstream": self.down.to_json(),
        })
    }

    /// Counts a connection among the live ones.
    pub(super) fn register(self: &Arc<Live>) -> Registered {
        let control = Arc::new(Control::default());
        let mut state = self.lock();
        state.accepted += 1;
        let number = state.accepted;
        state.connections.insert(number, Arc::clone(&control));
        let settings = Arc::clone(&state.settings);
        drop(state);
        let seed = crate::random::derived_seed(self.seed, (&self.name, number));
        Registered { control, settings, seed, number, live: Arc::clone(self) }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.live.lock().connections.remove(&self.number);
    }
}
