//! The signed cookie that carries a session's id, and the extractor that reads it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum_extra::extract::SignedCookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};

use super::Sessions;
use crate::app::App;
use crate::error::Error;

const NAME: &str = "prompt-card-session";

/// The id in the request's cookie, if its signature is right. Nothing is asked of Redis yet: the
/// request's one script does that.
pub(super) struct Ticket(pub(super) Option<String>);

impl FromRequestParts<Arc<App>> for Ticket {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let jar = SignedCookieJar::from_headers(&parts.headers, app.sessions.key.clone());
        Ok(Self(jar.get(NAME).map(|cookie| cookie.value().to_owned())))
    }
}

impl Ticket {
    /// The id, or 401.
    pub(super) fn id(self) -> Result<String, Error> {
        self.0.ok_or(Error::NoSession)
    }
}

impl Sessions {
    /// Sets the cookie, with a life that begins anew.
    pub(super) fn issue(&self, id: &str) -> SignedCookieJar {
        let mut cookie = self.cookie(id.to_owned());
        let seconds = i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX).max(1);
        cookie.set_max_age(time::Duration::seconds(seconds));
        SignedCookieJar::new(self.key.clone()).add(cookie)
    }

    /// Takes the cookie away.
    pub(super) fn revoke(&self) -> SignedCookieJar {
        let mut cookie = self.cookie(String::new());
        cookie.make_removal();
        SignedCookieJar::new(self.key.clone()).add(cookie)
    }

    fn cookie(&self, value: String) -> Cookie<'static> {
        Cookie::build((NAME, value))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Strict)
            .build()
    }
}
