//! The Redis layer: three roles, each one supervised connection, over redis-rs.

mod address;
mod call;
mod connect;
mod durable;
mod failure;
mod link;
mod script;
mod sentinel;
mod subscriber;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use address::{Address, Dialer};
pub(crate) use call::{Answer, Repeat};
pub(crate) use connect::Login;
pub(crate) use durable::Durable;
pub(crate) use failure::Failure;
pub(crate) use link::Link;
use link::{Place, Plan};
pub(crate) use script::{Invocation, Lua, Script};
use sentinel::Discovery;
pub(crate) use subscriber::{Heard, subscribe};

use crate::metrics::Metrics;
use crate::settings::{RedisSettings, RoleSettings};

/// The connections of an instance.
pub(crate) struct Redis {
    pub(crate) main: Link,
    pub(crate) cache: Link,
    pub(crate) sessions: Link,
    main_plan: Plan,
}

impl Redis {
    /// Starts connecting; nothing waits for a connection until it is needed.
    pub(crate) fn start(settings: &RedisSettings, metrics: &Arc<Metrics>) -> Self {
        let mut groups = HashMap::new();
        let mut plan = |name, role: &RoleSettings| {
            let place = match &role.sentinels {
                Some(group) => {
                    let discovery = groups.entry(group.clone()).or_insert_with(|| {
                        let login = Login {
                            username: None,
                            password: settings.sentinel_password.clone(),
                            database: 0,
                        };
                        let (addresses, master) = (&group.addresses, &group.master);
                        Discovery::start(addresses, master, &login, &role.login, settings.dialer)
                    });
                    Place::Sentinel(discovery.clone())
                }
                None => Place::Fixed(role.address.clone()),
            };
            Plan {
                name,
                place,
                login: role.login.clone(),
                dialer: settings.dialer,
                command_timeout: settings.command_timeout,
                longest_pause: settings.longest_pause,
                metrics: Arc::clone(metrics),
            }
        };
        let main_plan = plan("main", &settings.main);
        Self {
            main: Link::start(main_plan.clone()),
            cache: Link::start(plan("cache", &settings.cache)),
            sessions: Link::start(plan("sessions", &settings.sessions)),
            main_plan,
        }
    }

    /// Another connection to main, for commands that block it.
    pub(crate) fn dedicated(&self, name: &'static str) -> Link {
        Link::start(Plan { name, ..self.main_plan.clone() })
    }
}
