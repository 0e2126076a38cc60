//! What other systems have in the place of a ring: none can be made.

use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;

use super::Event;

/// A socket of a ring.
#[derive(Clone, Copy, Debug)]
pub struct Socket(Infallible);

/// A buffer of a ring.
#[derive(Debug)]
pub struct Chunk(Infallible);

impl Chunk {
    /// The bytes.
    pub fn data(&self) -> &[u8] {
        match self.0 {}
    }
}

/// There is none.
pub struct Ring(Infallible);

impl Ring {
    /// Fails.
    ///
    /// # Errors
    /// Always: the system has no io_uring.
    pub fn new() -> io::Result<Ring> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Owns a socket from now on.
    pub fn adopt(&mut self, _: impl Into<OwnedFd>, _: u64) -> Socket {
        match self.0 {}
    }

    /// Gives a socket back.
    pub fn release(&mut self, _: Socket) -> Option<OwnedFd> {
        match self.0 {}
    }

    /// Receives from now on.
    pub fn receive(&mut self, _: Socket) {
        match self.0 {}
    }

    /// Tells when there is something to read.
    pub fn watch(&mut self, _: Socket) {
        match self.0 {}
    }

    /// Sends a chunk.
    ///
    /// # Errors
    /// Never.
    pub fn send(&mut self, _: Socket, _: Chunk) -> Result<(), Chunk> {
        match self.0 {}
    }

    /// Cancels what is under way.
    pub fn cancel(&mut self, _: Socket) {
        match self.0 {}
    }

    /// Takes a chunk back.
    pub fn recycle(&mut self, _: Chunk) {
        match self.0 {}
    }

    /// Hands over and waits.
    ///
    /// # Errors
    /// Never.
    pub fn turn(&mut self, _: &mut Vec<(u64, Event)>) -> io::Result<()> {
        match self.0 {}
    }
}
