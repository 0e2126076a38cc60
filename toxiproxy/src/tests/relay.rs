//! Plain connections at work are relayed by io_uring, and come back without losing a byte. Where
//! the kernel forbids it, they stay where they are, and only the bytes are tested.

use rand::Rng;

use super::*;
use crate::client::{Cut, ProxyUpdate, Stream};
use crate::proxy::is_relay_available;
use crate::random::generator;

/// Exchanges small pieces until the connections are relayed.
async fn warm_up(rig: &Rig, sockets: &mut [TcpStream]) {
    let relayed = async {
        loop {
            for socket in &mut *sockets {
                for _ in 0..8 {
                    round_trip(socket, b"warm").await;
                }
            }
            let traffic = rig.client.traffic("p").await.expect("told");
            if traffic.relayed == sockets.len() as u64 || !is_relay_available() {
                break;
            }
        }
    };
    timeout(PATIENCE, relayed).await.expect("the connections are relayed");
}

async fn relayed(rig: &Rig) -> u64 {
    rig.client.traffic("p").await.expect("told").relayed
}

#[tokio::test]
async fn a_toxic_acts_on_relayed_connections_and_they_are_relayed_again_without_it() {
    let rig = echo_rig().await;
    let mut sockets = [rig.dial().await, rig.dial().await];
    for _ in 0..3 {
        warm_up(&rig, &mut sockets).await;
        rig.add(NewToxic::latency(DELAY, Duration::ZERO)).await;
        assert_eq!(relayed(&rig).await, 0);
        assert_about(round_trip(&mut sockets[0], b"slow").await, DELAY);
        rig.client.remove_toxic("p", "latency_downstream").await.expect("removed");
    }
    warm_up(&rig, &mut sockets).await;
}

#[tokio::test]
async fn nothing_is_relayed_where_it_must_not_be() {
    let (client, _task) = server(Options { portable: true, ..Options::default() }).await;
    let echo = echo_rig().await;
    let proxy = NewProxy::new("p", "127.0.0.1:0", &echo.upstream);
    let listen = client.create(&proxy).await.expect("created").listen;
    let mut socket = TcpStream::connect(&listen).await.expect("accepted");
    for _ in 0..100 {
        round_trip(&mut socket, b"small").await;
    }
    assert_eq!(client.traffic("p").await.expect("told").relayed, 0);
}

#[tokio::test]
async fn large_pieces_do_not_make_a_connection_worth_relaying() {
    let rig = echo_rig().await;
    let mut socket = rig.dial().await;
    for _ in 0..100 {
        round_trip(&mut socket, &[7; 60_000]).await;
    }
    assert_eq!(relayed(&rig).await, 0);
}

/// What is under way when the connection is called back goes on, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_survive_any_number_of_hand_overs() {
    const BYTES: usize = 400_000;
    let rig = echo_rig().await;
    let mut sockets = vec![rig.dial().await, rig.dial().await, rig.dial().await];
    warm_up(&rig, &mut sockets).await;
    let mut echoes = tokio::task::JoinSet::new();
    for (number, socket) in sockets.into_iter().enumerate() {
        echoes.spawn(async move {
            let mut random = generator(number as u64, "pieces");
            let mut sent = vec![0_u8; BYTES];
            random.fill(&mut sent[..]);
            let (mut read, mut write) = socket.into_split();
            let copy = sent.clone();
            let writer = async move {
                let mut rest = &copy[..];
                while !rest.is_empty() {
                    let (piece, behind) =
                        rest.split_at(random.random_range(1..400).min(rest.len()));
                    write.write_all(piece).await.expect("the proxy takes the bytes");
                    rest = behind;
                }
                write
            };
            let mut answer = vec![0; BYTES];
            let reader = async { read.read_exact(&mut answer).await.expect("whole") };
            let (write, _) = timeout(PATIENCE * 6, async { tokio::join!(writer, reader) })
                .await
                .expect("in time");
            assert!(answer == sent, "the echo must be what was sent");
            drop(write);
        });
    }
    let mut hand_overs = 0;
    while !echoes.is_empty() {
        while relayed(&rig).await == 0 && is_relay_available() && !echoes.is_empty() {
            while let Some(done) = echoes.try_join_next() {
                done.expect("an echo");
            }
        }
        hand_overs += 1;
        rig.add(NewToxic::new("noop").on(Stream::Both)).await;
        rig.client.remove_toxic("p", "noop_both").await.expect("removed");
        while let Some(done) = echoes.try_join_next() {
            done.expect("an echo");
        }
    }
    assert!(hand_overs > 1, "{hand_overs} hand-overs prove nothing");
}

