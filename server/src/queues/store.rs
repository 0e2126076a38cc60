//! Queues in Redis: every step of a job's life is one script.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::Definition;
use super::work::Data;
use crate::redis::{Durable, Failure, Invocation, Link, Lua, Redis, Repeat, Script, lua};
use crate::settings::Keep;

static ADD: Lua = lua!("lua/common.lua", "lua/add.lua");
static TAKE: Lua = lua!("lua/common.lua", "lua/take.lua");
static RENEW: Lua = lua!("lua/common.lua", "lua/renew.lua");
static COMPLETE: Lua = lua!("lua/common.lua", "lua/complete.lua");
static FAIL: Lua = lua!("lua/common.lua", "lua/fail.lua");
static COUNT: Lua = lua!("lua/common.lua", "lua/count.lua");

/// Workers everywhere hear on this channel that there is something to do.
const WAKE: &str = "prompt-card:queue:wake";

/// A job to be stored.
pub(super) struct Submission {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) data: Data,
    pub(super) priority: u32,
    pub(super) delay: Duration,
    pub(super) attempts: u32,
    pub(super) backoff: Duration,
}

/// A job that this instance holds the lease of.
#[derive(Debug, Clone)]
pub(super) struct Leased {
    pub(super) id: String,
    pub(super) lease: String,
    pub(super) data: Data,
    pub(super) failures: u32,
}

/// On which terms jobs are leased.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) lease: Duration,
    /// How often a job's lease may lapse.
    pub(super) most_stalls: u32,
    pub(super) keep_failed: Keep,
}

/// What came of taking jobs.
pub(super) struct Taken {
    /// When to come again, if that is known.
    pub(super) next: Option<Duration>,
    pub(super) jobs: Vec<Leased>,
    /// Jobs that wait again because their lease lapsed.
    pub(super) stalled: Vec<String>,
    /// Jobs that have failed because it lapsed once too often.
    pub(super) failed: Vec<String>,
}

/// The jobs of one queue.
pub(super) struct Store {
    pub(super) link: Link,
    durable: Option<Durable>,
    base: String,
    pub(super) wake: String,
}

impl Store {
    pub(super) fn new(queue: &Definition, redis: &Redis, replicas: Option<u32>) -> Self {
        let base = redis.main.key(&format!("prompt-card:queue:{{{}}}:", queue.name));
        let durable = |replicas| Durable::start(redis.dedicated("main-durable", &base), replicas);
        Self {
            link: redis.main.pinned(&base),
            durable: replicas.map(durable),
            wake: redis.main.key(WAKE),
            base,
        }
    }

    fn call(&self, script: &Script) -> Invocation {
        script.on_slot_of(&self.base)
    }

    /// Stores a job as durably as it was asked for, and says which node has it.
    ///
    /// The same id is stored once, so that asking again is safe, even after the job has run and is
    /// trimmed: its id is remembered for twice the time in which that can happen. Two things undo
    /// this, as they can have any job run again: a failover that forgets what its replica did not
    /// have, and a Redis that stands still for longer with the second request in its hands.
    pub(super) async fn add(&self, job: &Submission) -> Result<Arc<str>, Failure> {
        let script = self
            .call(&ADD)
            .arg(&job.id)
            .arg(&job.name)
            .arg(serde_json::to_vec(&job.data).unwrap_or_default())
            .arg(job.priority)
            .arg(millis(job.delay))
            .arg(job.attempts)
            .arg(millis(job.backoff))
            .arg(&self.wake)
            .arg(if self.durable.is_some() { 0 } else { millis(self.link.patience() * 2) });
        #[cfg(feature = "planted-defects")]
        if let (true, Some(node)) = (crate::defects::JOB_DROPPED.strikes(), self.link.node()) {
            return Ok(node);
        }
        match &self.durable {
            Some(durable) => Ok(durable.run(script).await?.node),
            None => Ok(self.link.run::<u32>(&script, Repeat::Safe).await?.node),
        }
    }

    /// Leases up to `count` jobs. `recover` also takes jobs whose lease has lapsed.
    pub(super) async fn take(
        &self,
        count: usize,
        terms: Terms,
        nonce: &str,
        recover: bool,
    ) -> Result<Taken, Failure> {
        type Row = (String, String, String, u32);
        type Answer = (i64, Vec<Row>, Vec<String>, Vec<String>);
        let script = self.call(&TAKE).arg(count).arg(millis(terms.lease)).arg(nonce);
        let script = script.arg(i32::from(recover)).arg(terms.most_stalls);
        let script = script.arg(kept(terms.keep_failed));
        let (next, rows, stalled, failed): Answer =
            self.link.run(&script, Repeat::Never).await?.value;
        let jobs = rows.into_iter().map(|(id, lease, data, failures)| {
            let data = serde_json::from_str(&data).unwrap_or_default();
            Leased { id, lease, data, failures }
        });
        let next = u64::try_from(next).ok().map(Duration::from_millis);
        Ok(Taken { next, jobs: jobs.collect(), stalled, failed })
    }

    /// Renews leases and gives the ids of those that are lost.
    pub(super) async fn renew(
        &self,
        lease: Duration,
        held: &[(String, String)],
    ) -> Result<Vec<String>, Failure> {
        let mut script = self.call(&RENEW).arg(millis(lease));
        for (id, lease) in held {
            script = script.arg(id).arg(lease);
        }
        Ok(self.link.run(&script, Repeat::Safe).await?.value)
    }

    /// Completes a job; false if it is somebody else's by now. Safe to repeat: a lease decides
    /// once.
    pub(super) async fn complete(
        &self,
        job: &Leased,
        result: &Value,
        keep: Keep,
    ) -> Result<bool, Failure> {
        let script = self.call(&COMPLETE).arg(&job.id).arg(&job.lease);
        let script = script.arg(result.to_string()).arg(kept(keep));
        Ok(self.link.run(&script, Repeat::Safe).await?.value)
    }

    /// Ends an attempt that failed; false if the job is somebody else's by now.
    pub(super) async fn fail(
        &self,
        job: &Leased,
        reason: &str,
        keep: Keep,
    ) -> Result<bool, Failure> {
        let script = self.call(&FAIL).arg(&job.id).arg(&job.lease).arg(reason);
        let script = script.arg(kept(keep)).arg(&self.wake);
        Ok(self.link.run(&script, Repeat::Safe).await?.value)
    }

    /// Waiting, active, completed, failed and delayed jobs.
    pub(super) async fn count(&self) -> Result<[u64; 5], Failure> {
        Ok(self.link.run(&self.call(&COUNT), Repeat::Safe).await?.value)
    }

    /// All fields of a job; empty where there is none.
    pub(super) async fn job(&self, id: &str) -> Result<BTreeMap<String, String>, Failure> {
        let mut cmd = redis::cmd("HGETALL");
        cmd.arg(format!("{}job:{id}", self.base));
        Ok(self.link.call(&cmd, Repeat::Safe).await?.value)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn kept(keep: Keep) -> i64 {
    match keep {
        Keep::All => -1,
        Keep::Last(count) => count.into(),
    }
}
