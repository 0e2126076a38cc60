//! The Redis layer: three roles, each one supervised connection, over redis-rs.

mod address;
mod batch;
mod call;
mod cluster;
mod connect;
mod durable;
mod failure;
mod link;
mod place;
mod plain;
mod reports;
mod script;
mod sentinel;
mod subscriber;
mod tls;
mod told;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use address::{Address, Dialer, is_host};
pub(crate) use call::{Answer, Repeat};
use cluster::Board;
pub(crate) use connect::{Login, bare};
pub(crate) use durable::Durable;
pub(crate) use failure::Failure;
pub(crate) use link::Link;
use place::Place;
use plain::Plain;
pub(crate) use script::{Invocation, Lua, Script, lua};
use sentinel::Discovery;
pub(crate) use subscriber::{Heard, subscribe};
pub(crate) use tls::Tls;
pub(crate) use told::{Told, tell};
use wire::Plan;

use crate::metrics::Metrics;
use crate::settings::{RedisSettings, RolePlace, RoleSettings};

/// The connections of an instance.
pub(crate) struct Redis {
    pub(crate) main: Link,
    pub(crate) cache: Link,
    pub(crate) sessions: Link,
    main_plan: Plan,
    main_way: Way,
}

/// Where a role's commands go, before anything is connected.
#[derive(Clone)]
enum Way {
    One(Place),
    Cluster(Board),
}

impl Way {
    fn link(&self, plan: Plan) -> Link {
        match self {
            Self::One(place) => Link::to_one(plan, place.clone()),
            Self::Cluster(board) => Link::to_each(plan, board.clone()),
        }
    }
}

/// Roles that live in one place are watched over once.
#[derive(Default)]
struct Watchers {
    sentinels: HashMap<RolePlace, Discovery>,
    clusters: HashMap<RolePlace, Board>,
}

impl Watchers {
    fn way(&mut self, role: &RoleSettings, settings: &RedisSettings) -> Way {
        let place = &role.place;
        match place {
            RolePlace::Node(address) => Way::One(Place::Fixed(address.clone())),
            RolePlace::Sentinels { .. } => {
                let discovery = self.sentinels.entry(place.clone());
                let discovery = discovery.or_insert_with(|| discovery_of(role, settings));
                Way::One(Place::Sentinel(discovery.clone()))
            }
            RolePlace::Cluster(seeds) => {
                let dialer = settings.dialer(role);
                let board = self.clusters.entry(place.clone());
                let board = board.or_insert_with(|| Board::start(seeds, &role.login, &dialer));
                Way::Cluster(board.clone())
            }
        }
    }
}

fn discovery_of(role: &RoleSettings, settings: &RedisSettings) -> Discovery {
    let RolePlace::Sentinels { addresses, master } = &role.place else {
        unreachable!("only Sentinels are asked who is master")
    };
    let (login, node) = (&role.sentinel_login, &role.login);
    let (dialer, node_dialer) = (&settings.sentinel_dialer, settings.dialer(role));
    if !settings.naive {
        return Discovery::start(addresses, master, login, node, dialer, &node_dialer);
    }
    match Plain::new(addresses, master, login, node) {
        Ok(plain) => Discovery::start_plain(plain),
        Err(error) => {
            tracing::error!(%error, "redis-rs does not take the Sentinels");
            Discovery::start(&[], master, login, node, dialer, &node_dialer)
        }
    }
}

impl Redis {
    /// Starts connecting; nothing waits for a connection until it is needed.
    pub(crate) fn start(settings: &RedisSettings, metrics: &Arc<Metrics>) -> Self {
        let mut watchers = Watchers::default();
        let mut role = |name, role: &RoleSettings| {
            let plan = Plan {
                name,
                prefix: settings.prefix.as_str().into(),
                login: role.login.clone(),
                dialer: settings.dialer(role),
                command_timeout: settings.command_timeout,
                longest_pause: settings.longest_pause,
                most_retries: settings.most_retries,
                naive: settings.naive,
                metrics: Arc::clone(metrics),
            };
            (plan, watchers.way(role, settings))
        };
        let (main_plan, main_way) = role("main", &settings.main);
        let (cache_plan, cache_way) = role("cache", &settings.cache);
        let (sessions_plan, sessions_way) = role("sessions", &settings.sessions);
        Self {
            main: main_way.link(main_plan.clone()),
            cache: cache_way.link(cache_plan),
            sessions: sessions_way.link(sessions_plan),
            main_plan,
            main_way,
        }
    }

    /// Every role by its name.
    pub(crate) fn roles(&self) -> [(&'static str, &Link); 3] {
        [("main", &self.main), ("cache", &self.cache), ("sessions", &self.sessions)]
    }

    /// Another connection to the node of main that has `key`, for commands that block it.
    pub(crate) fn dedicated(&self, name: &'static str, key: &str) -> Link {
        let plan = Plan { name, ..self.main_plan.clone() };
        match &self.main_way {
            Way::One(place) => Link::to_one(plan, place.clone()),
            Way::Cluster(_) => self.main.named(plan).pinned(key),
        }
    }
}
