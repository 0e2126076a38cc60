//! Sockets on a ring.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use slab::Slab;

use crate::kernel::{Chunk, Completion, Kernel};
use crate::{Event, Stop};

/// A socket that a ring owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket(usize);

/// An io_uring with its sockets and buffers, for one thread.
pub struct Ring {
    kernel: Kernel,
    sockets: Slab<Entry>,
}

struct Entry {
    fd: OwnedFd,
    /// What the owner knows the socket by.
    tag: u64,
    receiving: bool,
    sending: bool,
    watched: bool,
    /// Receiving is not to go on.
    cancelled: bool,
}

impl Entry {
    fn is_busy(&self) -> bool {
        self.receiving || self.sending || self.watched
    }
}

impl Ring {
    /// A ring for the calling thread, which alone may turn it.
    ///
    /// # Errors
    /// The kernel is too old, forbids it, or has no memory for it.
    pub fn new() -> io::Result<Ring> {
        Ok(Ring { kernel: Kernel::new()?, sockets: Slab::new() })
    }

    /// Owns a blocking socket from now on; its events carry the tag.
    pub fn adopt(&mut self, socket: impl Into<OwnedFd>, tag: u64) -> Socket {
        let fd = socket.into();
        let (receiving, sending, watched, cancelled) = (false, false, false, false);
        let entry = Entry { fd, tag, receiving, sending, watched, cancelled };
        Socket(self.sockets.insert(entry))
    }

    /// Gives the socket back, unless something is under way on it.
    pub fn release(&mut self, socket: Socket) -> Option<OwnedFd> {
        let entry = self.sockets.get(socket.0)?;
        (!entry.is_busy()).then(|| self.sockets.remove(socket.0).fd)
    }

    /// Receives from now on, until an [`Event::Stopped`].
    pub fn receive(&mut self, socket: Socket) {
        if let Some(entry) = self.sockets.get_mut(socket.0)
            && !entry.receiving
        {
            entry.receiving = true;
            entry.cancelled = false;
            self.kernel.receive(socket.0, entry.fd.as_fd());
        }
    }

    /// Tells once, by an [`Event::Readable`], when there is something to read. Nothing is taken
    /// from the socket, so that no buffer is needed.
    pub fn watch(&mut self, socket: Socket) {
        if let Some(entry) = self.sockets.get_mut(socket.0)
            && !entry.watched
        {
            entry.watched = true;
            self.kernel.watch(socket.0, entry.fd.as_fd());
        }
    }

    /// Sends a chunk, which comes back with an [`Event::Sent`].
    ///
    /// # Errors
    /// The chunk, if another is being sent, or if the socket or the chunk is not the ring's.
    pub fn send(&mut self, socket: Socket, chunk: Chunk) -> Result<(), Chunk> {
        let Some(entry) = self.sockets.get_mut(socket.0) else { return Err(chunk) };
        self.kernel.send(socket.0, entry.fd.as_fd(), chunk)?;
        entry.sending = true;
        Ok(())
    }

    /// Cancels what is under way on the socket. Events tell when nothing is any more.
    pub fn cancel(&mut self, socket: Socket) {
        if let Some(entry) = self.sockets.get_mut(socket.0)
            && entry.is_busy()
        {
            entry.cancelled = true;
            self.kernel.cancel(socket.0);
        }
    }

    /// Lets a chunk's buffer be received into again, if it is the ring's.
    pub fn recycle(&mut self, chunk: Chunk) {
        self.kernel.lend(chunk);
    }

    /// Hands over what was asked for since the last turn, waits until something came of anything,
    /// and adds what did to the events, with the tags of the sockets.
    ///
    /// # Errors
    /// The ring is of another thread, or the kernel has no memory for it.
    pub fn turn(&mut self, events: &mut Vec<(u64, Event)>) -> io::Result<()> {
        self.kernel.wait()?;
        while let Some(completion) = self.kernel.next_completion() {
            self.tell(completion, events);
        }
        Ok(())
    }

    fn tell(&mut self, completion: Completion, events: &mut Vec<(u64, Event)>) {
        match completion {
            Completion::Received { socket, result, more } => {
                self.tell_received(socket, result, more, events);
            }
            Completion::Readable { socket, result } => {
                let Some(entry) = self.sockets.get_mut(socket) else { return };
                entry.watched = false;
                let event = match result {
                    Ok(()) => Event::Readable,
                    Err(number) => Event::Stopped(stop(number)),
                };
                events.push((entry.tag, event));
            }
            Completion::Sent { socket, mut chunk, result } => {
                let Some(entry) = self.sockets.get_mut(socket) else { return };
                entry.sending = false;
                chunk.advance(result.unwrap_or(0));
                let sent = result.map_err(io::Error::from_raw_os_error);
                events.push((entry.tag, Event::Sent { rest: chunk, sent }));
            }
        }
    }

    fn tell_received(
        &mut self,
        socket: usize,
        result: Result<Option<Chunk>, i32>,
        more: bool,
        events: &mut Vec<(u64, Event)>,
    ) {
        let Some(entry) = self.sockets.get_mut(socket) else { return };
        let stopped = match result {
            Ok(Some(chunk)) if !chunk.data().is_empty() => {
                events.push((entry.tag, Event::Received(chunk)));
                None
            }
            Ok(chunk) => {
                if let Some(chunk) = chunk {
                    self.kernel.lend(chunk);
                }
                Some(Stop::End)
            }
            Err(number) => Some(stop(number)),
        };
        if more {
            return;
        }
        entry.receiving = false;
        match stopped {
            // The kernel stops now and then to let others have a turn.
            None if !entry.cancelled => self.receive(Socket(socket)),
            stopped => {
                let stopped = stopped.unwrap_or(Stop::Cancelled);
                events.push((entry.tag, Event::Stopped(stopped)));
            }
        }
    }
}

/// What an error number means.
fn stop(number: i32) -> Stop {
    match Errno::from_raw_os_error(number) {
        Errno::CANCELED => Stop::Cancelled,
        Errno::NOBUFS => Stop::NoBuffers,
        other => Stop::Failed(other.into()),
    }
}
