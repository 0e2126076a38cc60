//! Watching nodes, Sentinels and processes: directly, so that no fault of a proxy blinds us, and on
//! a thread of its own, so that a busy load generator does not make a node look down.

mod gauges;
mod messages;
mod watch;

use super::group::Group;
use super::member::Member;
use super::processes::{Processes, record};
use anyhow::{Result, anyhow};
use redrill_history::clock::RunClock;
use redrill_history::{EventKind, EventLog, NodeRole, Sample, SampleLog};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, spawn_blocking};

/// The thread that watches, until it is told to stop or the observer is dropped.
pub(super) struct Observer {
    roles: Arc<Roles>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// The role in which each node was seen last, by name.
type Roles = Mutex<BTreeMap<String, NodeRole>>;

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
        groups: &[Group],
        processes: &Arc<Processes>,
        clock: RunClock,
        events: &EventLog,
        samples: &SampleLog,
    ) -> io::Result<Self> {
        let sink = Sink { clock, events: events.clone(), samples: samples.clone() };
        let all = |part: fn(&Group) -> &[Member]| -> Vec<Member> {
            groups.iter().flat_map(part).cloned().collect()
        };
        let (nodes, sentinels) = (all(|group| &group.nodes), all(|group| &group.sentinels));
        let processes = Arc::clone(processes);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let roles = Arc::new(Roles::default());
        let board = Arc::clone(&roles);
        let watch = async move {
            let _tasks = watch_all(nodes, sentinels, processes, &board, &sink);
            // Its sender dropped means stop, too.
            let _ = stopped.await;
        };
        let thread = thread::Builder::new().name("observer".to_owned());
        let thread = thread.spawn(move || runtime.block_on(watch))?;
        Ok(Self { roles, stop, thread })
    }

    /// The role in which a node was seen last; down until it is seen.
    pub(super) fn role(&self, node: &Member) -> NodeRole {
        let roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        roles.get(&node.name).copied().unwrap_or(NodeRole::Down)
    }

    /// Ends the watching; what was seen is written.
    pub(super) async fn stop(self) -> Result<()> {
        drop(self.stop);
        let ended = spawn_blocking(move || self.thread.join()).await?;
        ended.map_err(|_| anyhow!("the observer panicked"))
    }
}

/// The tasks that watch; they end when the set is dropped.
fn watch_all(
    nodes: Vec<Member>,
    sentinels: Vec<Member>,
    processes: Arc<Processes>,
    roles: &Arc<Roles>,
    sink: &Sink,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for node in nodes {
        let (roles, name) = (Arc::clone(roles), node.name.clone());
        let note = move |role| {
            let mut roles = roles.lock().unwrap_or_else(PoisonError::into_inner);
            roles.insert(name.clone(), role);
        };
        tasks.spawn(watch::roles(node.clone(), sink.clone(), note));
        tasks.spawn(gauges::node(node, sink.clone()));
    }
    for sentinel in sentinels {
        tasks.spawn(messages::follow(sentinel, sink.clone()));
    }
    tasks.spawn(gauges::processes(processes, sink.clone()));
    tasks
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
