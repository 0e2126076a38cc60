//! Plain connections at work, carried by threads of their own: one system call for many
//! connections, and no copy. A connection comes here once it has shown that it only passes small
//! pieces on, and leaves with all that was not passed on when anything else is to be done: a
//! change of the settings, an end, an error, a receiver that does not keep up.
//!
//! Where the kernel gives no io_uring, connections stay in their tasks.

mod pace;
mod pair;
mod worker;

use std::io;
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::traffic::Flow;
use crate::toxics::End;
use worker::{Mailbox, Order};

/// More threads than this have not been seen to help.
const MOST_THREADS: usize = 4;

static THREADS: LazyLock<Vec<Arc<Mailbox>>> = LazyLock::new(start);

fn start() -> Vec<Arc<Mailbox>> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads: io::Result<Vec<_>> = (0..cores.min(MOST_THREADS)).map(worker::spawn).collect();
    threads.unwrap_or_else(|error| {
        tracing::info!(%error, "no io_uring here: every connection is carried by its own task");
        Vec::new()
    })
}

/// Whether connections can be carried here.
pub(crate) fn is_available() -> bool {
    !THREADS.is_empty()
}

/// A plain connection.
pub(super) struct Plain {
    pub(super) client: TcpStream,
    pub(super) server: TcpStream,
    /// Counts the bytes from the client.
    pub(super) up: Arc<Flow>,
    /// Counts the bytes from the server.
    pub(super) down: Arc<Flow>,
}

/// A connection that has come back.
pub(super) struct Back {
    pub(super) client: TcpStream,
    pub(super) server: TcpStream,
    pub(super) up: Rest,
    pub(super) down: Rest,
    /// It did not flow: it should not come again soon.
    pub(super) was_obstructed: bool,
}

/// What is left to do in a direction.
#[derive(Default)]
pub(super) struct Rest {
    /// Read and not written, oldest first.
    pub(super) unsent: Vec<Bytes>,
    /// How the source ended, if it did.
    pub(super) end: Option<End>,
    /// The destination takes nothing any more.
    pub(super) is_broken: bool,
}

/// A connection that is being carried. Dropping this ends it.
pub(super) struct Relayed {
    thread: Arc<Mailbox>,
    number: usize,
    back: oneshot::Receiver<Back>,
}

impl Relayed {
    /// Has a connection carried.
    ///
    /// # Errors
    /// The sockets cannot be made ready for it, or [`is_available`] is false; the connection is
    /// lost.
    pub(super) fn begin(plain: Plain) -> io::Result<Relayed> {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let place = number.checked_rem(THREADS.len()).ok_or(io::ErrorKind::Unsupported)?;
        let thread = Arc::clone(&THREADS[place]);
        // A ring waits for sockets itself; one that does not block would only be tried once.
        plain.client.set_nonblocking(false)?;
        plain.server.set_nonblocking(false)?;
        let (done, back) = oneshot::channel();
        thread.post(Order::Carry { number, plain, done });
        Ok(Relayed { thread, number, back })
    }

    /// Asks for the connection; it comes back soon, whatever its peers do.
    pub(super) fn recall(&self) {
        self.thread.post(Order::Return(self.number));
    }

    /// Waits until the connection comes back; none if it is lost.
    pub(super) async fn back(&mut self) -> Option<Back> {
        let back = (&mut self.back).await.ok()?;
        let ready = back.client.set_nonblocking(true).and(back.server.set_nonblocking(true));
        ready.is_ok().then_some(back)
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        if !self.back.is_terminated() {
            self.recall();
        }
    }
}
