//! A thread with a ring, and the connections that it carries.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use redrill_uring::{Event, Ring, Socket};
use tokio::sync::oneshot;

use super::pace::Pace;
use super::pair::{Pair, Side};
use super::{Back, Plain};

/// The tag of the socket through which the thread is woken.
const WAKE: u64 = u64::MAX;
/// The pause after a turn that failed: for want of memory, which comes back.
const TURN_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// What a thread is asked to do.
pub(super) enum Order {
    /// Carry a connection.
    Carry { number: usize, plain: Plain, done: oneshot::Sender<Back> },
    /// Give it back, if it is still here.
    Return(usize),
}

/// Where a thread gets its orders.
pub(super) struct Mailbox {
    orders: Mutex<Vec<Order>>,
    wake: UnixStream,
}

impl Mailbox {
    /// Leaves an order.
    pub(super) fn post(&self, order: Order) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = orders.is_empty();
        orders.push(order);
        drop(orders);
        if is_first {
            // The thread never closes its end, and a byte at a time finds room.
            let _ = (&self.wake).write(&[0]);
        }
    }

    fn take(&self) -> Vec<Order> {
        std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Starts a thread; it lasts as long as the process.
///
/// # Errors
/// The kernel gives no ring.
pub(super) fn spawn(number: usize) -> io::Result<Arc<Mailbox>> {
    let (wake, woken) = UnixStream::pair()?;
    let mailbox = Arc::new(Mailbox { orders: Mutex::default(), wake });
    let orders = Arc::clone(&mailbox);
    let (started, has_started) = mpsc::channel();
    thread::Builder::new().name(format!("relay-{number}")).spawn(move || {
        // A ring belongs to the thread that makes it.
        match Ring::new() {
            Ok(ring) => {
                let _ = started.send(Ok(()));
                Worker::new(ring, woken, orders).run();
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        }
    })?;
    has_started.recv().map_err(io::Error::other)??;
    Ok(mailbox)
}

struct Worker {
    ring: Ring,
    woken: Socket,
    mailbox: Arc<Mailbox>,
    pairs: slab::Slab<Pair>,
    /// The places of the pairs, by the numbers of their connections.
    places: HashMap<usize, usize>,
}

impl Worker {
    fn new(mut ring: Ring, woken: UnixStream, mailbox: Arc<Mailbox>) -> Worker {
        let woken = ring.adopt(woken, WAKE);
        ring.receive(woken);
        Worker { ring, woken, mailbox, pairs: slab::Slab::new(), places: HashMap::new() }
    }

    fn run(mut self) {
        let mut pace = Pace::default();
        let (mut events, mut happened) = (Vec::new(), 0);
        loop {
            pace.let_others_run(happened);
            if let Err(error) = self.ring.turn(&mut events) {
                tracing::error!(%error, "a turn of the ring failed");
                thread::sleep(TURN_AGAIN_AFTER);
            }
            happened = events.len();
            for (tag, event) in events.drain(..) {
                self.handle(tag, event);
            }
        }
    }

    fn handle(&mut self, tag: u64, event: Event) {
        if tag == WAKE {
            match event {
                Event::Received(chunk) => self.ring.recycle(chunk),
                // Out of buffers for a moment.
                _ => self.ring.receive(self.woken),
            }
            return self.obey();
        }
        let (place, side) = Side::of_tag(tag);
        let Some(pair) = self.pairs.get_mut(place) else { return };
        pair.handle(&mut self.ring, side, event);
        self.part_with(place);
    }

    fn obey(&mut self) {
        for order in self.mailbox.take() {
            match order {
                Order::Carry { number, plain, done } => {
                    let entry = self.pairs.vacant_entry();
                    let place = entry.key();
                    entry.insert(Pair::begin(&mut self.ring, place, number, plain, done));
                    self.places.insert(number, place);
                }
                Order::Return(number) => {
                    let Some(place) = self.places.get(&number).copied() else { continue };
                    self.pairs[place].leave(&mut self.ring);
                    self.part_with(place);
                }
            }
        }
    }

    /// Gives a connection back once nothing is under way on it that was to end.
    fn part_with(&mut self, place: usize) {
        if self.pairs.get(place).is_some_and(Pair::may_go) {
            let pair = self.pairs.remove(place);
            self.places.remove(&pair.number());
            pair.go(&mut self.ring);
        }
    }
}
