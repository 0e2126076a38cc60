//! One connection on a ring: what comes from each socket goes to the other from the buffer that it
//! came in.

use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use redrill_uring::{Chunk, Event, Ring, Socket, Stop};
use tokio::sync::oneshot;

use super::super::traffic::Flow;
use super::{Back, Plain, Rest};
use crate::toxics::End;

/// How many chunks may wait in a direction. The buffers are shared: a receiver that does not keep
/// up is waited for elsewhere.
const MOST_QUEUED: usize = 16;

/// A side of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client = 0,
    Server = 1,
}

impl Side {
    /// The pair's place and the side that a tag means.
    pub(super) fn of_tag(tag: u64) -> (usize, Side) {
        let side = if tag.is_multiple_of(2) { Side::Client } else { Side::Server };
        ((tag / 2) as usize, side)
    }

    fn tag(self, place: usize) -> u64 {
        place as u64 * 2 + self as u64
    }

    fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// What comes from one side.
struct Lane {
    socket: Socket,
    flow: Arc<Flow>,
    is_receiving: bool,
    /// The other side is being sent to.
    is_sending: bool,
    /// What is being sent was under way already when buffers had run out before.
    is_slow: bool,
    /// What waits, behind what is being sent.
    queue: VecDeque<Chunk>,
    end: Option<End>,
    is_broken: bool,
}

/// A connection that is being carried.
pub(super) struct Pair {
    number: usize,
    /// By the side from which they come.
    lanes: [Lane; 2],
    is_leaving: bool,
    was_obstructed: bool,
    done: oneshot::Sender<Back>,
}

impl Pair {
    /// Begins to carry a connection, whose events come under the tags of this place.
    pub(super) fn begin(
        ring: &mut Ring,
        place: usize,
        number: usize,
        plain: Plain,
        done: oneshot::Sender<Back>,
    ) -> Pair {
        let mut lane = |socket: TcpStream, side: Side, flow| {
            let socket = ring.adopt(socket, side.tag(place));
            ring.receive(socket);
            Lane {
                socket,
                flow,
                is_receiving: true,
                is_sending: false,
                is_slow: false,
                queue: VecDeque::new(),
                end: None,
                is_broken: false,
            }
        };
        let lanes = [
            lane(plain.client, Side::Client, plain.up),
            lane(plain.server, Side::Server, plain.down),
        ];
        Pair { number, lanes, is_leaving: false, was_obstructed: false, done }
    }

    /// The connection's number.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Takes up what came of a socket.
    pub(super) fn handle(&mut self, ring: &mut Ring, side: Side, event: Event) {
        match event {
            // Never watched.
            Event::Readable => {}
            Event::Received(chunk) => {
                let lane = &mut self.lanes[side as usize];
                lane.flow.received(chunk.data().len());
                lane.queue.push_back(chunk);
                self.send_on(ring, side);
            }
            Event::Stopped(stop) => self.stopped(ring, side, &stop),
            Event::Sent { rest, sent } => self.sent(ring, side.other(), rest, &sent),
        }
    }

    fn stopped(&mut self, ring: &mut Ring, side: Side, stop: &Stop) {
        let lane = &mut self.lanes[side as usize];
        lane.is_receiving = false;
        match stop {
            Stop::End => lane.end = Some(End::Fin),
            Stop::Failed(_) => lane.end = Some(End::Reset),
            Stop::NoBuffers => self.was_obstructed = true,
            Stop::Cancelled => {}
        }
        self.leave(ring);
    }

    /// What came from this side was sent to the other.
    fn sent(&mut self, ring: &mut Ring, from: Side, rest: Chunk, sent: &io::Result<usize>) {
        let lane = &mut self.lanes[from as usize];
        lane.is_sending = false;
        lane.is_slow = false;
        match sent {
            Ok(bytes) => lane.flow.sent(*bytes),
            Err(_) if self.is_leaving => {}
            Err(_) => lane.is_broken = true,
        }
        if rest.data().is_empty() {
            ring.recycle(rest);
        } else {
            lane.queue.push_front(rest);
        }
        if lane.is_broken {
            self.leave(ring);
        } else {
            self.send_on(ring, from);
        }
    }

    /// Sends what has come from this side, one chunk at a time.
    fn send_on(&mut self, ring: &mut Ring, from: Side) {
        let destination = self.lanes[from.other() as usize].socket;
        let lane = &mut self.lanes[from as usize];
        if !self.is_leaving
            && !lane.is_sending
            && let Some(chunk) = lane.queue.pop_front()
        {
            match ring.send(destination, chunk) {
                Ok(()) => lane.is_sending = true,
                Err(chunk) => lane.queue.push_front(chunk),
            }
        }
        if lane.queue.len() > MOST_QUEUED {
            self.was_obstructed = true;
            self.leave(ring);
        }
    }

    /// Called when buffers have run out. A send that is under way at one call and at the next waits
    /// for its receiver: the connection leaves with the buffers that it holds.
    pub(super) fn spare_buffers(&mut self, ring: &mut Ring) {
        if self.lanes.iter().any(|lane| lane.is_slow) {
            self.was_obstructed = true;
            self.leave(ring);
        }
        self.lanes.iter_mut().for_each(|lane| lane.is_slow = lane.is_sending);
    }

    /// Stops carrying.
    pub(super) fn leave(&mut self, ring: &mut Ring) {
        if !self.is_leaving {
            self.is_leaving = true;
            self.lanes.iter().for_each(|lane| ring.cancel(lane.socket));
        }
    }

    /// Whether it leaves and nothing is under way any more.
    pub(super) fn may_go(&self) -> bool {
        self.is_leaving && !self.lanes.iter().any(|lane| lane.is_receiving || lane.is_sending)
    }

    /// Gives the connection back, with what it did not pass on.
    pub(super) fn go(self, ring: &mut Ring) {
        let sockets = self.lanes.each_ref().map(|lane| ring.release(lane.socket));
        let [up, down] = self.lanes.map(|lane| lane.rest(ring));
        let [Some(client), Some(server)] = sockets.map(|fd| fd.map(OwnedFd::into)) else { return };
        let was_obstructed = self.was_obstructed;
        // Where nobody wants it any more, it is closed here.
        let _ = self.done.send(Back { client, server, up, down, was_obstructed });
    }
}

impl Lane {
    fn rest(self, ring: &mut Ring) -> Rest {
        let mut unsent = Vec::with_capacity(self.queue.len());
        for chunk in self.queue {
            unsent.push(Bytes::copy_from_slice(chunk.data()));
            ring.recycle(chunk);
        }
        Rest { unsent, end: self.end, is_broken: self.is_broken }
    }
}
