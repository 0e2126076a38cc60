//! Model responses, read through Redis: a miss calls the model once and stores what it said.

mod entry;
mod flight;
mod routes;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) use entry::Entry;
use entry::Key;
use flight::Flights;
pub(crate) use routes::{question, routes};

use crate::clock;
use crate::redis::{Failure, Link, Lua, Repeat, Script};
use crate::settings::CacheSettings;
use crate::upstream::{Question, Upstream};

/// Keys of responses begin with this; `Entry`'s own part follows.
const PREFIX: &str = "cache:llm:response:";
/// A hash of what all instances have counted.
const STATS: &str = "cache:stats";
/// Counts reach Redis this often, and before statistics are read.
const FLUSH: Duration = Duration::from_secs(1);

static COUNT: Lua = Lua::new(|| Script::new(include_str!("count.lua")));

/// What an answer was made from.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) entry: Arc<Entry>,
    pub(crate) hit: bool,
    /// Redis was not there to be asked.
    pub(crate) degraded: bool,
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
    flights: Flights,
    /// Not yet in Redis.
    pending: Counts,
    /// Since the start, of this instance.
    hits: AtomicU64,
    misses: AtomicU64,
}

/// The cache in front of the model API.
#[derive(Clone)]
pub(crate) struct Cache(Arc<Inner>);

impl Cache {
    pub(crate) fn start(settings: &CacheSettings, link: Link, upstream: Upstream) -> Self {
        let cache = Self(Arc::new(Inner {
            prefix: link.key(PREFIX),
            stats: link.key(STATS),
            link,
            upstream,
            ttl: settings.ttl,
            enabled: settings.llm_responses,
            flights: Flights::default(),
            pending: Counts::default(),
            hits: AtomicU64::default(),
            misses: AtomicU64::default(),
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

    /// The response from Redis or from the model. Requests of one key at one time share both.
    ///
    /// # Errors
    /// The model failed; nothing is stored then.
    pub(crate) async fn read_through(&self, question: Question) -> Result<Found, String> {
        let started = clock::now();
        let key = Key::of(&question, &self.0.prefix);
        let inner = Arc::clone(&self.0);
        let flight = self.0.flights.join(&key.clone().fingerprint, move || async move {
            inner.find(&key, question).await
        });
        let found = flight.await?;
        self.0.count(found.hit, started.elapsed());
        Ok(found)
    }

    /// Hits and misses of this instance since its start.
    pub(crate) fn seen(&self) -> (u64, u64) {
        (self.0.hits.load(Ordering::Relaxed), self.0.misses.load(Ordering::Relaxed))
    }

    /// What all instances have seen, and what is stored now.
    ///
    /// # Errors
    /// Redis could not be asked.
    pub(crate) async fn statistics(&self) -> Result<Statistics, Failure> {
        self.0.flush().await;
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

    /// Deletes every response and says how many there were, and which node did it.
    ///
    /// # Errors
    /// Redis could not be asked; part may be deleted.
    pub(crate) async fn clear(&self) -> Result<(u64, Arc<str>), Failure> {
        let (mut deleted, mut acknowledged) = (0, Arc::from("unknown"));
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
                acknowledged = answer.node;
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
    async fn find(&self, key: &Key, question: Question) -> Result<Found, String> {
        // Redis may use up one command time-out in all, whether reading or writing.
        let deadline = self.link.deadline();
        let mut degraded = false;
        if self.enabled {
            let get = redis::cmd("GET").arg(&key.name).to_owned();
            match self.link.call_if_up::<Option<Vec<u8>>>(&get, Repeat::Safe, deadline).await {
                Ok(answer) => {
                    if let Some(entry) = answer.value.and_then(|stored| key.open(&stored)) {
                        #[cfg(feature = "planted-defects")]
                        if crate::defects::LYING_HIT.strikes() {
                            self.upstream.generate(&question, None).await?;
                        }
                        return Ok(Found { entry: Arc::new(entry), hit: true, degraded: false });
                    }
                }
                Err(_) => degraded = true,
            }
        }
        let spent = clock::now();
        let response = self.upstream.generate(&question, None).await?;
        let answered = clock::now();
        let took = answered.duration_since(spent);
        let entry = Entry::new(response, &question, took);
        if self.enabled && !degraded {
            // A response is as old as the model's answer, however long storing it takes.
            let ttl = self.ttl.saturating_sub(answered.elapsed()).as_millis().max(1);
            let mut set = redis::cmd("SET");
            set.arg(&key.name).arg(key.seal(&entry)).arg("PX").arg(ttl.to_string());
            let deadline = deadline + took;
            let stored = self.link.call_if_up::<()>(&set, Repeat::Never, deadline).await;
            degraded = stored.is_err();
        }
        Ok(Found { entry: Arc::new(entry), hit: false, degraded })
    }

    fn count(&self, hit: bool, took: Duration) {
        let (pending, total) = if hit {
            (&self.pending.hits, &self.hits)
        } else {
            (&self.pending.misses, &self.misses)
        };
        pending.fetch_add(1, Ordering::Relaxed);
        total.fetch_add(1, Ordering::Relaxed);
        let millis = u64::try_from(took.as_millis()).unwrap_or(0);
        self.pending.milliseconds.fetch_add(millis, Ordering::Relaxed);
    }

    /// Adds what was counted here to what all have counted. Counts that Redis refused stay here;
    /// counts of an unknown outcome are dropped rather than added twice.
    async fn flush(&self) {
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
