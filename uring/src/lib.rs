//! Many sockets on one io_uring, without `unsafe` for whoever uses it.
//!
//! A [`Ring`] owns the sockets and the buffers. Receiving is asked for once a socket and goes on
//! by itself; what was received can be sent from the buffer that it came in. One system call a
//! [`Ring::turn`] hands everything over that was asked for and waits for what came of it.
//! Linux 6.1 or later, where it is not forbidden (as in many containers); [`Ring::new`] tells.
//!
//! `kernel.rs` alone talks to the kernel by address. Its soundness rests on ownership: while the
//! kernel may read or write a buffer, nobody else has it, and a ring that is dropped leaks what
//! the kernel still has.

#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod ring;
#[cfg(all(test, target_os = "linux"))]
mod tests;

// In tests also on Linux, so that it stays what the other systems need.
#[cfg(any(test, not(target_os = "linux")))]
#[cfg_attr(target_os = "linux", allow(unreachable_pub))]
mod absent;
#[cfg(not(target_os = "linux"))]
pub use absent::{Chunk, Ring, Socket};
#[cfg(target_os = "linux")]
pub use kernel::Chunk;
#[cfg(target_os = "linux")]
pub use ring::{Ring, Socket};

use std::io;

/// The largest chunk, in bytes.
pub const CHUNK_BYTES: usize = 16 * 1024;

/// What came of something asked for.
#[derive(Debug)]
pub enum Event {
    /// These bytes; receiving goes on unless [`Event::Stopped`] follows.
    Received(Chunk),
    /// A watched socket has something to read; it is watched no longer.
    Readable,
    /// Receiving, or watching, has stopped.
    Stopped(Stop),
    /// The chunk of a send comes back, less the bytes that were sent.
    Sent {
        /// What was not sent; to be recycled when it is empty.
        rest: Chunk,
        /// How many bytes were, or why none. A cancelled send has sent nothing.
        sent: io::Result<usize>,
    },
}

/// Why receiving stopped.
#[derive(Debug)]
pub enum Stop {
    /// The other side sends no more.
    End,
    /// It was asked for.
    Cancelled,
    /// Every buffer is out.
    NoBuffers,
    /// The socket failed.
    Failed(io::Error),
}
