//! One supervised connection of one role: it finds the master, notices when it is lost or
//! deposed, and replaces it. Nobody waits longer than the command time-out, and no command is sent
//! twice unless it is known to have had no effect or is safe to repeat.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::address::{Address, Dialer};
use super::connect::{Login, Opened, open};
use super::sentinel::{Discovery, Named};
use crate::clock;
use crate::metrics::Metrics;

/// The first pause between two attempts to connect; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// With Sentinels the next master may be named at any moment: attempts stay frequent.
const LONGEST_PAUSE_WITH_SENTINELS: Duration = Duration::from_millis(100);

/// Where a role's Redis is.
#[derive(Clone)]
pub(crate) enum Place {
    /// At one address.
    Fixed(Address),
    /// Where the Sentinels say.
    Sentinel(Discovery),
}

/// Everything that a link is made of.
#[derive(Clone)]
pub(crate) struct Plan {
    /// What it is for, in logs and metrics.
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) login: Login,
    pub(crate) dialer: Dialer,
    pub(crate) command_timeout: Duration,
    pub(crate) longest_pause: Duration,
    pub(crate) metrics: Arc<Metrics>,
}

/// A connection in use.
pub(crate) struct Live {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) run_id: Arc<str>,
    ended: AtomicBool,
    broken: Notify,
    retired: watch::Sender<bool>,
}

impl Live {
    /// Says that this connection is of no more use.
    pub(crate) fn give_up(&self) {
        self.ended.store(true, Ordering::Release);
        self.broken.notify_one();
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

/// A role's connection, kept up by a task of its own.
#[derive(Clone)]
pub(crate) struct Link {
    pub(super) plan: Arc<Plan>,
    pub(super) state: watch::Receiver<State>,
}

impl Link {
    /// Starts the supervisor; it runs as long as the process.
    pub(crate) fn start(plan: Plan) -> Self {
        let plan = Arc::new(plan);
        let (sender, state) = watch::channel(State::Down { since: clock::now() });
        tokio::spawn(Supervisor { plan: Arc::clone(&plan), state: sender }.run());
        Self { plan, state }
    }

    /// Is there a connection at this moment?
    pub(crate) fn is_up(&self) -> bool {
        self.node().is_some()
    }

    /// The run id of the node that is connected at this moment.
    pub(crate) fn node(&self) -> Option<Arc<str>> {
        match &*self.state.borrow() {
            State::Up(live) if live.is_usable() => Some(Arc::clone(&live.run_id)),
            _ => None,
        }
    }

    /// Waits until the next connection is there and gives its run id; used to notice a new master.
    pub(crate) async fn next_node(&mut self, known: &str) -> Arc<str> {
        let is_new = |state: &State| matches!(state, State::Up(live) if *live.run_id != *known);
        match self.state.wait_for(is_new).await.map(|state| state.clone()) {
            Ok(State::Up(live)) => Arc::clone(&live.run_id),
            _ => std::future::pending().await,
        }
    }

    /// The connection, waiting for one until `deadline`, but not once Redis has been away for as
    /// long as a command may take: then waiting has already been shown not to help.
    pub(super) async fn live(&self, deadline: Instant) -> Option<Arc<Live>> {
        let mut state = self.state.clone();
        loop {
            let patience = match &*state.borrow_and_update() {
                State::Up(live) if live.is_usable() => return Some(Arc::clone(live)),
                State::Up(_) => deadline,
                State::Down { since } => deadline.min(*since + self.plan.command_timeout),
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
    state: watch::Sender<State>,
}

impl Supervisor {
    async fn run(self) {
        let mut named = match &self.plan.place {
            Place::Fixed(address) => {
                watch::channel(Some(Named { address: address.clone(), epoch: 0 })).1
            }
            Place::Sentinel(discovery) => discovery.follow(),
        };
        let mut pause = FIRST_PAUSE;
        loop {
            if self.state.is_closed() {
                return;
            }
            let target = named.borrow_and_update().clone();
            let Some(target) = target else {
                tokio::select! {
                    _ = named.changed() => {}
                    () = tokio::time::sleep(self.longest_pause()) => self.ask(),
                }
                continue;
            };
            let attempt =
                open(&self.plan.dialer, &target.address, &self.plan.login, self.guarded());
            let opened = tokio::select! {
                opened = attempt => opened,
                () = other_than(&mut named, &target.address) => continue,
            };
            match opened {
                Ok(opened) => {
                    pause = FIRST_PAUSE;
                    self.serve(opened, &target, &mut named).await;
                }
                Err(error) => {
                    tracing::debug!(link = self.plan.name, address = %target.address, %error,
                        "cannot connect");
                    self.ask();
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = other_than(&mut named, &target.address) => {}
                    }
                    pause = (pause * 2).min(self.longest_pause());
                }
            }
        }
    }

    /// Offers the connection until it ends, is given up, or another master is named.
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
            ended: AtomicBool::new(false),
            broken: Notify::new(),
            retired: watch::channel(false).0,
        });
        self.state.send_replace(State::Up(Arc::clone(&live)));
        let why = tokio::select! {
            _ = &mut driver => "the connection ended",
            () = live.broken.notified() => "a command found it of no use",
            () = other_than(named, &target.address) => "another master is named",
            why = self.heartbeat(&live) => why,
        };
        live.ended.store(true, Ordering::Release);
        self.state.send_replace(State::Down { since: clock::now() });
        live.retired.send_replace(true);
        driver.abort();
        self.ask();
        tracing::warn!(link = self.plan.name, address = %target.address, why, "disconnected");
    }

    /// Notices a node that is silent while nobody asks it anything, or that lost its role.
    async fn heartbeat(&self, live: &Live) -> &'static str {
        let mut connection = live.connection.clone();
        let every = (self.plan.command_timeout / 2).min(Duration::from_secs(1));
        loop {
            tokio::time::sleep(every).await;
            let cmd = redis::cmd("ROLE");
            let asked = cmd.query_async::<redis::Value>(&mut connection);
            match tokio::time::timeout(self.plan.command_timeout, asked).await {
                Err(_) => return "it is silent",
                Ok(Err(_)) => return "it answers with errors",
                Ok(Ok(role)) if self.guarded() && !super::connect::is_master(&role) => {
                    return "it is no master any more";
                }
                Ok(Ok(_)) => {}
            }
        }
    }

    fn ask(&self) {
        if let Place::Sentinel(discovery) = &self.plan.place {
            discovery.ask();
        }
    }

    /// Only Sentinels can name another node than the one that is no master.
    fn guarded(&self) -> bool {
        matches!(self.plan.place, Place::Sentinel(_))
    }

    fn longest_pause(&self) -> Duration {
        match self.plan.place {
            Place::Fixed(_) => self.plan.longest_pause,
            Place::Sentinel(_) => self.plan.longest_pause.min(LONGEST_PAUSE_WITH_SENTINELS),
        }
    }
}

/// Ends when a master at another address is named.
async fn other_than(named: &mut watch::Receiver<Option<Named>>, address: &Address) {
    let other = |named: &Option<Named>| named.as_ref().is_some_and(|it| it.address != *address);
    if named.wait_for(other).await.is_err() {
        std::future::pending::<()>().await;
    }
}
