//! Redis toxics through the proxy, before a server that answers each command with its number.

use serde_json::Value;

use super::*;
use crate::client::ToxicUpdate;

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";

fn redis(commands: &str, action: &str) -> NewToxic {
    NewToxic::new("redis").attribute("commands", commands).attribute("action", action)
}

async fn send(socket: &mut TcpStream, bytes: &[u8]) {
    socket.write_all(bytes).await.expect("sent");
}

async fn assert_reads(socket: &mut TcpStream, wanted: &[u8]) {
    let mut got = vec![0; wanted.len()];
    read_exact(socket, &mut got).await;
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(wanted));
}

#[tokio::test]
async fn an_error_needs_no_server_and_keeps_its_place() {
    let (rig, upstream) = manual_rig().await;
    rig.add(redis("SET", "error").attribute("error", "READONLY no")).await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    send(&mut client, SET).await;
    assert_reads(&mut client, b"-READONLY no\r\n").await;
    send(&mut client, &[PING, SET].concat()).await;
    assert_reads(&mut server, PING).await;
    assert_silent(&mut client).await;
    send(&mut server, b"+PONG\r\n").await;
    assert_reads(&mut client, b"+PONG\r\n-READONLY no\r\n").await;
}

#[tokio::test]
async fn a_delay_holds_its_command_and_its_removal_lets_it_go() {
    let (rig, upstream) = manual_rig().await;
    let delay = |ms: u64| redis("SET", "delay").attribute("delay", ms);
    rig.add(delay(DELAY.as_millis() as u64)).await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    let began = clock::now();
    send(&mut client, &[PING, SET].concat()).await;
    assert_reads(&mut server, PING).await;
    assert!(began.elapsed() < DELAY);
    assert_reads(&mut server, SET).await;
    assert_about(began.elapsed(), DELAY);
    rig.client.remove_toxic("p", "redis_downstream").await.expect("removed");
    rig.add(delay(3_600_000)).await;
    send(&mut client, SET).await;
    assert_silent(&mut server).await;
    rig.client.remove_toxic("p", "redis_downstream").await.expect("removed");
    assert_reads(&mut server, SET).await;
}

#[tokio::test]
async fn a_lost_reply_is_executed_and_the_client_hears_nothing() {
    let (rig, upstream) = manual_rig().await;
    rig.add(redis("SET", "lose_reply")).await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    send(&mut client, SET).await;
    assert_reads(&mut server, SET).await;
    send(&mut server, b"+OK\r\n").await;
    assert_silent(&mut client).await;
}

#[tokio::test]
async fn closing_after_executes_and_closing_before_does_not() {
    for (action, executed) in [("close_after", true), ("close_before", false)] {
        let (rig, upstream) = manual_rig().await;
        rig.add(redis("SET", action)).await;
        let mut client = rig.dial().await;
        let (mut server, _) = upstream.accept().await.expect("the proxy dials");
        send(&mut client, SET).await;
        if executed {
            assert_reads(&mut server, SET).await;
            send(&mut server, b"+OK\r\n").await;
        }
        assert_eq!(next_read(&mut client).await.expect("closed, not reset"), 0, "{action}");
        assert_eq!(next_read(&mut server).await.expect("closed, not reset"), 0, "{action}");
    }
}

#[tokio::test]
async fn other_toxics_act_on_what_the_server_gets() {
    let (rig, upstream) = manual_rig().await;
    rig.add(redis("SET", "error")).await;
    rig.add(NewToxic::latency(DELAY, Duration::ZERO)).await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    let began = clock::now();
    send(&mut client, &[SET, PING].concat()).await;
    assert_reads(&mut client, b"-ERR refused by the proxy\r\n").await;
    assert!(began.elapsed() < DELAY);
    assert_reads(&mut server, PING).await;
    let began = clock::now();
    send(&mut server, b"+PONG\r\n").await;
    assert_reads(&mut client, b"+PONG\r\n").await;
    assert_about(began.elapsed(), DELAY);
}

