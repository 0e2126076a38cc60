//! Cutting peers off.

use super::*;
use crate::client::{Cut, Mode};

async fn cut(rig: &Rig, last: u8, mode: Mode) {
    let cut = Cut { mode, ..Cut::of([peer(last)]) };
    rig.client.cut("p", &cut).await.expect("cut");
    assert_eq!(rig.client.cut_of("p").await.expect("told"), cut);
}

async fn heal(rig: &Rig) {
    rig.client.heal("p").await.expect("healed");
    assert_eq!(rig.client.cut_of("p").await.expect("told"), Cut::default());
}

#[tokio::test]
async fn only_the_named_peers_are_cut_off() {
    let rig = echo_rig().await;
    let (mut cut_off, mut other) = (rig.dial_from(11).await, rig.dial_from(12).await);
    round_trip(&mut cut_off, b"alive").await;
    cut(&rig, 11, Mode::Drop).await;
    round_trip(&mut other, b"not concerned").await;
    round_trip(&mut rig.dial_from(12).await, b"new ones neither").await;
    cut_off.write_all(b"lost").await.expect("the socket's buffer takes it");
    assert_silent(&mut cut_off).await;
    let mut new = rig.dial_from(11).await;
    new.write_all(b"lost").await.expect("the socket's buffer takes it");
    assert_silent(&mut new).await;
}

#[tokio::test]
async fn no_close_passes_while_cut_and_what_was_lost_is_reset_on_healing() {
    let (rig, upstream) = manual_rig().await;
    let client = rig.dial_from(11).await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    cut(&rig, 11, Mode::Drop).await;
    drop(client);
    assert_silent(&mut server).await;
    heal(&rig).await;
    assert!(is_reset(&next_read(&mut server).await));
}

#[tokio::test]
async fn what_was_sent_during_a_cut_is_never_delivered() {
    let (rig, upstream) = manual_rig().await;
    let mut client = rig.dial_from(11).await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    cut(&rig, 11, Mode::Drop).await;
    client.write_all(b"up").await.expect("sent");
    server.write_all(b"down").await.expect("sent");
    let mut new = rig.dial_from(11).await;
    new.write_all(b"up").await.expect("sent");
    assert_silent(&mut server).await;
    heal(&rig).await;
    for socket in [&mut client, &mut server, &mut new] {
        let heard = next_read(socket).await;
        assert!(is_reset(&heard), "{heard:?}");
    }
}

#[tokio::test]
async fn idle_connections_survive_a_cut_also_those_opened_meanwhile() {
    let rig = echo_rig().await;
    let mut idle = rig.dial_from(11).await;
    round_trip(&mut idle, b"alive").await;
    cut(&rig, 11, Mode::Drop).await;
    let mut new = rig.dial_from(11).await;
    assert_silent(&mut new).await;
    heal(&rig).await;
    round_trip(&mut idle, b"again").await;
    round_trip(&mut new, b"at last").await;
}

#[tokio::test]
async fn held_bytes_are_delivered_late_and_in_order() {
    let rig = echo_rig().await;
    let mut socket = rig.dial_from(11).await;
    round_trip(&mut socket, b"alive").await;
    cut(&rig, 11, Mode::Hold).await;
    socket.write_all(b"la").await.expect("sent");
    assert_silent(&mut socket).await;
    socket.write_all(b"te").await.expect("sent");
    heal(&rig).await;
    let mut late = [0; 4];
    read_exact(&mut socket, &mut late).await;
    assert_eq!(&late, b"late");
}

#[tokio::test]
async fn mode_reset_resets_at_once() {
    let rig = echo_rig().await;
    let mut live = rig.dial_from(11).await;
    round_trip(&mut live, b"alive").await;
    cut(&rig, 11, Mode::Reset).await;
    assert!(is_reset(&next_read(&mut live).await));
    assert!(is_reset(&next_read(&mut rig.dial_from(11).await).await));
    round_trip(&mut rig.dial_from(12).await, b"not concerned").await;
}

/// A toxic's queue is in flight too.
#[tokio::test]
async fn what_a_toxic_held_is_lost_in_a_cut() {
    let rig = echo_rig().await;
    rig.add(NewToxic::latency(DELAY, Duration::ZERO)).await;
    let mut socket = rig.dial_from(11).await;
    round_trip(&mut socket, b"alive").await;
    socket.write_all(b"in flight").await.expect("sent");
    tokio::time::sleep(DELAY / 3).await;
    cut(&rig, 11, Mode::Drop).await;
    assert_silent(&mut socket).await;
    heal(&rig).await;
    assert!(is_reset(&next_read(&mut socket).await));
}

#[tokio::test]
async fn a_reset_of_the_server_heals() {
    let rig = echo_rig().await;
    cut(&rig, 11, Mode::Drop).await;
    rig.client.reset().await.expect("reset");
    round_trip(&mut rig.dial_from(11).await, b"healed").await;
}

#[tokio::test]
async fn a_wrong_cut_is_refused_and_changes_nothing() {
    let rig = echo_rig().await;
    let refused = rig.client.cut("q", &Cut::default()).await.expect_err("no such proxy");
    assert_eq!(refused.status(), Some(404));
    let http = reqwest::Client::new();
    let url = format!("{}/proxies/p/cut", rig.client.base());
    for body in [r#"{"peers":["nobody"]}"#, r#"{"peer":[]}"#, r#"{"peers":[],"mode":"x"}"#, ""] {
        let answer = http.put(&url).body(body).send().await.expect("an answer");
        assert_eq!(answer.status(), 400, "{body}");
    }
    assert_eq!(rig.client.cut_of("p").await.expect("told"), Cut::default());
}
