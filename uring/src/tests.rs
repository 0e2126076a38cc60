//! On real sockets; nothing is tested where the kernel has no ring to give.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::*;

/// A ring, unless the kernel forbids one.
fn ring() -> Option<Ring> {
    Ring::new().ok()
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let near = TcpStream::connect(listener.local_addr().expect("its address"));
    (near.expect("connected"), listener.accept().expect("accepted").0)
}

/// Turns until there are so many events.
fn events(ring: &mut Ring, wanted: usize) -> Vec<(u64, Event)> {
    let mut events = Vec::new();
    while events.len() < wanted {
        ring.turn(&mut events).expect("the ring turns");
    }
    events
}

/// Receives bytes one by one until the ring has no buffer left; they are all in what is returned.
fn exhaust(ring: &mut Ring, near: Socket, client: &mut TcpStream) -> Vec<Chunk> {
    ring.receive(near);
    let mut kept = Vec::new();
    loop {
        client.write_all(b"x").expect("sent");
        for (_, event) in events(ring, 1) {
            match event {
                Event::Received(chunk) => kept.push(chunk),
                Event::Stopped(Stop::NoBuffers) => return kept,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn what_is_received_can_be_sent_from_where_it_is() {
    let Some(mut ring) = ring() else { return };
    let ((mut client, near), (mut server, far)) = (pair(), pair());
    let (near, far) = (ring.adopt(near, 1), ring.adopt(far, 2));
    ring.receive(near);
    // More rounds than there are buffers.
    for round in 0..600_u32 {
        client.write_all(&round.to_le_bytes()).expect("sent");
        let (tag, Event::Received(chunk)) = events(&mut ring, 1).remove(0) else {
            panic!("received")
        };
        assert_eq!((tag, chunk.data()), (1, &round.to_le_bytes()[..]));
        ring.send(far, chunk).expect("nothing else is being sent");
        let (tag, Event::Sent { rest, sent }) = events(&mut ring, 1).remove(0) else {
            panic!("sent")
        };
        assert_eq!((tag, sent.expect("sent"), rest.data().len()), (2, 4, 0));
        ring.recycle(rest);
        let mut arrived = [0; 4];
        server.read_exact(&mut arrived).expect("arrived");
        assert_eq!(arrived, round.to_le_bytes());
    }
}

#[test]
fn an_end_is_told_after_the_bytes_before_it() {
    let Some(mut ring) = ring() else { return };
    let (mut client, near) = pair();
    let near = ring.adopt(near, 7);
    client.write_all(b"last").expect("sent");
    drop(client);
    ring.receive(near);
    let events = events(&mut ring, 2);
    assert!(matches!(&events[0], (7, Event::Received(chunk)) if chunk.data() == b"last"));
    assert!(matches!(&events[1], (7, Event::Stopped(Stop::End))), "{events:?}");
    assert!(ring.release(near).is_some());
}

#[test]
fn a_socket_at_work_is_not_released_until_it_is_cancelled() {
    let Some(mut ring) = ring() else { return };
    let (mut client, near) = pair();
    let near = ring.adopt(near, 7);
    ring.receive(near);
    assert!(ring.release(near).is_none());
    ring.cancel(near);
    let events = events(&mut ring, 1);
    assert!(matches!(&events[0], (7, Event::Stopped(Stop::Cancelled))), "{events:?}");
    // What comes afterwards stays in the socket.
    client.write_all(b"later").expect("sent");
    let mut socket = TcpStream::from(ring.release(near).expect("idle now"));
    let mut later = [0; 5];
    socket.read_exact(&mut later).expect("arrived");
    assert_eq!(&later, b"later");
}

#[test]
fn a_send_that_nobody_reads_can_be_cancelled_and_what_was_sent_is_told() {
    let Some(mut ring) = ring() else { return };
    let ((mut client, near), (mut server, far)) = (pair(), pair());
    let (near, far) = (ring.adopt(near, 1), ring.adopt(far, 2));
    ring.receive(near);
    let mut sent_bytes = 0;
    let rest = loop {
        client.write_all(&[7; CHUNK_BYTES]).expect("sent");
        let mut now = events(&mut ring, 1);
        let Some((1, Event::Received(chunk))) = now.pop() else { panic!("{now:?}") };
        ring.send(far, chunk).expect("nothing else is being sent");
        ring.cancel(far);
        let mut now = events(&mut ring, 1);
        now.retain(|(tag, _)| *tag == 2);
        let Some((2, Event::Sent { rest, sent })) = now.pop() else { panic!("{now:?}") };
        match sent {
            Ok(bytes) => sent_bytes += bytes,
            Err(error) => {
                assert_eq!(Errno::from_io_error(&error), Some(Errno::CANCELED));
                break rest;
            }
        }
        if rest.data().is_empty() { ring.recycle(rest) } else { break rest }
    };
    // The rest goes on when there is room again.
    let mut arrived = vec![0; sent_bytes];
    server.read_exact(&mut arrived).expect("arrived");
    let bytes = rest.data().len();
    ring.send(far, rest).expect("nothing else is being sent");
    let mut events = events(&mut ring, 1);
    events.retain(|(tag, _)| *tag == 2);
    assert!(
        matches!(&events[0].1, Event::Sent { sent: Ok(sent), .. } if *sent == bytes),
        "{events:?}"
    );
}

#[test]
fn without_buffers_receiving_stops_and_can_begin_again() {
    let Some(mut ring) = ring() else { return };
    let (mut client, near) = pair();
    let near = ring.adopt(near, 1);
    let kept = exhaust(&mut ring, near, &mut client);
    assert!(kept.len() > 100);
    kept.into_iter().for_each(|chunk| ring.recycle(chunk));
    ring.receive(near);
    let events = events(&mut ring, 1);
    assert!(matches!(&events[0], (1, Event::Received(chunk)) if chunk.data() == b"x"));
}

#[test]
fn watching_needs_no_buffer_and_takes_nothing() {
    let Some(mut ring) = ring() else { return };
    let ((mut client, near), (mut other, watched)) = (pair(), pair());
    let (near, watched) = (ring.adopt(near, 1), ring.adopt(watched, 2));
    let _kept = exhaust(&mut ring, near, &mut client);
    other.write_all(b"news").expect("sent");
    ring.watch(watched);
    assert!(ring.release(watched).is_none(), "it is watched");
    let now = events(&mut ring, 1);
    assert!(matches!(&now[..], [(2, Event::Readable)]), "{now:?}");
    let mut socket = TcpStream::from(ring.release(watched).expect("watched once"));
    let mut news = [0; 4];
    socket.read_exact(&mut news).expect("left there");
    let watched = ring.adopt(socket, 3);
    ring.watch(watched);
    ring.cancel(watched);
    let now = events(&mut ring, 1);
    assert!(matches!(&now[..], [(3, Event::Stopped(Stop::Cancelled))]), "{now:?}");
}

/// Buffers are known by numbers, which another ring has too.
#[test]
fn a_chunk_of_another_ring_is_refused() {
    let (Some(mut ring), Some(mut other)) = (ring(), ring()) else { return };
    let ((mut client, near), (_server, far)) = (pair(), pair());
    let (near, far) = (ring.adopt(near, 1), other.adopt(far, 2));
    ring.receive(near);
    for round in 0..3 {
        client.write_all(b"strange").expect("sent");
        let Some((1, Event::Received(chunk))) = events(&mut ring, 1).pop() else {
            panic!("received")
        };
        let chunk = other.send(far, chunk).expect_err("not this ring's");
        assert_eq!(chunk.data(), b"strange", "round {round}");
        other.recycle(chunk);
    }
    // All of its own buffers are still in their places.
    let (mut client, near) = pair();
    let near = other.adopt(near, 3);
    other.receive(near);
    for round in 0..600_u32 {
        client.write_all(&round.to_le_bytes()).expect("sent");
        let Some((3, Event::Received(chunk))) = events(&mut other, 1).pop() else {
            panic!("received")
        };
        assert_eq!(chunk.data(), round.to_le_bytes());
        other.recycle(chunk);
    }
}

/// More than the ring has room for between two turns.
#[test]
fn what_is_asked_for_at_once_is_not_bounded() {
    let Some(mut ring) = ring() else { return };
    let (_client, near) = pair();
    let near = ring.adopt(near, 1);
    ring.receive(near);
    for _ in 0..2000 {
        ring.cancel(near);
    }
    let now = events(&mut ring, 1);
    assert!(matches!(&now[..], [(1, Event::Stopped(Stop::Cancelled))]), "{now:?}");
    assert!(ring.release(near).is_some());
}

/// Compiles only where there is everything that the users of a ring call.
macro_rules! assert_interface {
    ($ring:ty, $socket:ty, $chunk:ty) => {
        let _: fn() -> io::Result<$ring> = <$ring>::new;
        let _: fn(&mut $ring, OwnedFd, u64) -> $socket = <$ring>::adopt;
        let _: fn(&mut $ring, $socket) -> Option<OwnedFd> = <$ring>::release;
        let _: fn(&mut $ring, $socket) = <$ring>::receive;
        let _: fn(&mut $ring, $socket) = <$ring>::watch;
        let _: fn(&mut $ring, $socket, $chunk) -> Result<(), $chunk> = <$ring>::send;
        let _: fn(&mut $ring, $socket) = <$ring>::cancel;
        let _: fn(&mut $ring, $chunk) = <$ring>::recycle;
        let _: fn(&mut $ring, &mut Vec<(u64, Event)>) -> io::Result<()> = <$ring>::turn;
        let _: fn(&$chunk) -> &[u8] = <$chunk>::data;
    };
}

#[test]
fn what_other_systems_have_looks_the_same_and_says_no() {
    assert_interface!(Ring, Socket, Chunk);
    assert_interface!(absent::Ring, absent::Socket, absent::Chunk);
    let refused = absent::Ring::new().err().expect("no ring");
    assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
}
