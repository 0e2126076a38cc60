//! Watching nodes, Sentinels and processes, directly, so that no fault of a proxy blinds us.

mod gauges;
mod messages;
mod watch;

use super::member::Member;
use super::processes::{Processes, record};
use redrill_history::clock::RunClock;
use redrill_history::{EventKind, EventLog, Sample, SampleLog};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// The tasks that watch.
pub(super) struct Observer {
    tasks: JoinSet<()>,
}

/// Where what was seen goes.
#[derive(Clone)]
struct Sink {
    clock: RunClock,
    events: EventLog,
    samples: SampleLog,
}

impl Observer {
    /// Begins to watch.
    pub(super) fn start(
        nodes: &[Member],
        sentinels: &[Member],
        processes: &Arc<Processes>,
        clock: RunClock,
        events: &EventLog,
        samples: &SampleLog,
    ) -> Self {
        let sink = Sink { clock, events: events.clone(), samples: samples.clone() };
        let mut tasks = JoinSet::new();
        for node in nodes {
            tasks.spawn(watch::roles(node.clone(), sink.clone()));
            tasks.spawn(gauges::node(node.clone(), sink.clone()));
        }
        for sentinel in sentinels {
            tasks.spawn(messages::follow(sentinel.clone(), sink.clone()));
        }
        tasks.spawn(gauges::processes(Arc::clone(processes), sink));
        Self { tasks }
    }

    /// Ends the watching; what was seen is written.
    pub(super) async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }
}

impl Sink {
    fn event(&self, kind: EventKind) {
        record(&self.events, self.clock.now_ns(), kind);
    }

    fn sample(&self, source: &str, values: BTreeMap<String, f64>) {
        let sample = Sample { at_ns: self.clock.now_ns(), source: source.to_owned(), values };
        if let Err(error) = self.samples.append(&sample) {
            tracing::error!(%error, "cannot record a sample");
        }
    }
}
