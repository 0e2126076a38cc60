//! A fleet of virtual users as a goose scenario: the only file that knows goose's users.

use crate::load::{Arrivals, VirtualUser};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use goose::goose::{Scenario, Transaction, TransactionFunction};
use goose::prelude::{GooseError, GooseUser};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a virtual user without arrivals sleeps before it lets goose look whether the attack is
/// over: goose asks only between transactions.
const REST: Duration = Duration::from_millis(50);

/// The virtual users of one capability.
#[derive(Clone)]
pub struct Fleet {
    name: &'static str,
    users: Arc<[Mutex<Box<dyn VirtualUser>>]>,
    boarded: Arc<AtomicUsize>,
    arrivals: Arrivals,
    done: Arc<AtomicU64>,
    panics: Arc<AtomicU64>,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "Fleet({}, {} users)", self.name, self.users.len())
    }
}

/// Which of the fleet's users a goose user is.
#[derive(Clone, Copy)]
struct Seat(usize);

impl Fleet {
    /// A fleet that takes its arrivals from `arrivals`.
    pub fn new(name: &'static str, users: Vec<Box<dyn VirtualUser>>, arrivals: Arrivals) -> Self {
        Self {
            name,
            users: users.into_iter().map(Mutex::new).collect(),
            boarded: Arc::default(),
            arrivals,
            done: Arc::default(),
            panics: Arc::default(),
        }
    }

    /// Number of virtual users.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// True for a fleet of nobody.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// True when every virtual user waits for an arrival.
    pub fn is_ready(&self) -> bool {
        self.arrivals.idle() >= self.users.len()
    }

    /// True when no arrival will come.
    pub fn is_over(&self) -> bool {
        self.arrivals.is_over()
    }

    /// True when no arrival will come and every one that came has been answered or given up.
    pub fn is_done(&self) -> bool {
        self.arrivals.is_over() && self.done.load(Ordering::Acquire) >= self.arrivals.sent()
    }

    /// Gives up the arrivals that nobody has begun, and says how many they were: a service that is
    /// slower than its load must not make the run longer than its plan.
    pub fn abandon(&self) -> u64 {
        let abandoned = self.arrivals.abandon();
        self.done.fetch_add(abandoned, Ordering::AcqRel);
        abandoned
    }

    /// Operations that ended in a panic: the harness's own failure, never the service's.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Acquire)
    }

    /// The scenario: one transaction, an arrival awaited and its operation done.
    ///
    /// # Errors
    /// A fleet of nobody has no weight.
    pub fn scenario(&self) -> Result<Scenario, GooseError> {
        let fleet = self.clone();
        let visit: TransactionFunction = Arc::new(move |user| {
            let fleet = fleet.clone();
            Box::pin(async move {
                fleet.visit(user).await;
                Ok(())
            })
        });
        let transaction = Transaction::new(visit).set_name("arrival");
        Ok(Scenario::new(self.name).set_weight(self.users.len())?.register_transaction(transaction))
    }

    async fn visit(&self, user: &mut GooseUser) {
        let seat = match user.get_session_data::<Seat>() {
            Some(Seat(seat)) => *seat,
            None => {
                let seat = self.boarded.fetch_add(1, Ordering::Relaxed);
                user.set_session_data(Seat(seat));
                seat
            }
        };
        let (Some(member), Some(arrival)) = (self.users.get(seat), self.arrivals.next().await)
        else {
            tokio::time::sleep(REST).await;
            return;
        };
        // goose would lose a user that panics without a word, and its arrival would never end.
        let mut member = member.lock().await;
        if AssertUnwindSafe(member.operate(arrival)).catch_unwind().await.is_err() {
            self.panics.fetch_add(1, Ordering::AcqRel);
        }
        self.done.fetch_add(1, Ordering::AcqRel);
    }

    /// After the load: everybody reads the final state of what they were promised, `at_once`
    /// users at a time.
    pub async fn finish(&self, at_once: usize) {
        let lane = |lane: usize| async move {
            for user in self.users.iter().skip(lane).step_by(at_once) {
                user.lock().await.finish().await;
            }
        };
        join_all((0..at_once).map(lane)).await;
    }
}
