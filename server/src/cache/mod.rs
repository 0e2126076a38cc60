//! Model responses, read through Redis: a miss calls the model once and stores what it said.

mod answers;
mod entry;
mod flight;
mod routes;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) use entry::Entry;
use entry::Key;
use flight::Flights;
pub(crate) use routes::{OPERATIONS, question};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{Instrument as _, field};

use crate::clock;
use crate::finish::to_the_end;
use crate::metrics::Metrics;
use crate::redis::{Failure, Link, Lua, Repeat, lua};
use crate::settings::CacheSettings;
use crate::upstream::{Question, Upstream};

/// Keys of responses begin with this; `Entry`'s own part follows.
const PREFIX: &str = "cache:llm:response:";
/// A hash of what all instances have counted.
const STATS: &str = "cache:stats";
/// Counts reach Redis this often, before statistics are read, and at the end.
const FLUSH: Duration = Duration::from_secs(1);
/// How long the end waits for the last of them.
pub(crate) const GOODBYE: Duration = Duration::from_secs(2);

static COUNT: Lua = lua!("count.lua");

/// What an answer was made from.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) entry: Arc<Entry>,
    pub(crate) hit: bool,
    /// Redis was not there to be asked.
    pub(crate) degraded: bool,
    /// The node that has stored it, if it was stored now.
    pub(crate) node: Option<Arc<str>>,
}

/// Statistics over all instances.
pub(crate) struct Statistics {
    pub(crate) keys: u64,
    pub(crate) memory: String,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) milliseconds: u64,
}

#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    milliseconds: AtomicU64,
}

struct Inner {
    link: Link,
    /// Of the keys of responses.
    prefix: String,
    /// The hash of what all instances have counted.
    stats: String,
    upstream: Upstream,
    ttl: Duration,
    enabled: bool,
    /// How long answers of this service itself are kept, if they are.
    api_ttl: Option<Duration>,
    flights: Flights,
    /// Not yet in Redis.
    pending: Counts,
    /// Held while counts are on their way there.
    flushing: Mutex<()>,
    /// Held while an answer of this service itself is made.
    answering: Mutex<()>,
    metrics: Arc<Metrics>,
}

/// The cache in front of the model API.
#[derive(Clone)]
pub(crate) struct Cache(Arc<Inner>);

