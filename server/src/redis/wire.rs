//! One supervised connection: it finds its node, notices when the node is lost or deposed, and
//! replaces it.
//!
//! It is a circuit breaker too. Callers wait for a connection, at most the command time-out, while
//! an outage is younger than that: a failover may end it at any moment. An older one has shown that
//! waiting does not help, and refuses them at once. Meanwhile one attempt after another, with
//! growing pauses, opens a connection and asks it for a sign of life; the first that succeeds lets
//! everybody through again. An outage begins when the first command was sent that went without an
//! answer, not when that was noticed. Metrics tell whether it is open and how many it refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::RedisError;
use redis::aio::MultiplexedConnection;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::address::{Address, Dialer};
use super::connect::{Login, Opened, Wanted, is_master, open};
use super::place::{Named, Place};
use super::told::{Told, tell};
use crate::clock;
use crate::metrics::Metrics;

/// The first pause between two attempts to connect; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// A connection that lived longer than this was of use: the next attempt needs no pause.
const OF_USE: Duration = Duration::from_millis(500);

/// Everything that a connection is made of.
#[derive(Clone)]
pub(crate) struct Plan {
    /// What it is for, in logs and metrics.
    pub(crate) name: &'static str,
    /// Before every key and channel.
    pub(crate) prefix: Arc<str>,
    pub(crate) login: Login,
    pub(crate) dialer: Dialer,
    pub(crate) command_timeout: Duration,
    pub(crate) longest_pause: Duration,
    /// How often a command that may be repeated is sent again after its answer was lost.
    pub(crate) most_retries: u32,
    /// As redis-rs does by itself; see [`super::plain`].
    pub(crate) naive: bool,
    pub(crate) metrics: Arc<Metrics>,
}

/// A connection in use.
pub(crate) struct Live {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) run_id: Arc<str>,
    pub(crate) address: Address,
    ended: AtomicBool,
    /// Whether nothing but its end ends it.
    naive: bool,
    /// Since when it has been silent, if that is why it is of no more use.
    silent: Mutex<Option<Instant>>,
    broken: Notify,
    retired: watch::Sender<bool>,
}

impl Live {
    /// Says that this connection is of no more use.
    pub(crate) fn give_up(&self) {
        if self.naive {
            return;
        }
        self.ended.store(true, Ordering::Release);
        self.broken.notify_one();
    }

    /// Says that it has not answered a command that was sent at `since`.
    pub(crate) fn give_up_silent(&self, since: Instant) {
        *self.silent.lock().unwrap_or_else(PoisonError::into_inner) = Some(since);
        self.give_up();
    }

    pub(crate) fn is_usable(&self) -> bool {
        !self.ended.load(Ordering::Acquire)
    }

    /// Ends when the supervisor has turned away from this connection.
    pub(crate) async fn retired(&self) {
        let mut retired = self.retired.subscribe();
        let _ = retired.wait_for(|retired| *retired).await;
    }
}

/// What callers see.
#[derive(Clone)]
pub(crate) enum State {
    Up(Arc<Live>),
    Down { since: Instant },
}

/// A connection, kept up by a task of its own for as long as anyone holds this.
#[derive(Clone)]
pub(crate) struct Wire {
    state: watch::Receiver<State>,
    patience: Duration,
}

impl Wire {
    /// Starts the supervisor. `connected` counts the connections that were made.
    pub(crate) fn start(plan: Arc<Plan>, place: Place, connected: watch::Sender<u64>) -> Self {
        let patience = plan.command_timeout;
        let (sender, state) = watch::channel(State::Down { since: clock::now() });
        tokio::spawn(Supervisor { plan, place, state: sender, connected }.run());
        Self { state, patience }
    }

    /// The run id of the node that is connected at this moment.
    pub(crate) fn node(&self) -> Option<Arc<str>> {
        match &*self.state.borrow() {
            State::Up(live) if live.is_usable() => Some(Arc::clone(&live.run_id)),
            _ => None,
        }
    }

    /// Is the breaker open: are callers refused at once?
    pub(crate) fn is_open(&self) -> bool {
        let state = &*self.state.borrow();
        matches!(state, State::Down { since } if clock::now() >= *since + self.patience)
    }

    /// Waits until another node than `known` is connected and gives its run id.
    pub(crate) async fn next_node(&mut self, known: &str) -> Arc<str> {
        let is_new = |state: &State| matches!(state, State::Up(live) if *live.run_id != *known);
        match self.state.wait_for(is_new).await.map(|state| state.clone()) {
            Ok(State::Up(live)) => Arc::clone(&live.run_id),
            _ => std::future::pending().await,
        }
    }

    /// The connection, waiting for one until `deadline` or until the breaker opens.
    pub(super) async fn live(&self, deadline: Instant) -> Option<Arc<Live>> {
        let mut state = self.state.clone();
        loop {
            let patience = match &*state.borrow_and_update() {
                State::Up(live) if live.is_usable() => return Some(Arc::clone(live)),
                State::Up(_) => deadline,
                State::Down { since } => deadline.min(*since + self.patience),
            };
            match tokio::time::timeout_at(patience, state.changed()).await {
                Ok(Ok(())) => {}
                _ => return None,
            }
        }
    }
}

