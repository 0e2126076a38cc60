//! Sessions in Redis.
//!
//! A session is a hash: `u` the user, `c` when it began, and a field `d:<key>` for each value, so
//! that concurrent writes of different keys both survive. Every script renews the time to live.
//! None of them creates a session but login: a write that comes after a logout finds nothing.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::redis::{Answer, Failure, Link, Lua, Repeat, lua};
use crate::settings::SessionSettings;
use crate::{clock, random};

static LOGIN: Lua = lua!("login.lua");
static READ: Lua = lua!("read.lua");
static WRITE: Lua = lua!("write.lua");

/// A failover may bring back what was deleted shortly before it. Logouts of this long ago and
/// later are repeated on the new master, and on the same one after a logout of unknown outcome.
const REMEMBERED: Duration = Duration::from_secs(120);

/// A session as it was found.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) created_at: u64,
    pub(crate) data: BTreeMap<String, Value>,
}

/// Ids that were logged out here lately.
#[derive(Default)]
struct Ended {
    ids: HashSet<String>,
    /// Oldest first.
    order: VecDeque<(Instant, String)>,
    /// One of them may not have reached Redis.
    doubted: Arc<Notify>,
}

impl Ended {
    fn remember(&mut self, id: &str) {
        while self.order.front().is_some_and(|(at, _)| at.elapsed() > REMEMBERED) {
            if let Some((_, id)) = self.order.pop_front() {
                self.ids.remove(&id);
            }
        }
        if self.ids.insert(id.to_owned()) {
            self.order.push_back((clock::now(), id.to_owned()));
        }
    }

    fn forget(&mut self, id: &str) {
        if self.ids.remove(id) {
            self.order.retain(|(_, known)| known != id);
        }
    }
}

pub(super) struct Store {
    link: Link,
    prefix: String,
    ttl: String,
    ended: Arc<Mutex<Ended>>,
}

impl Store {
    pub(super) fn start(settings: &SessionSettings, link: &Link) -> Self {
        let ended = Arc::<Mutex<Ended>>::default();
        let prefix = link.key(&settings.prefix);
        tokio::spawn(bury(link.clone(), prefix.clone(), Arc::clone(&ended)));
        Self { link: link.clone(), prefix, ttl: settings.ttl.as_millis().to_string(), ended }
    }

    /// Begins a session under a new id and ends `old`, in one step where one node has both.
    pub(super) async fn login(
        &self,
        user: &str,
        old: Option<&str>,
    ) -> Result<(String, Session, Answer<()>), Failure> {
        let id = random::hex(32);
        let created_at = clock::unix_ms();
        let key = self.key(&id);
        let begin = |keys: &[&str]| LOGIN.with(keys).arg(user).arg(created_at).arg(&self.ttl);
        // Nobody knows the id yet, so that beginning twice is beginning once.
        let answer = match old {
            None => self.link.run(&begin(&[&key]), Repeat::Safe).await?,
            Some(old) => {
                let before = self.key(old);
                let login = async {
                    if self.link.together(&key, &before) {
                        return self.link.run(&begin(&[&key, &before]), Repeat::Safe).await;
                    }
                    // Ended first: a session must not live on because what follows failed.
                    self.link.call::<u64>(redis::cmd("UNLINK").arg(&before), Repeat::Safe).await?;
                    let begun = self.link.run(&begin(&[&key]), Repeat::Safe).await;
                    begun.map_err(|failure| Failure::Unknown(failure.to_string()))
                };
                self.ending(Some(old), login).await?
            }
        };
        let session = Session { user: user.to_owned(), created_at, data: BTreeMap::new() };
        Ok((id, session, answer))
    }

    /// The session, alive for another time to live; nothing where there is none.
    pub(super) async fn read(&self, id: &str) -> Result<Option<Session>, Failure> {
        if self.has_ended(id) {
            return Ok(None);
        }
        #[cfg(feature = "planted-defects")]
        if crate::defects::EXTRA_COMMAND.strikes() {
            crate::defects::ask_again(&self.link, &self.key(id)).await;
        }
        let script = READ.with(&[&self.key(id)]).arg(&self.ttl);
        let answer = self.link.run::<BTreeMap<String, String>>(&script, Repeat::Safe).await?;
        Ok(session(answer.value))
    }

    /// Sets one key and gives the session as it is then.
    pub(super) async fn write(
        &self,
        id: &str,
        key: &str,
        value: &Value,
    ) -> Result<Option<(Session, Arc<str>)>, Failure> {
        if self.has_ended(id) {
            return Ok(None);
        }
        let script = WRITE.with(&[&self.key(id)]).arg(&self.ttl);
        let script = script.arg(format!("d:{key}")).arg(value.to_string());
        #[cfg(feature = "planted-defects")]
        let script = match crate::defects::SESSION_WRITE_DROPPED.strikes() {
            true => READ.with(&[&self.key(id)]).arg(&self.ttl),
            false => script,
        };
        // Not safe to repeat: somebody else's later write of this key could come in between.
        let answer = self.link.run::<BTreeMap<String, String>>(&script, Repeat::Never).await?;
        Ok(session(answer.value).map(|session| (session, answer.node)))
    }

    /// Ends a session for good.
    pub(super) async fn end(&self, id: &str) -> Result<Answer<u64>, Failure> {
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(self.key(id));
        self.ending(Some(id), self.link.call(&unlink, Repeat::Safe)).await
    }

    /// Remembers that `id` ends by `work`. Before `work`, because a logout of unknown outcome must
    /// not be undone by what follows; not after one that was refused, because then it lives on.
    async fn ending<T>(
        &self,
        id: Option<&str>,
        work: impl Future<Output = Result<Answer<T>, Failure>>,
    ) -> Result<Answer<T>, Failure> {
        let ended = || self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = id {
            ended().remember(id);
        }
        let result = work.await;
        match (id, &result) {
            (Some(id), Err(Failure::Refused(_))) => ended().forget(id),
            (Some(_), Err(Failure::Unknown(_))) => ended().doubted.notify_one(),
            _ => {}
        }
        result
    }

    fn has_ended(&self, id: &str) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.ids.contains(id)
    }

    fn key(&self, id: &str) -> String {
        format!("{}{id}", self.prefix)
    }
}

/// Repeats the latest logouts whenever a new master is there, or one of them may not have happened.
async fn bury(mut link: Link, prefix: String, ended: Arc<Mutex<Ended>>) {
    let doubted = {
        let ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&ended.doubted)
    };
    let mut node = Arc::from("");
    loop {
        tokio::select! {
            next = link.next_node(&node) => node = next,
            () = doubted.notified() => {}
        }
        let keys: Vec<String> = {
            let ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
            ended.ids.iter().map(|id| format!("{prefix}{id}")).collect()
        };
        if keys.is_empty() {
            continue;
        }
        if let Err(failure) = link.unlink(&keys).await {
            tracing::warn!(%failure, "could not repeat the latest logouts");
            node = Arc::from("");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn session(mut fields: BTreeMap<String, String>) -> Option<Session> {
    let user = fields.remove("u")?;
    let created_at = fields.remove("c")?.parse().ok()?;
    let data = fields.into_iter().filter_map(|(field, value)| {
        let key = field.strip_prefix("d:")?.to_owned();
        Some((key, serde_json::from_str(&value).ok()?))
    });
    Some(Session { user, created_at, data: data.collect() })
}
