//! Runs a queue's jobs: takes leases, renews them, does the work, and decides over the job once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument as _, Span, field};

use super::Definition;
use super::store::{Leased, Store, Taken, Terms};
use crate::metrics::Metrics;
use crate::settings::QueueLimits;
use crate::upstream::{OnBehalf, Upstream};
use crate::{clock, random};

/// Looks for jobs this often even if nobody says that there are any.
const IDLE: Duration = Duration::from_millis(500);
/// Pause after Redis could not be asked.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a new master is left to renewals before jobs are taken from it.
const GRACE: Duration = Duration::from_millis(100);
/// How long a finished job's outcome is offered to Redis before it is left to the lease.
const SETTLE: Duration = Duration::from_secs(120);
/// How long a stop waits for running jobs; those that are not done run again elsewhere.
const STOP: Duration = Duration::from_secs(20);

struct Held {
    lease: String,
    lost: Arc<Notify>,
}

/// What a worker does, and how much of it.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) definition: &'static Definition,
    pub(super) limits: QueueLimits,
    pub(super) terms: Terms,
}

/// One queue's worker in this instance.
pub(super) struct Worker {
    definition: &'static Definition,
    limits: QueueLimits,
    terms: Terms,
    metrics: Arc<Metrics>,
    store: Arc<Store>,
    upstream: Upstream,
    slots: Arc<Semaphore>,
    held: Mutex<HashMap<String, Held>>,
    wake: Notify,
    stopping: AtomicBool,
}

impl Worker {
    pub(super) fn start(
        plan: Plan,
        store: Arc<Store>,
        upstream: &Upstream,
        metrics: &Arc<Metrics>,
    ) -> Arc<Self> {
        let Plan { definition, limits, terms } = plan;
        let worker = Arc::new(Self {
            definition,
            limits,
            terms,
            metrics: Arc::clone(metrics),
            store,
            upstream: upstream.clone(),
            slots: Arc::new(Semaphore::new(limits.concurrency)),
            held: Mutex::default(),
            wake: Notify::new(),
            stopping: AtomicBool::new(false),
        });
        tokio::spawn(Arc::clone(&worker).take());
        tokio::spawn(Arc::clone(&worker).renew());
        worker
    }