struct Supervisor {
    plan: Arc<Plan>,
    place: Place,
    state: watch::Sender<State>,
    connected: watch::Sender<u64>,
}

impl Supervisor {
    async fn run(self) {
        let mut named = self.place.follow();
        tokio::select! {
            () = self.keep_up(&mut named) => {}
            // Nobody holds the wire any more.
            () = self.state.closed() => {}
        }
    }

    async fn keep_up(&self, named: &mut watch::Receiver<Option<Named>>) {
        let longest = self.place.longest_pause(self.plan.longest_pause);
        let mut pause = FIRST_PAUSE;
        let mut told = Told::default();
        loop {
            let target = named.borrow_and_update().clone();
            let Some(target) = target else {
                tokio::select! {
                    _ = named.changed() => {}
                    () = tokio::time::sleep(longest) => self.place.ask(),
                }
                continue;
            };
            let Plan { dialer, login, .. } = &*self.plan;
            let opened = tokio::select! {
                opened = open(dialer, &target.address, login, self.wanted()) => opened,
                () = other_than(named, &target.address) => continue,
            };
            let began = clock::now();
            match opened {
                Ok(opened) => {
                    told = Told::default();
                    self.serve(opened, &target, named).await;
                }
                Err(error) => self.tell(&target.address, &error, &mut told),
            }
            self.place.ask();
            if began.elapsed() >= OF_USE {
                pause = FIRST_PAUSE;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = other_than(named, &target.address) => {}
            }
            pause = (pause * 2).min(longest);
        }
    }

    /// Says why there is no connection, aloud if that is news.
    fn tell(&self, address: &Address, error: &RedisError, told: &mut Told) {
        let (link, reason) = (self.plan.name, error.to_string());
        self.trace(&reason);
        let news = format!("{address}: {reason}");
        tell!(told, &news, link, %address, reason, "cannot connect");
    }

    /// Offers the connection until it ends, is given up, or another node is named.
    async fn serve(
        &self,
        opened: Opened,
        target: &Named,
        named: &mut watch::Receiver<Option<Named>>,
    ) {
        let Opened { connection, mut driver, run_id } = opened;
        tracing::info!(link = self.plan.name, address = %target.address, run_id, "connected");
        self.plan.metrics.connected(self.plan.name);
        let live = Arc::new(Live {
            connection,
            run_id: run_id.into(),
            address: target.address.clone(),
            naive: self.plan.naive,
            ended: AtomicBool::new(false),
            silent: Mutex::default(),
            broken: Notify::new(),
            retired: watch::channel(false).0,
        });
        self.state.send_replace(State::Up(Arc::clone(&live)));
        self.connected.send_modify(|count| *count += 1);
        let why = tokio::select! {
            _ = &mut *driver => "the connection ended",
            () = live.broken.notified() => "a command found it of no use",
            () = other_than(named, &target.address), if !live.naive => "another master is named",
            why = self.heartbeat(&live), if !live.naive => why,
        };
        live.ended.store(true, Ordering::Release);
        let silent = *live.silent.lock().unwrap_or_else(PoisonError::into_inner);
        self.state.send_replace(State::Down { since: silent.unwrap_or_else(clock::now) });
        live.retired.send_replace(true);
        self.plan.metrics.disconnected(self.plan.name, why);
        self.trace(why);
        tracing::warn!(link = self.plan.name, address = %target.address, why, "disconnected");
    }

    /// An error of the connection, as a collector of spans sees it.
    fn trace(&self, message: &str) {
        let client = self.plan.name;
        drop(tracing::debug_span!("redis.error", redis.client = client, error.message = message));
    }

    /// Notices a node that is silent while nobody asks it anything, or that lost its role.
    async fn heartbeat(&self, live: &Live) -> &'static str {
        let mut connection = live.connection.clone();
        let every = (self.plan.command_timeout / 2).min(Duration::from_secs(1));
        loop {
            tokio::time::sleep(every).await;
            let sent = clock::now();
            let cmd = redis::cmd("ROLE");
            let asked = cmd.query_async::<redis::Value>(&mut connection);
            match tokio::time::timeout(self.plan.command_timeout, asked).await {
                Err(_) => {
                    live.give_up_silent(sent);
                    return "it is silent";
                }
                Ok(Err(_)) => return "it answers with errors",
                Ok(Ok(role)) if !is_master(&role) => {
                    return "it is no master any more";
                }
                Ok(Ok(_)) => {}
            }
        }
    }

    fn wanted(&self) -> Wanted {
        match self.place {
            // redis-rs has looked at the role when it asked the Sentinels, and looks at no other's.
            Place::Sentinel(_) | Place::Fixed(_) if self.plan.naive => Wanted::Any,
            // A replica serves reads alone: to a service that writes it is an outage, also where
            // nobody names another node.
            Place::Sentinel(_) | Place::Fixed(_) => Wanted::Master,
            Place::Member(..) | Place::Slot(..) => Wanted::MasterOfCluster,
        }
    }
}

/// Ends when a node at another address is named.
async fn other_than(named: &mut watch::Receiver<Option<Named>>, address: &Address) {
    let other = |named: &Option<Named>| named.as_ref().is_some_and(|it| it.address != *address);
    if named.wait_for(other).await.is_err() {
        std::future::pending::<()>().await;
    }
}
