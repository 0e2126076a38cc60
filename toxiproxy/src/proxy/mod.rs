//! A proxy: a listener, an upstream, toxics, and the connections between.

mod accept;
mod address;
mod connection;
mod control;
mod link;
mod live;
mod manners;
mod relay;
mod slot;
mod traffic;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::api::body::{Fields, Problem};
use crate::api::error::ApiError;
use crate::cut::Cut;
use crate::toxic::{Direction, Toxic};
use accept::Acceptor;
#[cfg(test)]
pub(crate) use link::reset_on_drop;
use live::Live;
pub(crate) use manners::Manners;
#[cfg(test)]
pub(crate) use relay::is_available as is_relay_available;
use traffic::Flow;

/// Where a proxy listens, where it leads, and whether it does.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// Resolved once the proxy listens.
    pub(crate) listen: String,
    pub(crate) upstream: String,
    pub(crate) enabled: bool,
}

impl Route {
    /// This route with the given parts in their place.
    fn merged(self, given: &Fields) -> Result<Route, Problem> {
        Ok(Route {
            listen: given.text("listen")?.unwrap_or(self.listen),
            upstream: given.text("upstream")?.unwrap_or(self.upstream),
            enabled: given.boolean("enabled")?.unwrap_or(self.enabled),
        })
    }
}

/// What all proxies of a server have in common.
#[derive(Clone, Copy)]
pub(crate) struct Server {
    /// The seed of every random draw.
    pub(crate) seed: u64,
    /// No connection is relayed.
    pub(crate) is_portable: bool,
}

/// A proxy. Reading it never waits; changes of its route are made one after the other.
pub(crate) struct Proxy {
    pub(crate) name: String,
    route: Mutex<Route>,
    listening: tokio::sync::Mutex<Listening>,
    live: Arc<Live>,
}

/// Whether a proxy listens.
#[derive(Default)]
struct Listening {
    acceptor: Option<Acceptor>,
    /// It was deleted or replaced: whoever still has it cannot start it again, because nobody could
    /// find it to stop it.
    is_gone: bool,
}

impl Proxy {
    /// A proxy that does not listen yet.
    pub(crate) fn new(name: String, listen: String, upstream: String, server: Server) -> Proxy {
        let live = Arc::new(Live::new(server.seed, &name, !server.is_portable));
        let route = Mutex::new(Route { listen, upstream, enabled: false });
        Proxy { name, route, listening: tokio::sync::Mutex::default(), live }
    }

