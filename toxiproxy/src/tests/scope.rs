//! On which connections a toxic acts, and how long.

use super::*;
use crate::client::Stream;

#[tokio::test]
async fn a_toxic_for_chosen_peers_spares_the_others() {
    let rig = echo_rig().await;
    let (mut meant, mut other) = (rig.dial_from(11).await, rig.dial_from(12).await);
    rig.add(NewToxic::latency(DELAY, Duration::ZERO).from_peers([peer(11)])).await;
    assert_about(round_trip(&mut meant, b"slow").await, DELAY);
    assert!(round_trip(&mut other, b"quick").await < DELAY);
    assert_about(round_trip(&mut rig.dial_from(11).await, b"slow").await, DELAY);
}

#[tokio::test]
async fn a_toxic_on_both_directions_acts_twice_and_is_removed_at_once() {
    let rig = echo_rig().await;
    rig.add(NewToxic::latency(DELAY, Duration::ZERO).on(Stream::Both)).await;
    let mut socket = rig.dial().await;
    assert_about(round_trip(&mut socket, b"slow").await, DELAY * 2);
    rig.client.remove_toxic("p", "latency_both").await.expect("removed");
    assert!(round_trip(&mut socket, b"quick").await < DELAY);
}

#[tokio::test]
async fn a_toxic_for_the_first_connections_spares_those_after() {
    let rig = echo_rig().await;
    for stream in [Stream::Upstream, Stream::Both] {
        let toxic = NewToxic::timeout(Duration::ZERO).first(2).on(stream).named("first");
        rig.add(toxic).await;
        let mut dead = Vec::new();
        for _ in 0..4 {
            let mut socket = rig.dial().await;
            socket.write_all(b"?").await.expect("sent");
            let heard = timeout(DELAY, socket.read(&mut [0; 1])).await;
            dead.push(heard.is_err());
        }
        assert_eq!(dead, [true, true, false, false], "{stream:?}");
        rig.client.remove_toxic("p", "first").await.expect("removed");
    }
}

#[tokio::test]
async fn a_toxic_for_a_time_removes_itself() {
    let rig = echo_rig().await;
    let forever = NewToxic::latency(Duration::from_secs(3600), Duration::ZERO);
    let began = clock::now();
    rig.add(forever.lasting(DELAY)).await;
    let mut socket = rig.dial().await;
    round_trip(&mut socket, b"held until then").await;
    assert_about(began.elapsed(), DELAY);
    assert!(rig.client.toxics("p").await.expect("listed").is_empty());
}
