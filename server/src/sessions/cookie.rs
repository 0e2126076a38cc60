//! The signed cookie that carries a session's id, and the extractor that reads it.
//!
//! Over the crate that axum-extra's `SignedCookieJar` wraps, not over the jar itself: a jar
//! verifies every cookie that a request has and signs it anew to keep it, verifies ours again when
//! asked for it, and signs it once more to renew it. Here ours alone is verified, once, and its
//! text sent back.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use cookie::{Cookie, CookieJar, Key};
use sha2::{Digest as _, Sha512};

use crate::app::App;
use crate::error::Error;

/// The cookie's name.
pub(crate) const NAME: &str = "prompt-card-session";
const PAST: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

/// A header that sets or takes away the cookie.
pub(super) type SetCookie = [(HeaderName, HeaderValue); 1];

/// How cookies are signed and set.
pub(super) struct Cookies {
    key: Key,
    /// What stands after the value, without how long it lives.
    attributes: String,
    seconds: u64,
}

/// The id in a cookie whose signature is right.
pub(super) struct Id {
    pub(super) id: String,
    /// The cookie's value with its signature, as the client sent it.
    signed: String,
}

/// The session that a request says it belongs to, if it does. Nothing is asked of Redis yet: the
/// request's one script does that.
pub(super) struct Ticket(pub(super) Option<Id>);

impl FromRequestParts<Arc<App>> for Ticket {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let headers = parts.headers.get_all(COOKIE).into_iter();
        let pairs = headers.filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(';'));
        let mut ids = pairs.filter_map(|pair| app.sessions.cookies.verify(pair.trim()));
        Ok(Self(ids.next()))
    }
}

impl Ticket {
    /// The id, or 401.
    pub(super) fn id(self) -> Result<Id, Error> {
        self.0.ok_or(Error::NoSession)
    }
}

impl Cookies {
    pub(super) fn new(secret: &str, ttl: std::time::Duration, production: bool) -> Self {
        let secure = if production { "; Secure" } else { "" };
        Self {
            key: Key::from(&Sha512::digest(secret)),
            attributes: format!("; HttpOnly; SameSite=Strict{secure}; Path=/"),
            seconds: ttl.as_secs().max(1),
        }
    }

    /// Reads `name=value`.
    fn verify(&self, pair: &str) -> Option<Id> {
        let signed = pair.strip_prefix(NAME)?.strip_prefix('=')?.to_owned();
        let cookie = Cookie::parse_encoded(pair).ok()?.into_owned();
        let verified = CookieJar::new().signed(&self.key).verify(cookie)?;
        Some(Id { id: verified.value().to_owned(), signed })
    }

    /// Sets the cookie of a new session.
    pub(super) fn issue(&self, id: &str) -> SetCookie {
        let mut jar = CookieJar::new();
        jar.signed_mut(&self.key).add(Cookie::new(NAME, id.to_owned()));
        let pair = jar.get(NAME).map(|cookie| cookie.encoded().to_string()).unwrap_or_default();
        self.set(&pair)
    }

    /// Sets the same cookie again, with a life that begins anew.
    pub(super) fn renew(&self, id: &Id) -> SetCookie {
        self.set(&format!("{NAME}={}", id.signed))
    }

    /// Takes the cookie away.
    pub(super) fn revoke(&self) -> SetCookie {
        header(&format!("{NAME}={}; Max-Age=0; Expires={PAST}", self.attributes))
    }

    fn set(&self, pair: &str) -> SetCookie {
        header(&format!("{pair}{}; Max-Age={}", self.attributes, self.seconds))
    }
}

fn header(text: &str) -> SetCookie {
    [(SET_COOKIE, HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("")))]
}