    /// There may be something to do.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(super) fn running(&self) -> u64 {
        self.held().len() as u64
    }

    /// Takes no more jobs and waits for those that run.
    pub(super) async fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        let all = u32::try_from(self.limits.concurrency).unwrap_or(u32::MAX);
        let idle = self.slots.acquire_many(all);
        let stopped = tokio::time::timeout(STOP, idle).await;
        if stopped.is_err() {
            tracing::warn!(queue = self.definition.name, "left running jobs to their leases");
        }
        self.slots.close();
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(self: Arc<Self>) {
        let mut node = Arc::from("");
        let mut calm = clock::now();
        while let Ok(first) = Arc::clone(&self.slots).acquire_owned().await {
            // A take that waited for its connection would come before the renewals below.
            let Some(now) = self.store.link.node() else {
                drop(first);
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            if *now != *node {
                // Leases may have lapsed, or been forgotten, while no master could renew them.
                // Those who still work on a job are given the time to say so.
                node = now;
                self.renew_held().await;
                tokio::time::sleep(GRACE.min(self.terms.lease / 3)).await;
                calm = clock::now() + self.terms.lease / 3;
            }
            if self.stopping.load(Ordering::Relaxed) {
                return;
            }
            let mut free = vec![first];
            while let Ok(another) = Arc::clone(&self.slots).try_acquire_owned() {
                free.push(another);
            }
            let nonce = random::hex(8);
            let taken = self.store.take(free.len(), self.terms, &nonce, clock::now() >= calm).await;
            let pause = match taken {
                Ok(taken) => {
                    self.tell_stalled(&taken);
                    let next = taken.next.unwrap_or(IDLE);
                    let pause = (taken.jobs.len() < free.len())
                        .then(|| next.clamp(Duration::from_millis(1), IDLE));
                    for (job, slot) in taken.jobs.into_iter().zip(free.drain(..)) {
                        self.begin(job, slot);
                    }
                    pause
                }
                Err(failure) => {
                    tracing::debug!(queue = self.definition.name, %failure, "cannot take jobs");
                    Some(PAUSE)
                }
            };
            drop(free);
            if let Some(pause) = pause {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.wake.notified() => {}
                }
            }
        }
    }

    fn tell_stalled(&self, taken: &Taken) {
        let queue = self.definition.name;
        for job in &taken.stalled {
            tracing::info!(queue, job, "its lease lapsed; it runs again");
            self.metrics.stalled.add(&[queue, "again"]);
        }
        for job in &taken.failed {
            tracing::warn!(queue, job, "its lease lapsed too often; it has failed");
            self.metrics.stalled.add(&[queue, "failed"]);
        }
    }

    fn begin(self: &Arc<Self>, job: Leased, slot: OwnedSemaphorePermit) {
        let lost = Arc::new(Notify::new());
        let held = Held { lease: job.lease.clone(), lost: Arc::clone(&lost) };
        let before = self.held().insert(job.id.clone(), held);
        if let Some(before) = before {
            before.lost.notify_one();
        }
        let holding = Holding { worker: Arc::clone(self), job, _slot: slot };
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = holding.worker.run(&holding.job) => {}
                () = lost.notified() => {
                    tracing::warn!(job = holding.job.id, "another worker has taken this job over");
                }
            }
        });
    }

    async fn run(&self, job: &Leased) {
        let (started, attempt) = (clock::now(), job.failures + 1);
        let span = self.span(job);
        let done = {
            let call = OnBehalf { queue: self.definition.name, id: &job.id, attempt };
            let done = self.definition.perform(&job.data, &self.upstream, &call);
            done.instrument(span.clone()).await
        };
        span.record("job.success", done.is_ok());
        if let Ok(result) = &done {
            let response = result["response"].as_str().map_or(0, str::len);
            span.record("response.length", response);
        }
        drop(span);
        let deadline = clock::now() + SETTLE;
        loop {
            let settled = match &done {
                Ok(result) => self.store.complete(job, result, self.limits.keep_completed).await,
                Err(reason) => self.store.fail(job, reason, self.limits.keep_failed).await,
            };
            match settled {
                Ok(mine) => {
                    tracing::debug!(job = job.id, attempt, mine, ok = done.is_ok(), "job settled");
                    let outcome = match (mine, &done) {
                        (false, _) => "lost",
                        (true, Ok(_)) => "completed",
                        (true, Err(_)) => "failed",
                    };
                    let labels = [self.definition.name, outcome];
                    self.metrics.attempts.observe(&labels, started.elapsed());
                    return;
                }
                Err(failure) if clock::now() >= deadline => {
                    tracing::warn!(job = job.id, %failure, "left a finished job to its lease");
                    return;
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// An attempt, for those who follow it.
    fn span(&self, job: &Leased) -> Span {
        let given = |field: &str| job.data.get(field).and_then(Value::as_str);
        let text = |field: &str, default| given(field).unwrap_or(default);
        match self.definition.job {
            "generate-response" => tracing::debug_span!(
                "job.process.llm",
                job.id = job.id,
                "job.type" = self.definition.name,
                llm.model = text("model", "default"),
                user.id = text("userId", "anonymous"),
                job.success = field::Empty,
                response.length = field::Empty,
            ),
            _ => tracing::debug_span!(
                "job.process.email",
                job.id = job.id,
                "job.type" = self.definition.name,
                email.to = text("to", ""),
                user.id = text("userId", "system"),
                job.success = field::Empty,
                response.length = field::Empty,
            ),
        }
    }

    /// Renews the leases of all running jobs three times in a lease, and on each new master.
    async fn renew(self: Arc<Self>) {
        let mut link = self.store.link.clone();
        let mut node = Arc::from("");
        while !self.slots.is_closed() {
            tokio::select! {
                () = tokio::time::sleep(self.terms.lease / 3) => {}
                next = link.next_node(&node) => node = next,
            }
            self.renew_held().await;
        }
    }

    async fn renew_held(&self) {
        let held: Vec<(String, String)> =
            self.held().iter().map(|(id, held)| (id.clone(), held.lease.clone())).collect();
        if held.is_empty() {
            return;
        }
        let Ok(lost) = self.store.renew(self.terms.lease, &held).await else { return };
        for id in lost {
            let lease = held.iter().find(|(known, _)| *known == id).map(|(_, lease)| lease);
            // Settled and taken again in the meantime is not lost.
            if let Some(held) = self.held().get(&id).filter(|it| Some(&it.lease) == lease) {
                held.lost.notify_one();
            }
        }
    }
}

/// A job in this worker's hands. Dropped even by a panic, so that no lease is renewed for ever.
struct Holding {
    worker: Arc<Worker>,
    job: Leased,
    _slot: OwnedSemaphorePermit,
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut held = self.worker.held();
        if held.get(&self.job.id).is_some_and(|held| held.lease == self.job.lease) {
            held.remove(&self.job.id);
        }
    }
}
