//! Sessions: a hash a session, each request one script, and nothing for a visitor who did nothing.

mod cookie;
mod ended;
mod routes;
mod store;

use cookie::Cookies;
pub(crate) use cookie::NAME as COOKIE;
pub(crate) use routes::OPERATIONS;
use store::Store;

use crate::redis::Link;
use crate::settings::SessionSettings;

/// What the routes of sessions need.
pub(crate) struct Sessions {
    store: Store,
    cookies: Cookies,
}

impl Sessions {
    pub(crate) fn start(settings: &SessionSettings, production: bool, link: &Link) -> Self {
        Self {
            store: Store::start(settings, link),
            cookies: Cookies::new(&settings.secret, settings.ttl, production),
        }
    }
}
