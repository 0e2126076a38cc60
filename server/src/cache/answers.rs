//! Answers of this service itself that are dear to make, kept for a moment for all instances.

use std::sync::Arc;

use serde_json::Value;

use super::Cache;
use crate::redis::{Failure, Repeat};

/// Keys of answers begin with this; the route follows.
const PREFIX: &str = "cache:api:response:";

/// An answer's body and whether it was there already.
pub(super) struct Kept {
    pub(super) body: Value,
    pub(super) hit: bool,
}

impl Cache {
    fn key_of_answer(&self, route: &str) -> String {
        self.0.link.key(&format!("{PREFIX}{route}"))
    }

    /// The answer of `route` that is kept, or the one that `make` gives, which is kept then: those
    /// who ask at one time have it made once. Where answers are not kept, always the latter.
    ///
    /// # Errors
    /// Redis could not be asked, or what `make` says.
    pub(super) async fn answer(
        &self,
        route: &str,
        make: impl Future<Output = Result<Value, Failure>>,
    ) -> Result<Kept, Failure> {
        let Some(ttl) = self.0.api_ttl else { return Ok(Kept { body: make.await?, hit: false }) };
        let (link, key) = (&self.0.link, self.key_of_answer(route));
        let mut stored = self.stored_answer(&key).await?;
        let mut making = None;
        if stored.is_none() {
            making = Some(self.0.answering.lock().await);
            // Whoever made it while this one waited has stored it.
            stored = self.stored_answer(&key).await?;
        }
        self.0.metrics.cache.add(&["api", if stored.is_some() { "hit" } else { "miss" }]);
        if let Some(body) = stored {
            return Ok(Kept { body, hit: true });
        }
        let body = make.await?;
        let mut set = redis::cmd("SET");
        set.arg(&key).arg(body.to_string()).arg("PX").arg(ttl.as_millis().max(1).to_string());
        // An answer that could not be kept is an answer all the same.
        if let Err(failure) = link.call::<()>(&set, Repeat::Safe).await {
            tracing::debug!(route, %failure, "an answer was not kept");
        }
        drop(making);
        Ok(Kept { body, hit: false })
    }

    async fn stored_answer(&self, key: &str) -> Result<Option<Value>, Failure> {
        let get = redis::cmd("GET").arg(key).to_owned();
        let stored = self.0.link.call::<Option<Vec<u8>>>(&get, Repeat::Safe).await?.value;
        Ok(stored.and_then(|stored| serde_json::from_slice(&stored).ok()))
    }

    /// Forgets the answer of `route`, if answers are kept, and says which node did.
    ///
    /// # Errors
    /// Redis could not be asked.
    pub(super) async fn forget_answer(&self, route: &str) -> Result<Option<Arc<str>>, Failure> {
        if self.0.api_ttl.is_none() {
            return Ok(None);
        }
        let unlink = redis::cmd("UNLINK").arg(self.key_of_answer(route)).to_owned();
        Ok(Some(self.0.link.call::<u64>(&unlink, Repeat::Safe).await?.node))
    }

    /// What `work` gives, if it does within the time that a request may wait for Redis, of however
    /// many commands it consists.
    ///
    /// # Errors
    /// What `work` says; unknown where it had no time to say anything.
    pub(super) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let late = |_| Failure::Unknown("the time was up".to_owned());
        tokio::time::timeout_at(self.0.link.deadline(), work).await.map_err(late)?
    }
}
