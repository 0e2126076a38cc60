//! The kernel's interface, which takes addresses: the only file with `unsafe`.
//! Interface: <https://man7.org/linux/man-pages/man7/io_uring.7.html>.
//!
//! Every buffer is in one place: a [`Chunk`] owns it, or the kernel has its address for receiving
//! (`lent`), or for sending (`sending`). It comes back into a chunk only when the kernel says that
//! it is done with it. Nothing that the kernel may touch is ever freed, not even with the ring.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use io_uring::types::{BufRingEntry, Fd};
use io_uring::{IoUring, cqueue, opcode, squeue};

use crate::CHUNK_BYTES;

/// How many buffers there are; a power of two.
const BUFFERS: u16 = 256;
const GROUP: u16 = 0;
/// Room for what is asked for between two turns (more is handed over earlier), and for what comes
/// of it (more waits in the kernel).
const QUEUED: u32 = 512;
const COMPLETED: u32 = 4096;
/// The alignment of the table of buffers: a page.
const PAGE: usize = 4096;

/// A buffer with bytes in it.
#[derive(Debug)]
pub struct Chunk {
    /// The number of the ring that the buffer belongs to.
    ring: u64,
    id: u16,
    buffer: Box<[u8]>,
    filled: Range<usize>,
}

impl Chunk {
    /// The bytes.
    pub fn data(&self) -> &[u8] {
        &self.buffer[self.filled.clone()]
    }

    /// Takes the first bytes away.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.filled.start = self.filled.end.min(self.filled.start + bytes);
    }
}

/// What the kernel says it is done with.
pub(crate) enum Completion {
    /// Of a receive: a chunk, or nothing at the end, or an error number; whether more follows.
    Received { socket: usize, result: Result<Option<Chunk>, i32>, more: bool },
    /// Of a watch: that there is something to read, or an error number.
    Readable { socket: usize, result: Result<(), i32> },
    /// Of a send: the chunk as it was, and how many of its bytes were sent or an error number.
    Sent { socket: usize, chunk: Chunk, result: Result<usize, i32> },
}

/// What the low bits of a request's number say.
const RECEIVE: u64 = 0;
const SEND: u64 = 1;
const CANCEL: u64 = 2;
const WATCH: u64 = 3;

/// `POLLIN`, of poll.h: there is something to read.
const READABLE: u32 = 1;

pub(crate) struct Kernel {
    ring: IoUring,
    /// Unique in the process.
    number: u64,
    table: *mut BufRingEntry,
    tail: u16,
    /// By the buffer's id: its address, while the kernel may write to it.
    lent: Vec<*mut [u8]>,
    /// By socket: what the kernel may read.
    sending: HashMap<usize, Loan>,
    /// What the kernel had no room for, oldest first.
    backlog: VecDeque<squeue::Entry>,
}

/// A chunk whose buffer the kernel has.
struct Loan {
    id: u16,
    buffer: *mut [u8],
    filled: Range<usize>,
}

