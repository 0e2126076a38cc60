//! What virtual users share, and what they are to the load.

use crate::target::Target;
use futures_util::future::BoxFuture;
use redrill_history::clock::RunClock;
use redrill_history::{
    Action, Capability, Flags, Observation, Operation, Outcome, RecorderHandle, ResolvedPlan,
};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One arrival: a moment at which an operation should start.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Number among its capability's arrivals, from 0.
    pub number: u64,
    /// When it should start, in nanoseconds since the run began.
    pub intended_ns: u64,
    /// No virtual user was idle at that moment.
    pub no_idle_vu: bool,
}

/// Where a capability's virtual users take their arrivals from. A busy fleet lets arrivals wait
/// here, and the wait counts.
#[derive(Clone, Debug)]
pub struct Arrivals {
    queue: async_channel::Receiver<Arrival>,
    idle: Arc<AtomicUsize>,
    sent: Arc<AtomicU64>,
}

/// The other end of [`Arrivals`]: dropping it ends the load.
#[derive(Debug)]
pub struct ArrivalSender {
    queue: async_channel::Sender<Arrival>,
    idle: Arc<AtomicUsize>,
    sent: Arc<AtomicU64>,
}

/// A queue of arrivals.
pub fn arrivals() -> (ArrivalSender, Arrivals) {
    let (sender, receiver) = async_channel::unbounded();
    let (idle, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let (idle_here, sent_here) = (Arc::clone(&idle), Arc::clone(&sent));
    (
        ArrivalSender { queue: sender, idle: idle_here, sent: sent_here },
        Arrivals { queue: receiver, idle, sent },
    )
}

impl ArrivalSender {
    /// Hands an arrival to the fleet at its time; notes whether anybody was free to take it.
    pub fn send(&self, number: u64, intended_ns: u64) {
        let no_idle_vu = self.idle.load(Ordering::Acquire) <= self.queue.len();
        self.sent.fetch_add(1, Ordering::AcqRel);
        // Nobody listens any more only when the load was stopped; the arrival then has no use.
        let _ = self.queue.try_send(Arrival { number, intended_ns, no_idle_vu });
    }
}

impl Arrivals {
    /// Virtual users that wait for an arrival now.
    pub fn idle(&self) -> usize {
        self.idle.load(Ordering::Acquire)
    }

    /// Arrivals so far; the last word once [`Arrivals::is_over`].
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }

    /// True when no arrival will be added.
    pub fn is_over(&self) -> bool {
        self.queue.is_closed()
    }

    /// Takes every arrival that nobody has taken, and lets none be added; returns their number.
    pub fn abandon(&self) -> u64 {
        self.queue.close();
        std::iter::from_fn(|| self.queue.try_recv().ok()).count() as u64
    }

    /// The next arrival; `None` when the load has ended.
    pub async fn next(&self) -> Option<Arrival> {
        let _idle = Idle::new(&self.idle);
        self.queue.recv().await.ok()
    }
}

/// Counts a virtual user as idle while it lives, also when the wait is cancelled.
struct Idle<'a>(&'a AtomicUsize);

