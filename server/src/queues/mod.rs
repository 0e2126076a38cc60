//! Job queues: at least once, by leases with fencing, in Lua on Redis.

mod routes;
mod store;
mod work;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) use routes::OPERATIONS;
use store::Store;
use work::{Data, Work};
use worker::Worker;

use crate::error::Error;
use crate::metrics::Metrics;
use crate::redis::{Failure, Heard, Redis, subscribe};
use crate::settings::{QueueLimits, Settings};
use crate::upstream::Upstream;
use crate::{clock, random};

/// What a queue is for.
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    /// The one kind of job it takes.
    pub(crate) job: &'static str,
    /// Reads its data.
    work: fn(&Data) -> Result<Work, Error>,
}

/// Asks the model.
const LLM: Definition =
    Definition { name: "llm-processing", job: "generate-response", work: work::ask };
/// Sends mails.
const EMAIL: Definition =
    Definition { name: "email-notifications", job: "send-email", work: work::send };

/// One queue, its jobs and this instance's worker.
struct Queue {
    definition: &'static Definition,
    limits: QueueLimits,
    store: Arc<Store>,
    worker: Arc<Worker>,
}

/// How many jobs are in each state.
type States = [(&'static str, u64); 5];

/// The queues of the service.
pub(crate) struct Queues {
    all: [Queue; 2],
    backoff: Duration,
    submitted: AtomicU64,
}

impl Queues {
    pub(crate) fn start(
        settings: &Settings,
        redis: &Redis,
        upstream: &Upstream,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let queues = &settings.queues;
        let start = |definition: &'static Definition, limits: QueueLimits| {
            let store = Arc::new(Store::new(definition, redis, queues.replicas));
            let (lease, most_stalls) = (queues.lease, queues.most_stalls);
            let terms = store::Terms { lease, most_stalls, keep_failed: limits.keep_failed };
            let plan = worker::Plan { definition, limits, terms };
            let worker = Worker::start(plan, Arc::clone(&store), upstream, metrics);
            Queue { definition, limits, store, worker }
        };
        let all = [start(&LLM, queues.llm), start(&EMAIL, queues.email)];
        let workers: Vec<Arc<Worker>> = all.iter().map(|queue| Arc::clone(&queue.worker)).collect();
        // What one node of a cluster publishes all of them hear.
        let Store { link, wake, .. } = &*all[0].store;
        let mut heard = subscribe(link, wake.clone());
        tokio::spawn(async move {
            while let Some(Heard::Subscribed | Heard::Message(_)) = heard.recv().await {
                workers.iter().for_each(|worker| worker.wake());
            }
        });
        Self { all, backoff: queues.backoff, submitted: AtomicU64::new(0) }
    }

    /// Every queue's jobs by their state.
    ///
    /// # Errors
    /// Redis could not be asked.
    pub(crate) async fn counts(&self) -> Result<Vec<(&'static str, States)>, Failure> {
        let count = self.all.iter().map(|queue| async {
            let [waiting, active, completed, failed, delayed] = queue.store.count().await?;
            let states = [
                ("waiting", waiting),
                ("active", active),
                ("completed", completed),
                ("failed", failed),
                ("delayed", delayed),
            ];
            Ok((queue.definition.name, states))
        });
        futures_util::future::try_join_all(count).await
    }

    fn find(&self, name: &str) -> Option<&Queue> {
        self.all.iter().find(|queue| queue.definition.name == name)
    }

    /// An id that nobody has had and that sorts by the time of submission: not a counter in Redis,
    /// which a failover could set back.
    fn new_id(&self) -> String {
        let count = self.submitted.fetch_add(1, Ordering::Relaxed) & 0xff_ffff;
        format!("{:012x}{count:06x}{}", clock::unix_ms(), random::hex(6))
    }

    /// Jobs of each queue that this instance runs at this moment.
    pub(crate) fn running(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.all.iter().map(|queue| (queue.definition.name, queue.worker.running()))
    }

    /// Takes no more jobs and waits for those that run.
    pub(crate) async fn stop(&self) {
        futures_util::future::join_all(self.all.iter().map(|queue| queue.worker.stop())).await;
    }
}