    /// Where it listens and leads now.
    pub(crate) fn route(&self) -> Route {
        self.route.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_route(&self, change: impl FnOnce(&mut Route)) {
        change(&mut self.route.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Listens, if it does not.
    ///
    /// # Errors
    /// An address that does not resolve or cannot be bound, in upstream's words; or it is gone.
    pub(crate) async fn start(&self) -> Result<(), ApiError> {
        let mut listening = self.listening.lock().await;
        self.start_locked(&mut listening).await
    }

    async fn start_locked(&self, listening: &mut Listening) -> Result<(), ApiError> {
        if listening.is_gone {
            return Err(ApiError::proxy_not_found());
        }
        if listening.acceptor.is_some() {
            return Ok(());
        }
        let Route { listen, upstream, .. } = self.route();
        let listener: TcpListener = address::listen(&listen).await.map_err(ApiError::internal)?;
        let bound = listener.local_addr().map_err(|error| ApiError::internal(error.to_string()))?;
        self.live.open();
        listening.acceptor = Some(Acceptor::spawn(listener, upstream, Arc::clone(&self.live)));
        self.set_route(|route| {
            route.listen = bound.to_string();
            route.enabled = true;
        });
        Ok(())
    }

    /// Refuses new connections and closes the live ones.
    pub(crate) async fn stop(&self) {
        let mut listening = self.listening.lock().await;
        self.stop_locked(&mut listening).await;
    }

    /// Stops for ever.
    pub(crate) async fn retire(&self) {
        let mut listening = self.listening.lock().await;
        listening.is_gone = true;
        self.stop_locked(&mut listening).await;
    }

    async fn stop_locked(&self, listening: &mut Listening) {
        if let Some(running) = listening.acceptor.take() {
            running.stop().await;
            self.live.close().await;
        }
        self.set_route(|route| route.enabled = false);
    }

    /// Whether it would listen or lead elsewhere with this route.
    ///
    /// # Errors
    /// An address to listen on that does not resolve, in upstream's words.
    pub(crate) async fn differs(&self, listen: &str, upstream: &str) -> Result<bool, ApiError> {
        let resolved = address::resolve(listen).await.map_err(ApiError::internal)?;
        let route = self.route();
        Ok(route.upstream != upstream || route.listen != resolved.to_string())
    }

    /// Takes the given route and manners, and starts or stops; what is not given stays. A changed
    /// address restarts the proxy, which closes its connections.
    ///
    /// # Errors
    /// A wrong type, or an address that does not resolve or cannot be bound; nothing is changed
    /// then.
    pub(crate) async fn update(&self, given: &Fields) -> Result<(), ApiError> {
        // What is not given is read under the lock, so that neither of two updates undoes the
        // other.
        let mut listening = self.listening.lock().await;
        if listening.is_gone {
            return Err(ApiError::proxy_not_found());
        }
        let wanted = self.route().merged(given)?;
        let manners = self.live.manners().merged(given)?;
        self.take_route(&mut listening, wanted).await?;
        self.live.set_manners(manners);
        Ok(())
    }

    async fn take_route(&self, listening: &mut Listening, wanted: Route) -> Result<(), ApiError> {
        let before = self.route();
        if self.differs(&wanted.listen, &wanted.upstream).await? {
            if wanted.enabled {
                self.check_free(&wanted.listen, listening.acceptor.is_some()).await?;
            }
            self.stop_locked(listening).await;
            self.set_route(|route| {
                route.listen = wanted.listen;
                route.upstream = wanted.upstream;
            });
        }
        if wanted.enabled {
            let started = self.start_locked(listening).await;
            if started.is_err() {
                // Its port was taken between the check and now, or could not be checked.
                let was_enabled = before.enabled;
                self.set_route(|route| *route = Route { enabled: false, ..before });
                if was_enabled {
                    self.start_locked(listening).await?;
                }
            }
            started
        } else {
            self.stop_locked(listening).await;
            Ok(())
        }
    }

    /// Whether it could listen there, as far as that can be told while it still listens itself.
    ///
    /// # Errors
    /// It could not, in upstream's words.
    pub(crate) async fn check_may_move(&self, listen: &str) -> Result<(), ApiError> {
        self.check_free(listen, self.listening.lock().await.acceptor.is_some()).await
    }

    async fn check_free(&self, listen: &str, listens: bool) -> Result<(), ApiError> {
        let address = address::resolve(listen).await.map_err(ApiError::internal)?;
        let is_in_its_own_way = |held: SocketAddr| {
            let (own, other) = (held.ip(), address.ip());
            let overlap = own == other || own.is_unspecified() || other.is_unspecified();
            held.port() == address.port() && overlap
        };
        if listens && self.route().listen.parse().is_ok_and(is_in_its_own_way) {
            return Ok(());
        }
        address::listen(listen).await.map(drop).map_err(ApiError::internal)
    }

    /// Takes the next connections in this way.
    pub(crate) fn set_manners(&self, manners: Manners) {
        self.live.set_manners(manners);
    }

    /// Its toxics: those on the way to the server first.
    pub(crate) fn toxics(&self) -> Vec<Arc<Toxic>> {
        let mut toxics = self.live.settings().toxics.clone();
        toxics.sort_by_key(|toxic| !toxic.acts_on(Direction::Upstream));
        toxics
    }

    /// The toxic of this name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn toxic(&self, name: &str) -> Result<Arc<Toxic>, ApiError> {
        let toxics = self.toxics();
        toxics.into_iter().find(|toxic| toxic.name == name).ok_or_else(ApiError::toxic_not_found)
    }

    /// Replaces every toxic by these.
    pub(crate) async fn set_toxics(&self, toxics: Vec<Toxic>) {
        let renewed = |toxic: Toxic| Arc::new(toxic.with_id(self.live.next_id()));
        let change = self.live.set(|settings| {
            settings.toxics = toxics.into_iter().map(renewed).collect();
            settings.toxics.iter().for_each(|toxic| self.expire(toxic));
        });
        change.in_force().await;
    }

    /// Adds a toxic behind the others of its direction, on live connections too.
    ///
    /// # Errors
    /// A wrong description, or a name that is taken; nothing is changed then.
    pub(crate) async fn add_toxic(&self, given: &Fields) -> Result<Value, ApiError> {
        let toxic = Toxic::parse(given)?;
        let shown = toxic.to_json();
        let change = self.live.change(|settings| {
            if settings.toxics.iter().any(|other| other.name == toxic.name) {
                return Err(ApiError::toxic_already_exists());
            }
            // Given its identity under the lock, so that identities rise along the list.
            let toxic = Arc::new(toxic.with_id(self.live.next_id()));
            self.expire(&toxic);
            settings.toxics.push(toxic);
            Ok(())
        })?;
        change.in_force().await;
        Ok(shown)
    }

    /// Removes a toxic when its time is over.
    fn expire(&self, toxic: &Toxic) {
        let Some(lasts) = toxic.scope.lasts else { return };
        let (id, live) = (toxic.id, Arc::downgrade(&self.live));
        tokio::spawn(async move {
            sleep(lasts).await;
            if let Some(live) = live.upgrade() {
                drop(live.set(|settings| settings.toxics.retain(|toxic| toxic.id != id)));
            }
        });
    }

    /// Changes a toxic's attributes and toxicity, on live connections too.
    ///
    /// # Errors
    /// No such toxic, or wrong values; nothing is changed then.
    pub(crate) async fn update_toxic(&self, name: &str, given: &Fields) -> Result<Value, ApiError> {
        let mut shown = Value::Null;
        let change = self.live.change::<ApiError>(|settings| {
            let toxic = settings.toxics.iter_mut().find(|toxic| toxic.name == name);
            let toxic = toxic.ok_or_else(ApiError::toxic_not_found)?;
            *toxic = Arc::new(toxic.updated(given)?);
            shown = toxic.to_json();
            Ok(())
        })?;
        change.in_force().await;
        Ok(shown)
    }

    /// Removes a toxic; what it held goes on at once.
    ///
    /// # Errors
    /// No such toxic.
    pub(crate) async fn remove_toxic(&self, name: &str) -> Result<(), ApiError> {
        let change = self.live.change(|settings| {
            let before = settings.toxics.len();
            settings.toxics.retain(|toxic| toxic.name != name);
            if settings.toxics.len() == before {
                return Err(ApiError::toxic_not_found());
            }
            Ok(())
        })?;
        change.in_force().await;
        Ok(())
    }

    /// Removes every toxic and heals every cut.
    pub(crate) async fn clear(&self) {
        let change = self.live.set(|settings| {
            settings.toxics.clear();
            settings.cut = Cut::default();
        });
        change.in_force().await;
    }

    /// Who is cut off.
    pub(crate) fn cut(&self) -> Cut {
        self.live.settings().cut.clone()
    }

    /// Cuts these peers off, and nobody else.
    pub(crate) async fn set_cut(&self, cut: Cut) {
        self.live.set(|settings| settings.cut = cut).in_force().await;
    }

    /// The bytes of a direction.
    pub(crate) fn flow(&self, direction: Direction) -> &Flow {
        match direction {
            Direction::Upstream => &self.live.up,
            Direction::Downstream => &self.live.down,
        }
    }

    /// Its connections and bytes until now, as the API shows them.
    pub(crate) fn traffic(&self) -> Value {
        self.live.to_json()
    }

    /// From where its live connections reach the upstream.
    pub(crate) fn sources(&self) -> Vec<SocketAddr> {
        self.live.sources()
    }

    /// As the API shows it.
    pub(crate) fn to_json(&self) -> Value {
        let route = self.route();
        let toxics: Vec<Value> = self.toxics().iter().map(|toxic| toxic.to_json()).collect();
        let mut shown = json!({
            "name": self.name,
            "listen": route.listen,
            "upstream": route.upstream,
            "enabled": route.enabled,
            "toxics": toxics,
        });
        self.live.manners().show(&mut shown);
        shown
    }
}
