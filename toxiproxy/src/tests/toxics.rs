//! Each toxic: that it acts, and that it does no more.

use serde_json::json;

use super::*;
use crate::client::{Stream, ToxicUpdate};

#[tokio::test]
async fn latency_delays_each_direction_it_is_on_and_no_other() {
    let rig = echo_rig().await;
    let mut socket = rig.dial().await;
    assert!(round_trip(&mut socket, b"quick").await < DELAY);
    rig.add(NewToxic::latency(DELAY, Duration::ZERO)).await;
    assert_about(round_trip(&mut socket, b"slow").await, DELAY);
    rig.add(NewToxic::latency(DELAY, Duration::ZERO).on(Stream::Upstream)).await;
    assert_about(round_trip(&mut socket, b"slower").await, DELAY * 2);
    rig.client.remove_toxic("p", "latency_downstream").await.expect("removed");
    rig.client.remove_toxic("p", "latency_upstream").await.expect("removed");
    assert!(round_trip(&mut socket, b"quick").await < DELAY);
}

/// Upstream's changelog #67: a chunk's delay runs while the chunk before it waits.
#[tokio::test]
async fn latency_does_not_limit_throughput_nor_accumulate() {
    let (rig, upstream) = manual_rig().await;
    rig.add(NewToxic::latency(DELAY, Duration::ZERO).on(Stream::Upstream)).await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    let began = clock::now();
    let writer = tokio::spawn(async move {
        for _ in 0..200 {
            client.write_all(&[7; 12_000]).await.expect("sent");
        }
        client
    });
    let mut all = vec![0; 200 * 12_000];
    read_exact(&mut server, &mut all).await;
    assert_about(began.elapsed(), DELAY);
    drop(writer.await.expect("the writer ends"));
}

/// Upstream's changelog #94.
#[tokio::test]
async fn two_latencies_add() {
    let rig = echo_rig().await;
    for name in ["first", "second"] {
        rig.add(NewToxic::latency(DELAY, Duration::ZERO).named(name)).await;
    }
    assert_about(round_trip(&mut rig.dial().await, b"twice").await, DELAY * 2);
}

#[tokio::test]
async fn jitter_stays_within_its_bounds_and_varies() {
    let rig = echo_rig().await;
    let (mean, jitter) = (Duration::from_millis(40), Duration::from_millis(30));
    rig.add(NewToxic::latency(mean, jitter)).await;
    let mut socket = rig.dial().await;
    let mut took = Vec::new();
    for _ in 0..12 {
        took.push(round_trip(&mut socket, b"jitter").await);
    }
    let (least, most) = (took.iter().min().expect("some"), took.iter().max().expect("some"));
    assert!(*least >= mean - jitter && *most <= mean + jitter + SLACK, "{took:?}");
    assert!(*most - *least > Duration::from_millis(10), "{took:?} do not vary");
}

#[tokio::test]
async fn an_update_acts_on_what_is_waiting_already() {
    let rig = echo_rig().await;
    rig.add(NewToxic::latency(Duration::from_secs(3600), Duration::ZERO)).await;
    let mut socket = rig.dial().await;
    socket.write_all(b"held").await.expect("sent");
    assert_silent(&mut socket).await;
    let attributes = json!({"latency": 0}).as_object().expect("an object").clone();
    let update = ToxicUpdate { attributes, ..ToxicUpdate::default() };
    rig.client.update_toxic("p", "latency_downstream", &update).await.expect("updated");
    let mut held = [0; 4];
    read_exact(&mut socket, &mut held).await;
    assert_eq!(&held, b"held");
}

#[tokio::test]
async fn removing_latency_lets_go_of_every_byte_in_order() {
    let rig = echo_rig().await;
    rig.add(NewToxic::latency(Duration::from_secs(3600), Duration::ZERO)).await;
    let mut socket = rig.dial().await;
    for byte in 0..100_u8 {
        socket.write_all(&[byte; 500]).await.expect("sent");
    }
    assert_silent(&mut socket).await;
    rig.client.remove_toxic("p", "latency_downstream").await.expect("removed");
    let mut held = vec![0; 50_000];
    read_exact(&mut socket, &mut held).await;
    let sent: Vec<u8> = (0..100_u8).flat_map(|byte| [byte; 500]).collect();
    assert_eq!(held, sent);
}

