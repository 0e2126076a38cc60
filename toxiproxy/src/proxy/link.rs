//! One direction of a connection: from the source's socket through the chain of toxics to the
//! destination's. Without toxics it is a plain copy loop on a buffer that its thread shares.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::relay::Rest;
use super::slot::Slot;
use super::traffic::Flow;
use crate::clock;
use crate::toxic::{Direction, Toxic};
use crate::toxics::{Chunk, End, Stage, Step};

/// What is read at once without toxics.
const READ_BYTES: usize = 64 * 1024;
/// The largest chunk that a toxic sees, as upstream.
const CHUNK_BYTES: usize = 32 * 1024;
/// The largest piece that counts as small: larger ones make the calls between them cheap.
const SMALL_BYTES: usize = 4 * 1024;
/// How much may wait for the destination's socket.
const OUTPUT_BYTES: usize = 64 * 1024;

thread_local! {
    /// Idle connections hold no buffer: what was read is written, or copied, before the next read.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into_boxed_slice());
}

/// One direction of a connection.
pub(super) struct Link {
    direction: Direction,
    seed: u64,
    flow: Arc<Flow>,
    slots: Vec<Slot>,
    output: VecDeque<Bytes>,
    output_bytes: usize,
    output_end: Option<End>,
    source_ended: bool,
    finished: Option<End>,
    /// How many small pieces have passed straight on, one after the other.
    straight: u32,
}

impl Link {
    /// A direction without toxics; `seed` is the connection's.
    pub(super) fn new(direction: Direction, seed: u64, flow: Arc<Flow>) -> Link {
        Link {
            direction,
            seed,
            flow,
            slots: Vec::new(),
            output: VecDeque::new(),
            output_bytes: 0,
            output_end: None,
            source_ended: false,
            finished: None,
            straight: 0,
        }
    }

    /// How many small pieces have passed straight on, one after the other; none where anything
    /// else is to be done.
    pub(super) fn straight(&self) -> Option<u32> {
        let is_plain = self.slots.is_empty() && self.output.is_empty() && !self.source_ended;
        is_plain.then_some(self.straight)
    }

    /// Goes on with what was left to do where the connection was relayed.
    pub(super) fn resume(&mut self, rest: Rest) {
        self.straight = 0;
        for data in rest.unsent {
            self.output_bytes += data.len();
            self.output.push_back(data);
        }
        if rest.is_broken {
            self.break_off();
        }
        if let Some(end) = rest.end {
            self.end_source(end);
        }
    }

    /// How the direction ended, once everything was written that was to be.
    pub(super) fn finished(&self) -> Option<End> {
        self.finished
    }

    /// Whether bytes that were read have not been written.
    pub(super) fn holds_bytes(&self) -> bool {
        !self.output.is_empty() || self.slots.iter().any(Slot::holds_bytes)
    }

    /// Nothing more is read; what was read still goes on. False if that was so already.
    pub(super) fn end_source(&mut self, end: End) -> bool {
        let reading = !self.source_ended;
        if reading {
            self.source_ended = true;
            self.end_stage(0, end);
        }
        reading
    }

    /// Puts an end of the conversation where the client is: before the toxics on the way to the
    /// server, behind them on the way back.
    pub(super) fn converse(&mut self, stage: Box<dyn Stage>) {
        self.slots.push(Slot::of_conversation(stage));
    }

    /// Makes the chain what the proxy's toxics now are. Toxics that left pass on what they held.
    pub(super) fn reconcile(&mut self, toxics: &[Arc<Toxic>]) {
        let mut place = 0;
        let mut newest = None;
        while let Some(slot) = self.slots.get_mut(place) {
            let Some(known) = &slot.toxic else {
                place += 1;
                continue;
            };
            match toxics.iter().find(|toxic| toxic.id == known.id) {
                None => self.remove(place),
                Some(toxic) => {
                    newest = newest.max(Some(toxic.id));
                    if toxic.version != known.version {
                        slot.update(Arc::clone(toxic));
                    }
                    place += 1;
                }
            }
        }
        // Identities rise, so what is missing here is what is newer than all that is here.
        for toxic in toxics.iter().filter(|toxic| Some(toxic.id) > newest) {
            if toxic.acts_on(self.direction) {
                self.append(toxic);
            }
        }
    }

    fn append(&mut self, toxic: &Arc<Toxic>) {
        let Some(slot) = Slot::new(Arc::clone(toxic), self.seed) else { return };
        let before_client = self.direction == Direction::Downstream
            && self.slots.last().is_some_and(|last| last.toxic.is_none());
        let place = self.slots.len() - usize::from(before_client);
        // Behind a stage that has passed on its end nothing comes any more.
        let is_over = match place.checked_sub(1).and_then(|before| self.slots.get(before)) {
            Some(before) => before.done,
            None => self.source_ended,
        };
        if !is_over && self.output_end.is_none() {
            self.slots.insert(place, slot);
        }
    }

    fn remove(&mut self, place: usize) {
        if self.slots[place].closes_when_removed() && !self.slots[place].done {
            self.cut_short(place, End::Close);
        }
        let mut slot = self.slots.remove(place);
        if slot.done {
            return;
        }
        while let Some(chunk) = slot.input.pop() {
            self.push(place, chunk);
        }
        if let Some(end) = slot.input.ended() {
            self.end_stage(place, end);
        }
    }

    /// A toxic ends the stream: what is before it never arrives, what is behind it still does.
    fn cut_short(&mut self, place: usize, end: End) {
        self.source_ended = true;
        for slot in &mut self.slots[..=place] {
            slot.input.discard();
            slot.done = true;
        }
        self.end_stage(place + 1, end);
    }

