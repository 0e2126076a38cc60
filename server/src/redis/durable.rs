//! Writes that are acknowledged by replicas before they are acknowledged by us.
//!
//! `WAIT` blocks its connection and speaks of everything that this connection wrote before it, so
//! all writes that arrive while one `WAIT` is under way share the next: one dedicated connection
//! carries any rate at one replication round trip of delay.

use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use tokio::sync::{mpsc, oneshot};

use super::call::{Answer, Repeat};
use super::failure::Failure;
use super::link::Link;
use super::script::Invocation;

/// The most writes that share one `WAIT`.
const BATCH: usize = 256;

struct Write {
    script: Invocation,
    done: oneshot::Sender<Result<Answer<Value>, Failure>>,
}

/// Writes through a connection of its own and waits for `replicas` to have them.
#[derive(Clone)]
pub(crate) struct Durable {
    writes: mpsc::Sender<Write>,
    timeout: Duration,
}

impl Durable {
    /// Starts the task that writes and waits.
    pub(crate) fn start(link: Link, replicas: u32) -> Self {
        let (writes, mut queue) = mpsc::channel(BATCH);
        let timeout = link.plan.command_timeout;
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while queue.recv_many(&mut batch, BATCH).await > 0 {
                commit(&link, replicas, std::mem::take(&mut batch)).await;
            }
        });
        Self { writes, timeout }
    }

    /// Runs a script, which must write something each time, and waits for the replicas.
    ///
    /// # Errors
    /// [`Failure::Unknown`] also where the write was made and too few replicas confirmed it.
    pub(crate) async fn run(&self, script: Invocation) -> Result<Answer<Value>, Failure> {
        let deadline = crate::clock::now() + self.timeout;
        let (done, answer) = oneshot::channel();
        let send = self.writes.send(Write { script, done });
        match tokio::time::timeout_at(deadline, send).await {
            Ok(Ok(())) => {}
            _ => return Err(Failure::refused("too many writes wait for replicas")),
        }
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            _ => Err(Failure::Unknown("the replicas did not confirm in time".to_owned())),
        }
    }
}

/// One batch: every script on its own, then one `WAIT` for all that were written.
async fn commit(link: &Link, replicas: u32, batch: Vec<Write>) {
    let batch: Vec<Write> = batch.into_iter().filter(|write| !write.done.is_closed()).collect();
    let runs = batch.iter().map(|write| link.run::<Value>(&write.script, Repeat::Never));
    let results = futures_util::future::join_all(runs).await;
    // A `WAIT` on another connection than the one that wrote would speak of other writes. Each
    // connection has its own copy of the run id, so the pointer tells connections apart.
    let nodes: Vec<Arc<str>> = results.iter().flatten().map(|it| Arc::clone(&it.node)).collect();
    let confirmed = match nodes.first() {
        Some(node) => confirm(link, replicas, node).await,
        None => Ok(()),
    };
    for (write, result) in batch.into_iter().zip(results) {
        let same =
            |answer: &Answer<Value>| nodes.first().is_some_and(|it| Arc::ptr_eq(it, &answer.node));
        let result = match (result, &confirmed) {
            (Ok(answer), Ok(())) if same(&answer) => Ok(answer),
            (Ok(_), Ok(())) => Err(Failure::Unknown("the master changed meanwhile".to_owned())),
            (Ok(_), Err(why)) => Err(Failure::Unknown(why.clone())),
            (Err(failure), _) => Err(failure),
        };
        let _ = write.done.send(result);
    }
}

async fn confirm(link: &Link, replicas: u32, node: &Arc<str>) -> Result<(), String> {
    let mut wait = redis::cmd("WAIT");
    let patience = link.plan.command_timeout.mul_f64(0.9);
    wait.arg(replicas).arg(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX).max(1));
    match link.call::<u32>(&wait, Repeat::Never).await {
        Ok(answer) if !Arc::ptr_eq(&answer.node, node) => {
            Err("the master changed meanwhile".to_owned())
        }
        Ok(answer) if answer.value < replicas => {
            Err(format!("{} of {replicas} replicas confirmed in time", answer.value))
        }
        Ok(_) => Ok(()),
        Err(failure) => Err(failure.to_string()),
    }
}
