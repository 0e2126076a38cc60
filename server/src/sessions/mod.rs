//! Sessions: a hash a session, each request one script, and nothing for a visitor who did nothing.

mod cookie;
mod routes;
mod store;

use std::time::Duration;

use axum_extra::extract::cookie::Key;
use sha2::{Digest as _, Sha512};

pub(crate) use routes::routes;
use store::Store;

use crate::redis::Link;
use crate::settings::SessionSettings;

/// What the routes of sessions need.
pub(crate) struct Sessions {
    store: Store,
    key: Key,
    ttl: Duration,
    secure: bool,
}

impl Sessions {
    pub(crate) fn start(settings: &SessionSettings, production: bool, link: &Link) -> Self {
        Self {
            store: Store::start(settings, link),
            key: Key::from(&Sha512::digest(&settings.secret)),
            ttl: settings.ttl,
            secure: production,
        }
    }
}