impl Kernel {
    pub(crate) fn new() -> io::Result<Kernel> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_cqsize(COMPLETED)
            .build(QUEUED)?;
        let bytes = usize::from(BUFFERS) * size_of::<BufRingEntry>();
        let layout = Layout::from_size_align(bytes, PAGE).map_err(io::Error::other)?;
        // SAFETY: the layout has a size.
        let table: *mut BufRingEntry = unsafe { alloc_zeroed(layout) }.cast();
        if table.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: the table has the given number of entries and is never freed.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(table as u64, BUFFERS, GROUP, 0)?;
        }
        let lent = vec![ptr::slice_from_raw_parts_mut(ptr::null_mut(), 0); usize::from(BUFFERS)];
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let (sending, backlog) = (HashMap::new(), VecDeque::new());
        let mut kernel = Kernel { ring, number, table, tail: 0, lent, sending, backlog };
        for id in 0..BUFFERS {
            let buffer = vec![0; CHUNK_BYTES].into_boxed_slice();
            kernel.lend(Chunk { ring: number, id, buffer, filled: 0..0 });
        }
        Ok(kernel)
    }

    /// Lets the kernel receive into the chunk's buffer. One of another ring is only freed: here its
    /// id is that of another buffer.
    pub(crate) fn lend(&mut self, chunk: Chunk) {
        if chunk.ring != self.number {
            return;
        }
        let buffer = Box::into_raw(chunk.buffer);
        self.lent[usize::from(chunk.id)] = buffer;
        let place = usize::from(self.tail % BUFFERS);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the place is within the table, and the kernel reads entries before the tail
        // only; an id of this ring is in the table at most once, so the table never overflows. The
        // tail is a field of the first entry, aligned for its type, which set_* do not touch.
        unsafe {
            let entry = &mut *self.table.add(place);
            entry.set_addr(buffer.cast::<u8>() as u64);
            entry.set_len(CHUNK_BYTES as u32);
            entry.set_bid(chunk.id);
            let tail = BufRingEntry::tail(self.table).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }

    /// Takes back what the kernel has received into.
    fn reclaim(&mut self, id: u16, bytes: usize) -> Option<Chunk> {
        let empty = ptr::slice_from_raw_parts_mut(ptr::null_mut(), 0);
        let buffer = std::mem::replace(self.lent.get_mut(usize::from(id))?, empty);
        if buffer.is_null() {
            return None;
        }
        // SAFETY: the address is of a Box that was lent, and it is taken back once.
        let buffer = unsafe { Box::from_raw(buffer) };
        let filled = 0..bytes.min(CHUNK_BYTES);
        Some(Chunk { ring: self.number, id, buffer, filled })
    }

    /// Receives from the socket until it is cancelled, ends, or finds no buffer.
    pub(crate) fn receive(&mut self, socket: usize, fd: BorrowedFd<'_>) {
        let receive = opcode::RecvMulti::new(Fd(fd.as_raw_fd()), GROUP).build();
        self.push(&receive.user_data(number(socket, RECEIVE)));
    }

    /// Looks, once, when there is something to read; needs no buffer.
    pub(crate) fn watch(&mut self, socket: usize, fd: BorrowedFd<'_>) {
        let watch = opcode::PollAdd::new(Fd(fd.as_raw_fd()), READABLE).build();
        self.push(&watch.user_data(number(socket, WATCH)));
    }

    /// Sends the chunk; it comes back with the completion. One at a time for each socket.
    pub(crate) fn send(
        &mut self,
        socket: usize,
        fd: BorrowedFd<'_>,
        chunk: Chunk,
    ) -> Result<(), Chunk> {
        if chunk.ring != self.number || self.sending.contains_key(&socket) {
            return Err(chunk);
        }
        let (address, length) = (chunk.data().as_ptr(), chunk.data().len());
        let send = opcode::Send::new(Fd(fd.as_raw_fd()), address, length as u32).build();
        let Chunk { id, buffer, filled, .. } = chunk;
        let loan = Loan { id, buffer: Box::into_raw(buffer), filled };
        self.sending.insert(socket, loan);
        self.push(&send.user_data(number(socket, SEND)));
        Ok(())
    }

    /// Cancels what is under way on the socket; its completions say so.
    pub(crate) fn cancel(&mut self, socket: usize) {
        for what in [RECEIVE, SEND, WATCH] {
            let cancel = opcode::AsyncCancel::new(number(socket, what)).build();
            self.push(&cancel.user_data(number(socket, CANCEL)));
        }
    }

    fn push(&mut self, request: &squeue::Entry) {
        if self.backlog.is_empty() && self.try_push(request) {
            return;
        }
        self.backlog.push_back(request.clone());
        // The queue is full: the kernel takes it all now, or at the next turn.
        let _ = self.ring.submit();
        self.push_backlog();
    }

    fn try_push(&mut self, request: &squeue::Entry) -> bool {
        // SAFETY: requests are made in this file only: a receive, a watch and a cancel name no
        // address, a send one in `sending`, which stays there until the kernel is done.
        unsafe { self.ring.submission().push(request) }.is_ok()
    }

    fn push_backlog(&mut self) {
        while let Some(request) = self.backlog.pop_front() {
            if !self.try_push(&request) {
                return self.backlog.push_front(request);
            }
        }
    }

    /// Hands over what was asked for and waits until something is done.
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        self.push_backlog();
        // With more to hand over there is no time to wait.
        let wanted = usize::from(self.backlog.is_empty());
        match self.ring.submit_and_wait(wanted) {
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                // Or more is done than there is room for: look at what is done.
                io::ErrorKind::Interrupted | io::ErrorKind::ResourceBusy => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// What is done, oldest first.
    pub(crate) fn next_completion(&mut self) -> Option<Completion> {
        loop {
            let entry = self.ring.completion().next()?;
            if let Some(completion) = self.completion(&entry) {
                return Some(completion);
            }
        }
    }

    fn completion(&mut self, entry: &cqueue::Entry) -> Option<Completion> {
        let socket = (entry.user_data() / 4) as usize;
        let result = usize::try_from(entry.result()).map_err(|_| -entry.result());
        match entry.user_data() % 4 {
            RECEIVE => {
                let chunk = |bytes| match cqueue::buffer_select(entry.flags()) {
                    Some(id) => self.reclaim(id, bytes),
                    None => None,
                };
                let result = result.map(chunk);
                Some(Completion::Received { socket, result, more: cqueue::more(entry.flags()) })
            }
            SEND => {
                let Loan { id, buffer, filled } = self.sending.remove(&socket)?;
                // SAFETY: the address is of a Box that was taken apart in `send`; the kernel is
                // done with it, and it was taken out of `sending`, so it is taken back once.
                let buffer = unsafe { Box::from_raw(buffer) };
                let chunk = Chunk { ring: self.number, id, buffer, filled };
                Some(Completion::Sent { socket, chunk, result })
            }
            WATCH => Some(Completion::Readable { socket, result: result.map(drop) }),
            _ => None,
        }
    }
}

fn number(socket: usize, what: u64) -> u64 {
    socket as u64 * 4 + what
}