#[tokio::test]
async fn a_connection_from_before_the_toxic_and_one_without_resp_pass_untouched() {
    let rig = echo_rig().await;
    let mut before = rig.dial().await;
    round_trip(&mut before, SET).await;
    rig.add(redis("", "error")).await;
    round_trip(&mut before, SET).await;
    round_trip(&mut rig.dial().await, b"GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(rig.client.traffic("p").await.expect("told").not_resp, 1);
}

/// The answers to a client that reads none must not grow without end; it is held back, and gets
/// every one of them once it reads.
#[tokio::test]
async fn a_client_that_reads_no_answers_is_held_back() {
    let (rig, upstream) = manual_rig().await;
    rig.add(redis("SET", "error")).await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    // PING awaits the server, so that every answer behind it waits.
    send(&mut client, PING).await;
    let sets = SET.repeat(10_000);
    let mut taken = 0;
    while let Ok(Ok(written)) = timeout(DELAY, client.write(&sets[taken % sets.len()..])).await {
        taken += written;
        assert!(taken < 64 << 20, "{taken} bytes of commands were taken");
    }
    let sent = taken / SET.len();
    send(&mut server, b"+PONG\r\n").await;
    assert_reads(&mut client, b"+PONG\r\n").await;
    assert_reads(&mut client, &b"-ERR refused by the proxy\r\n".repeat(sent)).await;
}

#[tokio::test]
async fn it_is_told_on_how_many_commands_a_toxic_has_acted() {
    let (rig, upstream) = manual_rig().await;
    rig.add(redis("SET", "error")).await;
    rig.add(NewToxic::latency(Duration::ZERO, Duration::ZERO)).await;
    let acted = async || {
        let toxics = rig.client.proxy("p").await.expect("told").toxics;
        toxics.into_iter().map(|toxic| toxic.acted).collect::<Vec<_>>()
    };
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    send(&mut client, PING).await;
    assert_reads(&mut server, PING).await;
    assert_eq!(acted().await, [Some(0), None]);
    send(&mut server, b"+PONG\r\n").await;
    send(&mut client, &SET.repeat(2)).await;
    assert_reads(
        &mut client,
        &[b"+PONG\r\n", &b"-ERR refused by the proxy\r\n".repeat(2)[..]].concat(),
    )
    .await;
    assert_eq!(acted().await, [Some(2), None]);
    let toxics = rig.client.proxy("p").await.expect("told").toxics;
    let other = ToxicUpdate { toxicity: Some(0.5), ..ToxicUpdate::default() };
    rig.client.update_toxic("p", &toxics[0].name, &other).await.expect("it is changed");
    assert_eq!(acted().await, [Some(2), None], "in all its versions");
}

#[tokio::test]
async fn wrong_attributes_are_refused() {
    let rig = echo_rig().await;
    let wrong: [(&str, Value); 4] = [
        ("action", "explode".into()),
        ("share", 1.5.into()),
        ("error", "two\r\nlines".into()),
        ("delay", (-1).into()),
    ];
    for (attribute, value) in wrong {
        let toxic = NewToxic::new("redis").attribute(attribute, value);
        let refused = rig.client.add_toxic("p", &toxic).await.expect_err(attribute);
        assert_eq!(refused.status(), Some(400));
    }
}

#[tokio::test]
async fn a_change_of_another_toxic_does_not_cut_a_delay_short() {
    let (rig, upstream) = manual_rig().await;
    rig.add(redis("SET", "delay").attribute("delay", DELAY.as_millis() as u64)).await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    let began = clock::now();
    send(&mut client, SET).await;
    tokio::time::sleep(DELAY / 3).await;
    rig.add(NewToxic::new("noop")).await;
    assert_reads(&mut server, SET).await;
    assert_about(began.elapsed(), DELAY);
}

#[tokio::test]
async fn first_counts_connections_also_for_commands() {
    let (rig, upstream) = manual_rig().await;
    rig.add(redis("SET", "error").first(1)).await;
    let mut client = rig.dial().await;
    let (_first, _) = upstream.accept().await.expect("the proxy dials");
    send(&mut client, SET).await;
    assert_reads(&mut client, b"-ERR refused by the proxy\r\n").await;
    // An update acts on the connection that has the place, and on no other.
    let mut update = ToxicUpdate::default();
    update.attributes.insert("error".into(), "LOADING no".into());
    rig.client.update_toxic("p", "redis_downstream", &update).await.expect("updated");
    send(&mut client, SET).await;
    assert_reads(&mut client, b"-LOADING no\r\n").await;
    let mut client = rig.dial().await;
    let (mut second, _) = upstream.accept().await.expect("the proxy dials");
    send(&mut client, SET).await;
    assert_reads(&mut second, SET).await;
}

/// Half a command makes no difference to the server, but the test of a server may look for it.
#[tokio::test]
async fn what_was_begun_before_an_end_goes_on() {
    let (rig, upstream) = manual_rig().await;
    rig.add(redis("SET", "error")).await;
    for begun in [&SET[..SET.len() - 3], b"*", b"*1"] {
        let mut client = rig.dial().await;
        let (mut server, _) = upstream.accept().await.expect("the proxy dials");
        send(&mut client, &[PING, begun].concat()).await;
        client.shutdown().await.expect("closed for writing");
        let mut got = Vec::new();
        timeout(PATIENCE, server.read_to_end(&mut got)).await.expect("in time").expect("an end");
        assert_eq!(got, [PING, begun].concat());
    }
}
