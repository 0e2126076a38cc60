//! Presence: who is connected, over all instances, told to everyone as it changes.

mod hub;
mod registry;
mod routes;
mod socket;
mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hub::Hub;
use registry::Registry;
pub(crate) use routes::OPERATIONS;
use store::Store;
use tokio::sync::watch;

use crate::metrics::Metrics;
use crate::redis::{Failure, Link};
use crate::settings::Settings;

/// How long a stop waits for sockets to say goodbye.
pub(crate) const GOODBYE: Duration = Duration::from_secs(3);

/// What sockets and routes share.
pub(crate) struct Presence {
    instance: String,
    ping: Duration,
    patience: Duration,
    store: Arc<Store>,
    registry: Registry,
    hub: Arc<Hub>,
    sockets: AtomicU64,
    closing: watch::Sender<bool>,
}

impl Presence {
    pub(crate) fn start(settings: &Settings, link: &Link, metrics: &Arc<Metrics>) -> Self {
        let ttl = settings.presence.ttl;
        let store = Arc::new(Store::new(link, ttl));
        Self {
            instance: settings.instance.clone(),
            ping: settings.presence.ping,
            patience: settings.redis.command_timeout,
            registry: Registry::start(Arc::clone(&store), ttl),
            hub: Hub::start(Arc::clone(&store), ttl, metrics),
            store,
            sockets: AtomicU64::new(0),
            closing: watch::channel(false).0,
        }
    }

    /// Open sockets of this instance.
    pub(crate) fn sockets(&self) -> u64 {
        self.sockets.load(Ordering::Relaxed)
    }

    /// How many users are online, on any instance.
    ///
    /// # Errors
    /// Redis could not be asked.
    pub(crate) async fn online(&self) -> Result<u64, Failure> {
        Ok(self.store.online().await?.len() as u64)
    }

    /// Tells all sockets that this instance goes away.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until the sockets are gone, from Redis too; what is left lapses.
    pub(crate) async fn leave(&self) {
        let gone = async {
            while self.sockets() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.registry.settle().await;
        };
        let _ = tokio::time::timeout(GOODBYE, gone).await;
    }
}
