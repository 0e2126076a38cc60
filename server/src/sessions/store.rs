//! Sessions in Redis.
//!
//! A session is a hash: `u` the user, `c` when it began, and a field `d:<key>` for each value, so
//! that concurrent writes of different keys both survive. Every script renews the time to live.
//! None of them creates a session but login: a write that comes after a logout finds nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::ended::Ended;
use crate::redis::{Answer, Failure, Link, Lua, Repeat, lua};
use crate::settings::SessionSettings;
use crate::{clock, random};

static LOGIN: Lua = lua!("login.lua");
static READ: Lua = lua!("read.lua");
static WRITE: Lua = lua!("write.lua");

/// A session as it was found.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) created_at: u64,
    pub(crate) data: BTreeMap<String, Value>,
}

/// What came of a write.
pub(super) enum Written {
    /// The session as it is now, and the node that has it.
    Done(Session, Arc<str>),
    /// There is no session.
    Gone,
    /// It stays as it was, for it would have too many of these.
    Full(Bound),
}

/// What a session has so many of at most.
pub(super) enum Bound {
    Keys(u32),
    Bytes(u32),
}

pub(super) struct Store {
    link: Link,
    prefix: String,
    ttl: String,
    most_keys: u32,
    most_bytes: u32,
    ended: Ended,
}

impl Store {
    pub(super) fn start(settings: &SessionSettings, link: &Link) -> Self {
        let prefix = link.key(&settings.prefix);
        let ended = Ended::start(link.clone(), prefix.clone());
        Self {
            link: link.clone(),
            prefix,
            ttl: settings.ttl.as_millis().to_string(),
            most_keys: settings.most_keys,
            most_bytes: settings.most_bytes,
            ended,
        }
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
                let (link, before) = (self.link.clone(), self.key(old));
                let together = link.together(&key, &before);
                let (begin, unlink) = match together {
                    true => (begin(&[&key, &before]), None),
                    false => (begin(&[&key]), Some(redis::cmd("UNLINK").arg(before).to_owned())),
                };
                // The old session's node and the new one's share the time.
                let deadline = link.deadline();
                let login = async move {
                    let Some(unlink) = unlink else { return link.run(&begin, Repeat::Safe).await };
                    // Ended first: a session must not live on because what follows failed.
                    link.call_until::<u64>(&unlink, Repeat::Safe, deadline).await?;
                    let begun = link.run_until(&begin, Repeat::Safe, deadline).await;
                    begun.map_err(|failure| Failure::Unknown(failure.to_string()))
                };
                self.ended.by(old, login).await?
            }
        };
        let session = Session { user: user.to_owned(), created_at, data: BTreeMap::new() };
        Ok((id, session, answer))
    }

    /// The session, alive for another time to live, and the node that has it; nothing where there
    /// is none.
    pub(super) async fn read(&self, id: &str) -> Result<Option<(Session, Arc<str>)>, Failure> {
        if self.ended.has(id) {
            return Ok(None);
        }
        #[cfg(feature = "planted-defects")]
        if crate::defects::EXTRA_COMMAND.strikes() {
            crate::defects::ask_again(&self.link, &self.key(id)).await;
        }
        let script = READ.with(&[&self.key(id)]).arg(&self.ttl);
        let answer = self.link.run::<BTreeMap<String, String>>(&script, Repeat::Safe).await?;
        Ok(session(answer.value).map(|session| (session, answer.node)))
    }

    /// Sets one key and gives the session as it is then.
    pub(super) async fn write(
        &self,
        id: &str,
        key: &str,
        value: &Value,
    ) -> Result<Written, Failure> {
        if self.ended.has(id) {
            return Ok(Written::Gone);
        }
        let script = WRITE.with(&[&self.key(id)]).arg(&self.ttl);
        let script = script.arg(format!("d:{key}")).arg(value.to_string());
        let script = script.arg(self.most_keys).arg(self.most_bytes);
        #[cfg(feature = "planted-defects")]
        let script = match crate::defects::SESSION_WRITE_DROPPED.strikes() {
            true => READ.with(&[&self.key(id)]).arg(&self.ttl),
            false => script,
        };
        // Not safe to repeat: somebody else's later write of this key could come in between.
        let answer = self.link.run::<BTreeMap<String, String>>(&script, Repeat::Never).await?;
        Ok(match answer.value.get("full").map(String::as_str) {
            Some("keys") => Written::Full(Bound::Keys(self.most_keys)),
            Some(_) => Written::Full(Bound::Bytes(self.most_bytes)),
            None => session(answer.value)
                .map_or(Written::Gone, |session| Written::Done(session, answer.node)),
        })
    }

    /// Ends a session for good.
    pub(super) async fn end(&self, id: &str) -> Result<Answer<u64>, Failure> {
        let (link, unlink) = (self.link.clone(), redis::cmd("UNLINK").arg(self.key(id)).to_owned());
        let work = async move { link.call(&unlink, Repeat::Safe).await };
        self.ended.by(id, work).await
    }

    fn key(&self, id: &str) -> String {
        format!("{}{id}", self.prefix)
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