impl Cache {
    pub(crate) fn start(
        settings: &CacheSettings,
        link: Link,
        upstream: Upstream,
        metrics: Arc<Metrics>,
    ) -> Self {
        let cache = Self(Arc::new(Inner {
            prefix: link.key(PREFIX),
            stats: link.key(STATS),
            link,
            upstream,
            ttl: settings.ttl,
            enabled: settings.llm_responses,
            api_ttl: settings.api_responses,
            flights: Flights::default(),
            pending: Counts::default(),
            flushing: Mutex::default(),
            answering: Mutex::default(),
            metrics,
        }));
        let counting = cache.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(FLUSH).await;
                counting.0.flush().await;
            }
        });
        cache
    }

    /// Has the last counts reach Redis; without it, or where it takes too long, they are lost.
    pub(crate) async fn leave(&self) {
        let flushed = tokio::time::timeout(GOODBYE, self.0.flush()).await;
        let counts = [&self.0.pending.hits, &self.0.pending.misses];
        let left = counts.iter().any(|count| count.load(Ordering::Relaxed) > 0);
        if flushed.is_err() || left {
            tracing::warn!("the last counts of the cache did not reach Redis");
        }
    }

    /// Are the model's responses kept at all?
    pub(crate) fn keeps_responses(&self) -> bool {
        self.0.enabled
    }

    /// The response from Redis or from the model. Requests of one key at one time share both.
    ///
    /// # Errors
    /// The model failed; nothing is stored then.
    pub(crate) async fn read_through(&self, question: Question) -> Result<Found, String> {
        let started = clock::now();
        let key = Key::of(&question, &self.0.prefix);
        let found = self.0.find(key, question).await?;
        self.0.count(&found, started.elapsed());
        Ok(found)
    }

    /// What all instances have seen, and what is stored now.
    ///
    /// # Errors
    /// Redis could not be asked.
    pub(crate) async fn statistics(&self) -> Result<Statistics, Failure> {
        let inner = Arc::clone(&self.0);
        to_the_end(async move { inner.flush().await }).await;
        let link = &self.0.link;
        let counts: Vec<Option<u64>> = link
            .call(
                redis::cmd("HMGET").arg(&self.0.stats).arg(&["hits", "misses", "ms"]),
                Repeat::Safe,
            )
            .await?
            .value;
        let (mut keys, mut memory) = (0, 0);
        for node in link.nodes() {
            memory += used_memory(&node).await?;
            let mut cursor = None;
            while let Some(page) = self.0.page(&node, &mut cursor).await? {
                keys += u64::try_from(page.len()).unwrap_or(0);
            }
        }
        let count = |index: usize| counts.get(index).copied().flatten().unwrap_or(0);
        Ok(Statistics {
            keys,
            memory: human(memory),
            hits: count(0),
            misses: count(1),
            milliseconds: count(2),
        })
    }

    /// Deletes every response and says how many there were, and which node was the last to do it.
    ///
    /// # Errors
    /// Redis could not be asked; part may be deleted.
    pub(crate) async fn clear(&self) -> Result<(u64, Option<Arc<str>>), Failure> {
        let (mut deleted, mut acknowledged) = (0, None);
        for node in self.0.link.nodes() {
            let mut cursor = None;
            while let Some(page) = self.0.page(&node, &mut cursor).await? {
                if page.is_empty() {
                    continue;
                }
                let answer = self.0.link.unlink(&page).await.map_err(|failure| match failure {
                    Failure::Refused(why) if deleted > 0 => Failure::Unknown(why),
                    failure => failure,
                })?;
                deleted += answer.value;
                acknowledged = Some(answer.node);
            }
        }
        Ok((deleted, acknowledged))
    }
}

/// Bytes that a node uses.
async fn used_memory(node: &Link) -> Result<u64, Failure> {
    let info: String = node.call(redis::cmd("INFO").arg("memory"), Repeat::Safe).await?.value;
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(line.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(0))
}