#[tokio::test]
async fn toxicity_is_the_share_of_connections() {
    let rig = echo_rig().await;
    rig.add(NewToxic::timeout(Duration::ZERO).toxicity(0.5)).await;
    let mut sockets = Vec::new();
    for _ in 0..40 {
        let mut socket = rig.dial().await;
        socket.write_all(b"?").await.expect("sent");
        sockets.push(socket);
    }
    let dead = heard(&sockets).await.iter().filter(|heard| !**heard).count();
    assert!((8..=32).contains(&dead), "{dead} of 40 were hit");
}

#[tokio::test]
async fn timeout_drops_all_data_and_closes_after_its_time() {
    let rig = echo_rig().await;
    let mut socket = rig.dial().await;
    round_trip(&mut socket, b"alive").await;
    let began = clock::now();
    rig.add(NewToxic::timeout(DELAY)).await;
    socket.write_all(b"lost").await.expect("sent");
    assert_eq!(next_read(&mut socket).await.expect("closed, not reset"), 0);
    assert_about(began.elapsed(), DELAY);
}

#[tokio::test]
async fn timeout_without_a_time_is_a_black_hole_until_it_is_removed() {
    let rig = echo_rig().await;
    let mut socket = rig.dial().await;
    rig.add(NewToxic::timeout(Duration::ZERO)).await;
    socket.write_all(b"lost").await.expect("sent");
    assert_silent(&mut socket).await;
    let began = clock::now();
    rig.client.remove_toxic("p", "timeout_downstream").await.expect("removed");
    assert_eq!(next_read(&mut socket).await.expect("closed, not reset"), 0);
    assert!(began.elapsed() < SLACK);
    round_trip(&mut rig.dial().await, b"new ones live").await;
}

/// Upstream sends a FIN where the connection is older than the toxic (its issue 603).
#[tokio::test]
async fn reset_peer_resets_connections_that_were_there_before() {
    let (rig, upstream) = manual_rig().await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    rig.add(NewToxic::reset_peer(DELAY).on(Stream::Upstream)).await;
    assert_silent(&mut client).await;
    let began = clock::now();
    client.write_all(b"trigger").await.expect("sent");
    let heard = next_read(&mut client).await;
    assert!(is_reset(&heard), "{heard:?}");
    assert_about(began.elapsed(), DELAY);
    assert!(is_reset(&next_read(&mut server).await));
}

/// Upstream waits out the time, and resets connections that its dice had spared (issue 603).
#[tokio::test]
async fn a_pending_reset_is_called_off_at_once_and_one_without_toxicity_never_comes() {
    let rig = echo_rig().await;
    let mut socket = rig.dial().await;
    rig.add(NewToxic::reset_peer(Duration::from_secs(3600))).await;
    socket.write_all(b"held").await.expect("sent");
    assert_silent(&mut socket).await;
    rig.client.remove_toxic("p", "reset_peer_downstream").await.expect("removed");
    let mut held = [0; 4];
    read_exact(&mut socket, &mut held).await;
    rig.add(NewToxic::reset_peer(Duration::ZERO).toxicity(0.0)).await;
    round_trip(&mut socket, b"spared").await;
    socket.shutdown().await.expect("closed for writing");
    assert_eq!(next_read(&mut socket).await.expect("closed, not reset"), 0);
}

/// Upstream's API hangs for ever here.
#[tokio::test]
async fn toxics_come_and_go_while_a_receiver_does_not_read() {
    let (rig, upstream) = manual_rig().await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    let chunk = vec![1; 1 << 20];
    let mut sent = 0;
    while let Ok(Ok(written)) = timeout(DELAY, client.write(&chunk)).await {
        sent += written;
    }
    let began = clock::now();
    rig.add(NewToxic::latency(DELAY, Duration::ZERO).on(Stream::Upstream)).await;
    rig.client.remove_toxic("p", "latency_upstream").await.expect("removed");
    rig.client.proxies().await.expect("listed");
    assert!(began.elapsed() < Duration::from_secs(1));
    let mut all = vec![0; sent];
    read_exact(&mut server, &mut all).await;
    assert!(all.iter().all(|byte| *byte == 1));
}