/// A receiver that does not read must not keep the buffers from others, nor the API waiting.
#[tokio::test]
async fn a_receiver_that_does_not_read_holds_nobody_up() {
    let (rig, upstream) = manual_rig().await;
    let mut pairs = Vec::new();
    for _ in 0..40 {
        let mut client = rig.dial().await;
        let (mut server, _) = upstream.accept().await.expect("the proxy dials");
        server.set_nodelay(true).expect("the option is taken");
        for _ in 0..20 {
            client.write_all(b"ask").await.expect("sent");
            read_exact(&mut server, &mut [0; 3]).await;
            server.write_all(b"answer").await.expect("sent");
            read_exact(&mut client, &mut [0; 6]).await;
        }
        pairs.push((client, server));
    }
    let (mut client, mut server) = pairs.pop().expect("some");
    // Each of these fills every buffer on the way, and would fill those of the ring.
    let chunk = vec![7; 1 << 16];
    let mut written = Vec::new();
    for (client, _) in &mut pairs {
        let mut bytes = 0;
        while let Ok(Ok(more)) = timeout(Duration::from_millis(20), client.write(&chunk)).await {
            bytes += more;
        }
        written.push(bytes);
    }
    for _ in 0..100 {
        client.write_all(b"still").await.expect("sent");
        read_exact(&mut server, &mut [0; 5]).await;
    }
    let began = clock::now();
    rig.add(NewToxic::new("noop").on(Stream::Upstream)).await;
    assert!(began.elapsed() < Duration::from_secs(1));
    for ((client, mut server), bytes) in pairs.into_iter().zip(written) {
        drop(client);
        let mut all = Vec::new();
        let read = timeout(PATIENCE, server.read_to_end(&mut all)).await.expect("in time");
        assert_eq!(read.expect("whole"), bytes);
        assert!(all.iter().all(|byte| *byte == 7));
    }
}

#[tokio::test]
async fn ends_of_relayed_connections_pass_as_they_are() {
    let (rig, upstream) = manual_rig().await;
    for is_reset_wanted in [false, true] {
        let mut client = rig.dial().await;
        let (mut server, _) = upstream.accept().await.expect("the proxy dials");
        for _ in 0..40 {
            client.write_all(b"ask").await.expect("sent");
            read_exact(&mut server, &mut [0; 3]).await;
            server.write_all(b"answer").await.expect("sent");
            read_exact(&mut client, &mut [0; 6]).await;
        }
        assert_eq!(relayed(&rig).await, u64::from(is_relay_available()));
        if is_reset_wanted {
            crate::proxy::reset_on_drop(&server).expect("the option is taken");
            drop(server);
            assert!(is_reset(&next_read(&mut client).await));
        } else {
            client.write_all(b"last").await.expect("sent");
            client.shutdown().await.expect("closed for writing");
            let mut last = Vec::new();
            timeout(PATIENCE, server.read_to_end(&mut last)).await.expect("in time").expect("FIN");
            assert_eq!(last, b"last");
            server.write_all(b"late").await.expect("sent");
            drop(server);
            let mut late = Vec::new();
            timeout(PATIENCE, client.read_to_end(&mut late)).await.expect("in time").expect("FIN");
            assert_eq!(late, b"late");
        }
        while rig.client.traffic("p").await.expect("told").live > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn relayed_connections_freeze_and_close_on_demand() {
    let rig = echo_rig().await;
    let mut sockets = [rig.dial_from(11).await, rig.dial_from(12).await];
    warm_up(&rig, &mut sockets).await;
    rig.client.cut("p", &Cut::of([peer(11)])).await.expect("cut");
    sockets[0].write_all(b"lost").await.expect("sent");
    assert_silent(&mut sockets[0]).await;
    round_trip(&mut sockets[1], b"not concerned").await;
    rig.client.heal("p").await.expect("healed");
    assert!(is_reset(&next_read(&mut sockets[0]).await));
    let [_, other] = sockets;
    let mut others = [other];
    warm_up(&rig, &mut others).await;
    let disabled = ProxyUpdate { enabled: Some(false), ..ProxyUpdate::default() };
    rig.client.update("p", &disabled).await.expect("disabled");
    assert_eq!(next_read(&mut others[0]).await.expect("closed, not reset"), 0);
}