/// Bytes as Redis writes them for people: `1.50M`.
#[allow(clippy::cast_precision_loss)]
fn human(bytes: u64) -> String {
    let units = [("G", 1_u64 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    match units.iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{:.2}{unit}", bytes as f64 / *size as f64),
        None => format!("{bytes}B"),
    }
}

impl Inner {
    async fn find(self: &Arc<Self>, key: Key, question: Question) -> Result<Found, String> {
        // Redis may use up one command time-out in all, whether reading or writing.
        let deadline = self.link.deadline();
        let looking = self.flights.look(key.id);
        if let Some(flight) = looking.flight() {
            return flight.await;
        }
        let (stored, degraded) = match self.stored(&key, deadline).await {
            Ok(stored) => (stored, false),
            Err(_) => (None, true),
        };
        if let Some(entry) = stored {
            #[cfg(feature = "planted-defects")]
            if crate::defects::LYING_HIT.strikes() {
                self.upstream.generate(&question, None).await?;
            }
            let entry = Arc::new(entry);
            return Ok(Found { entry, hit: true, degraded: false, node: None });
        }
        let inner = Arc::clone(self);
        let flight = looking.join(|| async move {
            let store = inner.enabled && !degraded;
            let found = inner.ask(&key, question, store.then_some(deadline)).await?;
            Ok(Found { degraded: degraded || found.degraded, ..found })
        });
        flight.await
    }

    /// What Redis has; nothing where responses are not cached.
    async fn stored(&self, key: &Key, deadline: Instant) -> Result<Option<Entry>, Failure> {
        if !self.enabled {
            return Ok(None);
        }
        let span = tracing::debug_span!(
            "llm.cache.get",
            cache.key = key.name,
            cache.hit = false,
            cache.age = field::Empty,
        );
        let get = redis::cmd("GET").arg(&key.name).to_owned();
        let asking = self.link.call_if_up::<Option<Vec<u8>>>(&get, Repeat::Safe, deadline);
        let stored = asking.instrument(span.clone()).await?.value;
        let entry = stored.and_then(|stored| key.open(&stored));
        if let Some(entry) = &entry {
            span.record("cache.hit", true);
            span.record("cache.age", entry.age_ms());
        }
        Ok(entry)
    }

    /// Asks the model and stores what it says, where there is a `deadline` for that: the time that
    /// the model takes does not count.
    async fn ask(
        &self,
        key: &Key,
        question: Question,
        deadline: Option<Instant>,
    ) -> Result<Found, String> {
        let spent = clock::now();
        let response = self.upstream.generate(&question, None).await?;
        let answered = clock::now();
        let took = answered.duration_since(spent);
        let entry = Entry::new(response, &question, took);
        let (mut degraded, mut node) = (false, None);
        if let Some(deadline) = deadline {
            // A response is as old as the model's answer, however long storing it takes.
            let ttl = self.ttl.saturating_sub(answered.elapsed()).as_millis().max(1);
            let mut set = redis::cmd("SET");
            set.arg(&key.name).arg(key.seal(&entry)).arg("PX").arg(ttl.to_string());
            let span = tracing::debug_span!(
                "llm.cache.set",
                cache.key = key.name,
                cache.ttl = self.ttl.as_secs_f64(),
                response.length = entry.response.len(),
                metadata.model = entry.metadata.model,
            );
            let storing = self.link.call_if_up::<()>(&set, Repeat::Never, deadline + took);
            let stored = storing.instrument(span).await;
            degraded = stored.is_err();
            node = stored.ok().map(|answer| answer.node);
        }
        Ok(Found { entry: Arc::new(entry), hit: false, degraded, node })
    }

    fn count(&self, found: &Found, took: Duration) {
        let (pending, result) = match found {
            Found { hit: true, .. } => (&self.pending.hits, "hit"),
            Found { degraded: true, .. } => (&self.pending.misses, "degraded"),
            Found { .. } => (&self.pending.misses, "miss"),
        };
        pending.fetch_add(1, Ordering::Relaxed);
        self.metrics.cache.add(&["llm", result]);
        let millis = u64::try_from(took.as_millis()).unwrap_or(0);
        self.pending.milliseconds.fetch_add(millis, Ordering::Relaxed);
    }

    /// Adds what was counted here to what all have counted. Counts that Redis refused stay here;
    /// counts of an unknown outcome are dropped rather than added twice.
    async fn flush(&self) {
        // So that whoever is last here finds none on their way.
        let _flushing = self.flushing.lock().await;
        let counts = [&self.pending.hits, &self.pending.misses, &self.pending.milliseconds];
        let taken = counts.map(|count| count.swap(0, Ordering::Relaxed));
        if taken == [0; 3] {
            return;
        }
        let script = COUNT.with(&[&self.stats]).arg(taken[0]).arg(taken[1]).arg(taken[2]);
        if let Err(Failure::Refused(_)) = self.link.run::<()>(&script, Repeat::Never).await {
            for (count, value) in counts.into_iter().zip(taken) {
                count.fetch_add(value, Ordering::Relaxed);
            }
        }
    }

    /// The next page of the keys of responses on a node, without holding it up. `cursor` begins as
    /// none.
    async fn page(
        &self,
        node: &Link,
        cursor: &mut Option<String>,
    ) -> Result<Option<Vec<String>>, Failure> {
        if cursor.as_deref() == Some("0") {
            return Ok(None);
        }
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor.as_deref().unwrap_or("0"));
        scan.arg("MATCH").arg(format!("{}*", glob(&self.prefix))).arg("COUNT").arg(1000);
        // A cursor means nothing to another node: not to be asked again elsewhere.
        let answer = node.call::<(String, Vec<String>)>(&scan, Repeat::Never).await?;
        let (next, page) = answer.value;
        *cursor = Some(next);
        Ok(Some(page))
    }
}

/// A pattern that matches this text and nothing else.
fn glob(text: &str) -> String {
    let special = |c| matches!(c, '*' | '?' | '[' | ']' | '^' | '\\');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}