impl<'a> Idle<'a> {
    fn new(idle: &'a AtomicUsize) -> Self {
        idle.fetch_add(1, Ordering::AcqRel);
        Self(idle)
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A virtual user of one capability.
pub trait VirtualUser: Send {
    /// Does one operation and records it.
    fn operate(&mut self, arrival: Arrival) -> BoxFuture<'_, ()>;
    /// After the load: reads the final state of what this user was promised, and records it with
    /// [`Flags::FINAL`].
    fn finish(&mut self) -> BoxFuture<'_, ()>;
}

/// Live counts, for progress lines.
#[derive(Debug, Default)]
pub struct Progress {
    counts: [[AtomicU64; 3]; 5],
}

impl Progress {
    /// Requests so far by outcome: ok, refused, unknown.
    pub fn of(&self, capability: Capability) -> [u64; 3] {
        let counts = &self.counts[capability as usize - 1];
        [0, 1, 2].map(|outcome| counts[outcome].load(Ordering::Relaxed))
    }

    fn count(&self, operation: &Operation) {
        if operation.is_load() {
            let outcomes = &self.counts[operation.capability as usize - 1];
            outcomes[operation.outcome as usize - 1].fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Jobs that took effect: what the drain need not wait for.
#[derive(Debug, Default)]
pub struct Executed(Mutex<BTreeSet<u64>>);

impl Executed {
    /// Notes a job's successful effect.
    pub fn insert(&self, job: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(job);
    }

    /// True when the job took effect.
    pub fn contains(&self, job: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&job)
    }
}

/// What every virtual user of a load shares.
#[derive(Debug)]
pub struct Context {
    /// The run's clock.
    pub clock: RunClock,
    /// Where operations are recorded.
    pub recorder: RecorderHandle,
    /// The plan.
    pub plan: Arc<ResolvedPlan>,
    /// The service under test.
    pub target: Target,
    /// The HTTP client that all share.
    pub http: reqwest::Client,
    /// The load segment.
    pub segment: u16,
    /// Live counts.
    pub progress: Arc<Progress>,
    /// Jobs that took effect.
    pub executed: Arc<Executed>,
    /// When the drain ends, in nanoseconds since the run began; `u64::MAX` during the load.
    pub drain_deadline_ns: AtomicU64,
    /// Numbers for sessions, jobs and sockets: one source, so that none is used twice.
    pub numbers: Arc<AtomicU64>,
}

/// What is known of an operation before its outcome.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    seq: u64,
    intended_ns: u64,
    started_ns: u64,
    vu: u32,
    flags: Flags,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// What is known of it.
    pub outcome: Outcome,
    /// HTTP status, 0 without an answer.
    pub status: u16,
    /// Facts about the answer.
    pub flags: Flags,
    /// What the answer told.
    pub observation: Observation,
}

impl Context {
    /// A number that nothing else in this run has.
    pub fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The instance that an arrival addresses: one after the other.
    pub fn instance(&self, number: u64) -> u8 {
        u8::try_from(number % self.target.instances().max(1) as u64).unwrap_or(0)
    }

    /// Begins the operation of an arrival.
    pub fn begin(&self, vu: u32, arrival: Arrival) -> Begun {
        Begun {
            seq: self.recorder.next_seq(),
            intended_ns: arrival.intended_ns,
            started_ns: self.clock.now_ns(),
            vu,
            flags: if arrival.no_idle_vu { Flags::NO_IDLE_VU } else { Flags::default() },
        }
    }

    /// Begins an operation that no arrival asked for, now.
    pub fn begin_unasked(&self, vu: u32, flags: Flags) -> Begun {
        self.begin_at(vu, self.clock.now_ns(), flags)
    }

    /// An operation that no arrival asked for and that was begun at `started_ns`.
    pub fn begin_at(&self, vu: u32, started_ns: u64, flags: Flags) -> Begun {
        let seq = self.recorder.next_seq();
        Begun { seq, intended_ns: started_ns, started_ns, vu, flags }
    }

    /// When the drain ends, in nanoseconds since the run began.
    pub fn drain_deadline_ns(&self) -> u64 {
        self.drain_deadline_ns.load(Ordering::Relaxed)
    }

    /// Records the end of an operation, now.
    pub fn end(&self, begun: Begun, what: What, ended: Ended) -> Operation {
        let operation = Operation {
            seq: begun.seq,
            intended_ns: begun.intended_ns,
            started_ns: begun.started_ns,
            finished_ns: self.clock.now_ns(),
            key: what.key,
            value: what.value,
            vu: begun.vu,
            status: ended.status,
            capability: what.capability,
            action: what.action,
            outcome: ended.outcome,
            instance: what.instance,
            flags: begun.flags.with(ended.flags),
            segment: self.segment,
        };
        self.progress.count(&operation);
        self.recorder.operation(operation, Some(ended.observation));
        operation
    }
}

/// What an operation was about.
#[derive(Clone, Copy, Debug)]
pub struct What {
    /// Whose scenario did it.
    pub capability: Capability,
    /// What was done.
    pub action: Action,
    /// See [`Action`].
    pub key: u64,
    /// See [`Action`].
    pub value: u64,
    /// The instance addressed.
    pub instance: u8,
}

impl Begun {
    /// When the operation was begun, in nanoseconds since the run began.
    pub const fn started_ns(&self) -> u64 {
        self.started_ns
    }
}