    /// Queues a chunk before a stage, or for the destination behind the last one.
    fn push(&mut self, place: usize, chunk: Chunk) {
        match self.slots.get_mut(place) {
            Some(slot) => slot.input.push(chunk),
            None => {
                self.output_bytes += chunk.data.len();
                self.output.push_back(chunk.data);
            }
        }
    }

    fn end_stage(&mut self, place: usize, end: End) {
        match self.slots.get_mut(place) {
            Some(slot) => slot.input.end(end),
            None => {
                self.output_end.get_or_insert(end);
            }
        }
    }

    fn has_room(&self, place: usize) -> bool {
        match self.slots.get(place) {
            Some(slot) => slot.has_room(),
            None => self.output_bytes < OUTPUT_BYTES,
        }
    }

    /// Carries what can be carried now. Returns when a toxic wants to be asked again.
    pub(super) fn carry(
        &mut self,
        context: &mut Context<'_>,
        source: &mut TcpStream,
        destination: &mut TcpStream,
    ) -> Option<Instant> {
        while self.finished.is_none() {
            let (pumped, due) = self.pump();
            let wrote = self.flush(context, destination);
            if self.output.is_empty()
                && let Some(end) = self.output_end
            {
                self.finish(context, destination, end);
                break;
            }
            if !self.fill(context, source, destination) && !pumped && !wrote {
                return due;
            }
        }
        None
    }

    fn finish(&mut self, context: &mut Context<'_>, destination: &mut TcpStream, end: End) {
        self.finished = Some(end);
        if end != End::Reset {
            // An error means that the peer is gone already, which its own direction tells.
            let _ = Pin::new(destination).poll_shutdown(context);
        }
    }

    /// Moves chunks from stage to stage; true if any moved, and the next time of interest.
    fn pump(&mut self) -> (bool, Option<Instant>) {
        if self.slots.is_empty() {
            return (false, None);
        }
        let now = clock::now();
        let (mut moved, mut due): (bool, Option<Instant>) = (false, None);
        for place in 0..self.slots.len() {
            while !self.slots[place].done && self.has_room(place + 1) {
                match self.slots[place].pull(now) {
                    Step::Chunk(chunk) => self.push(place + 1, chunk),
                    Step::End(End::Fin) => {
                        self.slots[place].done = true;
                        self.end_stage(place + 1, End::Fin);
                    }
                    Step::End(end) => self.cut_short(place, end),
                    Step::Wait(until) => {
                        due = due.into_iter().chain(until).min();
                        break;
                    }
                }
                moved = true;
            }
        }
        (moved, due)
    }

    /// Writes what waits for the destination; true if anything was written.
    fn flush(&mut self, context: &mut Context<'_>, destination: &mut TcpStream) -> bool {
        let mut wrote = false;
        while let Some(front) = self.output.front_mut() {
            match Pin::new(&mut *destination).poll_write(context, front) {
                Poll::Pending => break,
                Poll::Ready(Ok(written)) => {
                    wrote = true;
                    self.flow.sent(written);
                    front.advance(written);
                    self.output_bytes -= written;
                    if front.is_empty() {
                        self.output.pop_front();
                    }
                }
                Poll::Ready(Err(_)) => {
                    self.break_off();
                    return true;
                }
            }
        }
        wrote
    }

    /// The destination takes nothing any more: both peers are told by a reset.
    fn break_off(&mut self) {
        self.source_ended = true;
        self.slots.clear();
        self.output.clear();
        self.output_bytes = 0;
        self.output_end = Some(End::Reset);
    }

    /// Reads from the source; true if there was anything.
    fn fill(
        &mut self,
        context: &mut Context<'_>,
        source: &mut TcpStream,
        destination: &mut TcpStream,
    ) -> bool {
        if self.source_ended || !self.has_room(0) {
            return false;
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let most = if self.slots.is_empty() { READ_BYTES } else { CHUNK_BYTES };
            let mut buffer = ReadBuf::new(&mut scratch[..most]);
            match Pin::new(source).poll_read(context, &mut buffer) {
                Poll::Pending => false,
                Poll::Ready(Err(_)) => self.end_source(End::Reset),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => self.end_source(End::Fin),
                Poll::Ready(Ok(())) => {
                    self.take(context, destination, buffer.filled());
                    true
                }
            }
        })
    }

    /// Passes on what was just read: straight to the destination where nothing is before it.
    fn take(&mut self, context: &mut Context<'_>, destination: &mut TcpStream, mut data: &[u8]) {
        self.flow.received(data.len());
        if self.slots.is_empty() && self.output.is_empty() {
            match Pin::new(destination).poll_write(context, data) {
                Poll::Pending => {}
                Poll::Ready(Ok(written)) => {
                    self.flow.sent(written);
                    data = &data[written..];
                    let is_small = written <= SMALL_BYTES && data.is_empty();
                    self.straight = if is_small { self.straight.saturating_add(1) } else { 0 };
                }
                Poll::Ready(Err(_)) => return self.break_off(),
            }
        }
        if !data.is_empty() {
            let data = Bytes::copy_from_slice(data);
            self.push(0, Chunk { data, arrived: clock::now() });
        }
    }
}

/// Sends a RST when the socket is dropped, whatever it still holds.
pub(crate) fn reset_on_drop(socket: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(socket).set_linger(Some(std::time::Duration::ZERO))
}
