//! Rate limits: each request is one atomic script on Redis' own clock.

mod algorithm;
mod headers;
mod local;
mod routes;

use std::net::IpAddr;

use algorithm::Hit;
use local::Local;
pub(crate) use routes::routes;

use crate::redis::{Failure, Link};
use crate::settings::{Algorithm, Draft, LimitPolicy, LimitSettings, OnError};

/// A limit with its name and the place of its counters.
struct Policy {
    name: &'static str,
    prefix: String,
    limit: LimitPolicy,
    /// Counts in this process while Redis is away.
    local: Local,
}

/// What came of asking.
enum Decision {
    /// Redis counted.
    Counted(Hit),
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
        let policy = |name, part: &str, limit: LimitPolicy| Policy {
            name,
            prefix: link.key(&format!("prompt-card:{}{part}", settings.prefix)),
            limit,
            local: Local::new(limit, settings.instances),
        };
        Self {
            general: policy("general", "", settings.general),
            llm: policy("llm", "llm:", settings.llm),
            burst: policy("burst", "burst:", settings.burst),
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
    async fn hit(&self, policy: &Policy, who: &Who) -> Result<Decision, Failure> {
        let who = who.key();
        match algorithm::hit(&self.link, self.algorithm, policy, &who).await {
            Ok(hit) => Ok(Decision::Counted(hit)),
            Err(failure) => match self.on_error {
                OnError::Closed => Err(failure),
                OnError::Open => Ok(Decision::Open),
                OnError::Local => Ok(Decision::Local(policy.local.hit(&who))),
            },
        }
    }
}

/// Whose request it is. Users and addresses never share a counter.
enum Who {
    User(String),
    Address(IpAddr),
}

impl Who {
    fn key(&self) -> String {
        match self {
            Self::User(id) => format!("user:{id}"),
            Self::Address(address) => format!("ip:{address}"),
        }
    }
}
