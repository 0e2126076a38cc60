//! A thread with a ring, and the connections that it carries.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use redrill_uring::{Event, Ring, Socket, Stop};
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
    woken.set_nonblocking(true)?;
    let watched = woken.try_clone()?;
    let mailbox = Arc::new(Mailbox { orders: Mutex::default(), wake });
    let orders = Arc::clone(&mailbox);
    let (started, has_started) = mpsc::channel();
    thread::Builder::new().name(format!("relay-{number}")).spawn(move || {
        // A ring belongs to the thread that makes it.
        match Ring::new() {
            Ok(ring) => {
                let _ = started.send(Ok(()));
                Worker::new(ring, (woken, watched), orders).run();
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
    woken: UnixStream,
    /// The same, where the ring looks: without a buffer, so that orders come also when all are out.
    watched: Socket,
    mailbox: Arc<Mailbox>,
    pairs: slab::Slab<Pair>,
    /// The places of the pairs, by the numbers of their connections.
    places: HashMap<usize, usize>,
    /// A connection found no buffer in this turn.
    is_short: bool,
    events: Vec<(u64, Event)>,
}

impl Worker {
    fn new(
        mut ring: Ring,
        (woken, watched): (UnixStream, UnixStream),
        mailbox: Arc<Mailbox>,
    ) -> Worker {
        let watched = ring.adopt(watched, WAKE);
        ring.watch(watched);
        Worker {
            ring,
            woken,
            watched,
            mailbox,
            pairs: slab::Slab::new(),
            places: HashMap::new(),
            is_short: false,
            events: Vec::new(),
        }
    }

    fn run(mut self) {
        let mut pace = Pace::default();
        let mut happened = 0;
        loop {
            pace.let_others_run(happened);
            happened = self.turn();
        }
    }

    /// Waits for events and takes them up; gives how many there were.
    fn turn(&mut self) -> usize {
        let mut events = std::mem::take(&mut self.events);
        if let Err(error) = self.ring.turn(&mut events) {
            tracing::error!(%error, "a turn of the ring failed");
            thread::sleep(TURN_AGAIN_AFTER);
        }
        let happened = events.len();
        for (tag, event) in events.drain(..) {
            self.handle(tag, event);
        }
        self.events = events;
        if std::mem::take(&mut self.is_short) {
            self.pairs.iter_mut().for_each(|(_, pair)| pair.spare_buffers(&mut self.ring));
        }
        happened
    }

    fn handle(&mut self, tag: u64, event: Event) {
        if tag == WAKE {
            // Before the orders are taken: who leaves the next one after that writes again.
            let _ = (&self.woken).read(&mut [0; 64]);
            self.obey();
            return self.ring.watch(self.watched);
        }
        let (place, side) = Side::of_tag(tag);
        let Some(pair) = self.pairs.get_mut(place) else { return };
        self.is_short |= matches!(event, Event::Stopped(Stop::NoBuffers));
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

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use socket2::SockRef;

    use super::super::super::traffic::Flow;
    use super::*;

    /// What is read and written at once here.
    const PIECE_BYTES: usize = 1000;
    /// So many pieces wait in a direction, which is fewer than make a connection leave by itself.
    const WAITING: usize = 14;

    struct Carried {
        number: usize,
        /// Never read from.
        _client: TcpStream,
        server: TcpStream,
        down: Arc<Flow>,
        back: oneshot::Receiver<Back>,
    }

    /// A connection with little room on the way to its client, in the care of the worker.
    fn carry(worker: &mut Worker, number: usize) -> Carried {
        let pair = || {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            SockRef::from(&listener).set_recv_buffer_size(4096).expect("the option is taken");
            let near = TcpStream::connect(listener.local_addr().expect("its address"));
            let near = near.expect("connected");
            SockRef::from(&near).set_send_buffer_size(4096).expect("the option is taken");
            (near, listener.accept().expect("accepted").0)
        };
        let ((near_client, client), (server, near_server)) = (pair(), pair());
        let (done, back) = oneshot::channel();
        let down: Arc<Flow> = Arc::default();
        let plain = Plain {
            client: near_client,
            server: near_server,
            up: Arc::default(),
            down: Arc::clone(&down),
        };
        worker.mailbox.post(Order::Carry { number, plain, done });
        while !worker.places.contains_key(&number) {
            worker.turn();
        }
        Carried { number, _client: client, server, down, back }
    }

    /// Has the server send one more piece; true once it was received, false if the connection left.
    fn receive(worker: &mut Worker, carried: &mut Carried) -> bool {
        let wanted = carried.down.bytes().0 + PIECE_BYTES as u64;
        carried.server.write_all(&[7; PIECE_BYTES]).expect("sent");
        while carried.down.bytes().0 < wanted {
            if !worker.places.contains_key(&carried.number) {
                return false;
            }
            worker.turn();
        }
        true
    }

    /// Has the server send until pieces wait for the client; false if no buffer was left for that.
    fn fill(worker: &mut Worker, carried: &mut Carried) -> bool {
        let waits = |flow: &Flow| (flow.bytes().0 - flow.bytes().1) as usize;
        while waits(&carried.down) < WAITING * PIECE_BYTES {
            if !receive(worker, carried) {
                return false;
            }
        }
        true
    }

    #[test]
    fn receivers_that_do_not_read_give_the_buffers_back_when_others_find_none() {
        let Ok(ring) = Ring::new() else { return };
        let (wake, woken) = UnixStream::pair().expect("sockets");
        woken.set_nonblocking(true).expect("the option is taken");
        let watched = woken.try_clone().expect("a second handle");
        let mailbox = Arc::new(Mailbox { orders: Mutex::default(), wake });
        let mut worker = Worker::new(ring, (woken, watched), mailbox);
        let mut stuck = Vec::new();
        let mut carried = carry(&mut worker, 0);
        while fill(&mut worker, &mut carried) {
            stuck.push(carried);
            carried = carry(&mut worker, stuck.len());
        }
        assert!(stuck.len() > 10, "only {} connections hold the buffers", stuck.len());
        // The one that found none has left with what it held. Orders come through all the same.
        for number in 1000..1005 {
            carried = carry(&mut worker, number);
            fill(&mut worker, &mut carried);
        }
        let has_left = !worker.places.contains_key(&stuck[0].number);
        assert!(has_left, "who waits for its receiver gives the buffers back");
        let back = stuck[0].back.try_recv().expect("it has left");
        let (received, sent) = stuck[0].down.bytes();
        let unsent: usize = back.down.unsent.iter().map(bytes::Bytes::len).sum();
        assert!(back.was_obstructed);
        assert_eq!(unsent as u64, received - sent, "no byte is lost");
    }
}
