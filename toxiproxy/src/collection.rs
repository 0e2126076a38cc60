//! The proxies of a server, by name. Reading never waits for a change under way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::api::body::Fields;
use crate::api::error::ApiError;
use crate::proxy::{Manners, Proxy, Server};
use crate::toxic::Toxic;

/// The proxies of a server.
pub(crate) struct Collection {
    server: Server,
    proxies: Mutex<BTreeMap<String, Arc<Proxy>>>,
    /// Held while proxies come and go, which may wait for a name to resolve.
    changes: tokio::sync::Mutex<()>,
}

/// A proxy as a request describes it.
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) listen: String,
    pub(crate) upstream: String,
    pub(crate) enabled: bool,
    /// An extension: how it takes connections.
    pub(crate) manners: Manners,
    /// An extension: the toxics that it starts with.
    pub(crate) toxics: Vec<Toxic>,
}

impl Wanted {
    /// A proxy from an object of a request; `place` follows the name of a field that is missing.
    ///
    /// # Errors
    /// A wrong type, a missing field, a wrong toxic.
    pub(crate) fn parse(given: &Fields, place: &str) -> Result<Wanted, ApiError> {
        let required = |name: &str| match given.text(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(ApiError::missing_field(&format!("{name}{place}"))),
        };
        Ok(Wanted {
            name: required("name")?,
            listen: given.text("listen")?.unwrap_or_default(),
            upstream: required("upstream")?,
            enabled: given.boolean("enabled")?.unwrap_or(true),
            manners: Manners::default().merged(given)?,
            toxics: toxics(given)?,
        })
    }
}

fn toxics(given: &Fields) -> Result<Vec<Toxic>, ApiError> {
    let mut toxics: Vec<Toxic> = Vec::new();
    for toxic in given.array("toxics")? {
        let toxic = Toxic::parse(&Fields::of(toxic, "toxics.ToxicWrapper")?)?;
        if toxics.iter().any(|other| other.name == toxic.name) {
            return Err(ApiError::toxic_already_exists());
        }
        toxics.push(toxic);
    }
    Ok(toxics)
}

impl Collection {
    /// No proxies.
    pub(crate) fn new(server: Server) -> Collection {
        let proxies = Mutex::new(BTreeMap::new());
        Collection { server, proxies, changes: tokio::sync::Mutex::new(()) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Proxy>>> {
        self.proxies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every proxy, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Proxy>> {
        self.lock().values().cloned().collect()
    }

    /// The proxy of this name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn get(&self, name: &str) -> Result<Arc<Proxy>, ApiError> {
        self.lock().get(name).cloned().ok_or_else(ApiError::proxy_not_found)
    }

    /// Adds a proxy and starts it if it is to be enabled.
    ///
    /// # Errors
    /// The name is taken, or it cannot listen; nothing is added then.
    pub(crate) async fn add(&self, wanted: Wanted) -> Result<Arc<Proxy>, ApiError> {
        let _changing = self.changes.lock().await;
        if self.lock().contains_key(&wanted.name) {
            return Err(ApiError::proxy_already_exists());
        }
        self.insert(wanted).await
    }

    async fn insert(&self, wanted: Wanted) -> Result<Arc<Proxy>, ApiError> {
        let Wanted { name, listen, upstream, enabled, manners, toxics } = wanted;
        let proxy = Arc::new(Proxy::new(name, listen, upstream, self.server));
        proxy.set_manners(manners);
        proxy.set_toxics(toxics).await;
        if enabled {
            proxy.start().await?;
        }
        self.lock().insert(proxy.name.clone(), Arc::clone(&proxy));
        Ok(proxy)
    }

    /// Adds proxies. One that exists with the same addresses is kept as it is (with the given
    /// toxics, if there are any); otherwise it is replaced.
    ///
    /// # Errors
    /// The first refusal; what was done until then stays, as upstream, and is given back.
    pub(crate) async fn populate(
        &self,
        wanted: Vec<Wanted>,
    ) -> (Vec<Arc<Proxy>>, Option<ApiError>) {
        let _changing = self.changes.lock().await;
        let mut done = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            match self.add_or_replace(wanted).await {
                Ok(proxy) => done.push(proxy),
                Err(error) => return (done, Some(error)),
            }
        }
        (done, None)
    }

    async fn add_or_replace(&self, wanted: Wanted) -> Result<Arc<Proxy>, ApiError> {
        let existing = self.lock().get(&wanted.name).cloned();
        let Some(existing) = existing else { return self.insert(wanted).await };
        if !existing.differs(&wanted.listen, &wanted.upstream).await? {
            if !wanted.toxics.is_empty() {
                existing.set_toxics(wanted.toxics).await;
            }
            return Ok(existing);
        }
        if wanted.enabled {
            existing.check_may_move(&wanted.listen).await?;
        }
        let did_listen = existing.route().enabled;
        existing.stop().await;
        let added = self.insert(wanted).await;
        if added.is_ok() {
            existing.retire().await;
        } else if did_listen {
            // What was wanted failed after the check; the old one is still what the name means.
            existing.start().await?;
        }
        added
    }

    /// Stops a proxy and forgets it.
    ///
    /// # Errors
    /// There is none of this name.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), ApiError> {
        let _changing = self.changes.lock().await;
        let proxy = self.get(name)?;
        proxy.retire().await;
        self.lock().remove(name);
        Ok(())
    }
}
