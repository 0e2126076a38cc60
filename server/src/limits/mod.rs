//! Rate limits: each request is one atomic script on Redis' own clock.

mod algorithm;
mod headers;
mod local;
mod routes;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use algorithm::Hit;
use axum::http::HeaderMap;
use local::Local;
pub(crate) use routes::OPERATIONS;

use crate::redis::{Failure, Link};
use crate::settings::{Algorithm, Draft, LimitPolicy, LimitSettings, OnError};

/// A limit with its name and the place of its counters.
struct Policy {
    name: &'static str,
    /// The route that it limits.
    path: &'static str,
    prefix: String,
    limit: LimitPolicy,
    /// The headers that are the same in every answer by Redis' count.
    headers: HeaderMap,
    /// The same by this process' own count.
    local_headers: HeaderMap,
    /// Counts in this process while Redis is away.
    local: Local,
}

/// What came of asking.
enum Decision {
    /// This node of Redis counted.
    Counted(Hit, Arc<str>),
    /// Redis was away; the process counted.
    Local(Hit),
    /// Redis was away; nobody counted.
    Open,
}

/// The three policies.
pub(crate) struct Limits {
    link: Link,
    general: Policy,
    llm: Policy,
    burst: Policy,
    on_error: OnError,
    algorithm: Algorithm,
    draft: Draft,
}

impl Limits {
    pub(crate) fn new(settings: &LimitSettings, link: Link) -> Self {
        let policy = |name, path, part: &str, limit: LimitPolicy| {
            let local = Local::new(limit, settings.instances);
            Policy {
                name,
                path,
                prefix: link.key(&format!("prompt-card:{}{part}", settings.prefix)),
                limit,
                headers: headers::fixed(name, limit, settings.draft),
                local_headers: headers::fixed(name, local.share(), settings.draft),
                local,
            }
        };
        Self {
            general: policy("general", "/api/limited", "", settings.general),
            llm: policy("llm", "/api/limited/llm", "llm:", settings.llm),
            burst: policy("burst", "/api/limited/burst", "burst:", settings.burst),
            link,
            on_error: settings.on_error,
            algorithm: settings.algorithm,
            draft: settings.draft,
        }
    }

    /// Counts one request of `who` against a policy.
    ///
    /// # Errors
    /// Redis is away and the setting is `closed`.
    async fn hit(&self, policy: &Policy, who: &Who<'_>) -> Result<Decision, Failure> {
        match algorithm::hit(&self.link, self.algorithm, policy, who).await {
            Ok((hit, node)) => Ok(Decision::Counted(hit, node)),
            Err(failure) => match self.on_error {
                OnError::Closed => Err(failure),
                OnError::Open => Ok(Decision::Open),
                OnError::Local => Ok(Decision::Local(policy.local.hit(&who.to_string()))),
            },
        }
    }
}

/// Whose request it is. Users and addresses never share a counter.
enum Who<'a> {
    User(&'a str),
    Address(IpAddr),
}

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Address(address) => write!(f, "ip:{address}"),
        }
    }
}
