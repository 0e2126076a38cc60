//! Connections without toxics, and what happens to them as the proxy changes.

use tokio::net::TcpStream;
use tokio::time::sleep;

use super::*;
use crate::client::ProxyUpdate;

#[tokio::test]
async fn bytes_arrive_whole_in_both_directions() {
    let rig = echo_rig().await;
    let (mut read, mut write) = rig.dial().await.into_split();
    let sent: Vec<u8> = (0..4_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let copy = sent.clone();
    let writer = tokio::spawn(async move {
        write.write_all(&copy).await.expect("the proxy takes the bytes");
    });
    let mut answer = vec![0; sent.len()];
    timeout(PATIENCE, read.read_exact(&mut answer)).await.expect("in time").expect("whole");
    assert!(answer == sent, "the echo must be what was sent");
    writer.await.expect("the writer ends");
}

#[tokio::test]
async fn a_half_close_lets_the_answer_come() {
    let (rig, upstream) = manual_rig().await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    client.write_all(b"ask").await.expect("sent");
    client.shutdown().await.expect("closed for writing");
    let mut asked = Vec::new();
    timeout(PATIENCE, server.read_to_end(&mut asked)).await.expect("in time").expect("an end");
    assert_eq!(asked, b"ask");
    server.write_all(b"answer").await.expect("sent");
    drop(server);
    let mut answer = Vec::new();
    timeout(PATIENCE, client.read_to_end(&mut answer)).await.expect("in time").expect("an end");
    assert_eq!(answer, b"answer");
}

#[tokio::test]
async fn a_reset_reaches_the_other_side() {
    let (rig, upstream) = manual_rig().await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    client.write_all(b"alive").await.expect("sent");
    read_exact(&mut server, &mut [0; 5]).await;
    crate::proxy::reset_on_drop(&server).expect("the option is taken");
    drop(server);
    assert!(is_reset(&next_read(&mut client).await));
}

#[tokio::test]
async fn an_upstream_that_refuses_ends_the_connection() {
    let (rig, upstream) = manual_rig().await;
    drop(upstream);
    assert_eq!(next_read(&mut rig.dial().await).await.expect("a FIN, not a reset"), 0);
}

#[tokio::test]
async fn disabling_refuses_and_closes_and_enabling_serves_at_the_same_address() {
    let rig = echo_rig().await;
    let mut live = rig.dial().await;
    round_trip(&mut live, b"alive").await;
    rig.client.set_enabled("p", false).await.expect("disabled");
    let refused = TcpStream::connect(rig.listen).await.expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(next_read(&mut live).await.expect("closed, not reset"), 0);
    let enabled = rig.client.set_enabled("p", true).await.expect("enabled");
    assert_eq!(enabled.listen, rig.listen.to_string());
    round_trip(&mut rig.dial().await, b"again").await;
}

/// Upstream's API hangs here: its accept loop dials inline and stopping waits for it.
#[tokio::test]
async fn disabling_answers_while_the_upstream_does_not_accept() {
    let rig = echo_rig().await;
    // 192.0.2.0/24 is for documentation: packets to it get no answer, or an error at once.
    let update = ProxyUpdate { upstream: Some("192.0.2.1:9".into()), ..Default::default() };
    rig.client.update("p", &update).await.expect("updated");
    let _dialling = rig.dial().await;
    sleep(DELAY).await;
    let began = clock::now();
    rig.client.set_enabled("p", false).await.expect("disabled");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn another_upstream_restarts_and_the_same_one_does_not() {
    let rig = echo_rig().await;
    let mut live = rig.dial().await;
    round_trip(&mut live, b"alive").await;
    let port = rig.listen.port();
    let same = ProxyUpdate {
        listen: Some(format!("localhost:{port}")),
        upstream: Some(rig.upstream.to_string()),
        enabled: Some(true),
        ..ProxyUpdate::default()
    };
    rig.client.update("p", &same).await.expect("updated");
    round_trip(&mut live, b"still").await;
    let other = ProxyUpdate { upstream: Some("127.0.0.1:1".into()), ..Default::default() };
    rig.client.update("p", &other).await.expect("updated");
    assert_eq!(next_read(&mut live).await.expect("closed, not reset"), 0);
}

/// A client of a dead node is to see what it would see without the proxy.
#[tokio::test]
async fn a_proxy_that_refuses_as_its_upstream_does() {
    let (rig, upstream) = manual_rig().await;
    let update = ProxyUpdate { refuse: Some(true), ..ProxyUpdate::default() };
    assert!(rig.client.update("p", &update).await.expect("updated").refuse);
    drop(upstream);
    assert!(is_reset(&next_read(&mut rig.dial().await).await));
    while TcpStream::connect(rig.listen).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let refused = TcpStream::connect(rig.listen).await.expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let upstream = TcpListener::bind(rig.upstream).await.expect("the address is free again");
    let back = async {
        loop {
            if let Ok(client) = TcpStream::connect(rig.listen).await {
                break client;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let mut client = timeout(PATIENCE, back).await.expect("the proxy listens again");
    client.write_all(b"back").await.expect("sent");
    loop {
        // The first connections are the proxy's own tries.
        let (mut server, _) = upstream.accept().await.expect("the proxy dials");
        let mut word = [0; 4];
        if server.read_exact(&mut word).await.is_ok() {
            assert_eq!(&word, b"back");
            break;
        }
    }
}

#[tokio::test]
async fn a_slow_accept_delays_new_connections_and_not_those_that_live() {
    let rig = echo_rig().await;
    let mut live = rig.dial().await;
    round_trip(&mut live, b"alive").await;
    let delay = Some(DELAY.as_millis() as u64);
    let update = ProxyUpdate { accept_delay_ms: delay, ..ProxyUpdate::default() };
    rig.client.update("p", &update).await.expect("updated");
    assert_about(round_trip(&mut rig.dial().await, b"slow").await, DELAY);
    assert!(round_trip(&mut live, b"quick").await < DELAY);
    let wrong = ProxyUpdate { accept_delay_ms: Some(u64::MAX), ..ProxyUpdate::default() };
    assert_eq!(rig.client.update("p", &wrong).await.expect_err("too long").status(), Some(400));
}

/// The reset is often there before the proxy has seen that it was accepted.
#[tokio::test]
async fn an_upstream_that_resets_at_once_resets_the_client() {
    const ROUNDS: usize = 200;
    let (rig, upstream) = manual_rig().await;
    let upstream = upstream.into_std().expect("a listener");
    upstream.set_nonblocking(false).expect("the option is taken");
    let resets = std::thread::spawn(move || {
        for _ in 0..ROUNDS {
            let (socket, _) = upstream.accept().expect("the proxy dials");
            let linger = Some(Duration::ZERO);
            socket2::SockRef::from(&socket).set_linger(linger).expect("the option is taken");
        }
    });
    for round in 0..ROUNDS {
        let read = next_read(&mut rig.dial().await).await;
        assert!(is_reset(&read), "{read:?} in round {round}");
    }
    resets.join().expect("every connection was reset");
}

#[tokio::test]
async fn a_proxy_that_refuses_can_be_told_not_to() {
    let (rig, upstream) = manual_rig().await;
    drop(upstream);
    let refuse = |refuse| ProxyUpdate { refuse: Some(refuse), ..ProxyUpdate::default() };
    rig.client.update("p", &refuse(true)).await.expect("updated");
    assert!(is_reset(&next_read(&mut rig.dial().await).await));
    let refused = async { while TcpStream::connect(rig.listen).await.is_ok() {} };
    timeout(PATIENCE, refused).await.expect("as the upstream");
    rig.client.update("p", &refuse(false)).await.expect("updated");
    let accepted = async {
        loop {
            if let Ok(socket) = TcpStream::connect(rig.listen).await {
                break socket;
            }
        }
    };
    let mut socket = timeout(PATIENCE, accepted).await.expect("it listens again");
    assert_eq!(next_read(&mut socket).await.expect("a FIN, not a reset"), 0);
}
