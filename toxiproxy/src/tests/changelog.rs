//! Bugs that Toxiproxy's changelog and issues tell of and that are tested nowhere else. Beside what
//! they are about are tested: in `toxics.rs` #47 and #67 (delays add up, or limit throughput), #94,
//! #89 and #159 (the API waits for a timeout toxic), #603 (resets); in the slicer's file #71 and
//! #359; in `links.rs` #631 (a host name as the address restarts the proxy).

use super::*;
use crate::client::{ProxyUpdate, Stream};

/// #46 and the panics of 2.12.0: connections end while toxics come and go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_end_while_toxics_come_and_go() {
    let rig = echo_rig().await;
    let ends = async {
        for _ in 0..150 {
            let mut socket = rig.dial().await;
            socket.write_all(b"hello").await.expect("sent");
        }
    };
    let changes = async {
        for number in 0..100 {
            let kind = ["latency", "limit_data", "bandwidth", "reset_peer"][number % 4];
            rig.add(NewToxic::new(kind).named("t").on(Stream::Upstream)).await;
            rig.client.remove_toxic("p", "t").await.expect("removed");
        }
    };
    tokio::join!(ends, changes);
    round_trip(&mut rig.dial().await, b"alive").await;
}

/// #69: a refused name must not keep the port.
#[tokio::test]
async fn a_name_that_is_taken_leaks_no_port() {
    let rig = echo_rig().await;
    let listen = lasting_listener().await.local_addr().expect("its address");
    let taken = rig.client.create(&NewProxy::new("p", &listen, &rig.upstream)).await;
    assert_eq!(taken.expect_err("the name is taken").status(), Some(409));
    let created = rig.client.create(&NewProxy::new("q", &listen, &rig.upstream)).await;
    assert_eq!(created.expect("the port is free").listen, listen.to_string());
}

/// #148: a connection that is opened around the addition of a toxic must not escape it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_escapes_a_toxic_that_is_being_added() {
    let rig = echo_rig().await;
    for _ in 0..20 {
        let toxic = NewToxic::timeout(Duration::ZERO);
        let (mut early, ()) = tokio::join!(rig.dial(), rig.add(toxic));
        let mut late = rig.dial().await;
        for socket in [&mut early, &mut late] {
            socket.write_all(b"lost").await.expect("sent");
        }
        let escaped = timeout(Duration::from_millis(20), early.read(&mut [0; 4])).await;
        assert!(escaped.is_err(), "the early connection escaped");
        let escaped = timeout(Duration::from_millis(20), late.read(&mut [0; 4])).await;
        assert!(escaped.is_err(), "the late connection escaped");
        rig.client.remove_toxic("p", "timeout_downstream").await.expect("removed");
    }
}

/// #232: what a slow way out holds is bounded, and the sender is held back.
#[tokio::test]
async fn a_stalled_toxic_holds_little_and_stops_the_sender() {
    let rig = echo_rig().await;
    rig.add(NewToxic::new("bandwidth").on(Stream::Upstream)).await;
    let mut socket = rig.dial().await;
    let chunk = vec![0; 1 << 20];
    while let Ok(Ok(_)) = timeout(DELAY, socket.write(&chunk)).await {}
    let taken = rig.client.traffic("p").await.expect("told").upstream.received_bytes;
    assert!(taken <= 128 * 1024, "the proxy took {taken} bytes that it could not pass on");
}

/// Upstream stops the proxy first, and leaves it stopped.
#[tokio::test]
async fn a_restart_at_an_address_in_use_is_refused_and_changes_nothing() {
    let rig = echo_rig().await;
    let mut live = rig.dial().await;
    round_trip(&mut live, b"alive").await;
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let before = rig.client.proxy("p").await.expect("told");
    for listen in [taken.local_addr().expect("its address").to_string(), "host.invalid:1".into()] {
        let update = ProxyUpdate { listen: Some(listen), ..ProxyUpdate::default() };
        let refused = rig.client.update("p", &update).await.expect_err("no address for it");
        assert_eq!(refused.status(), Some(500));
        assert_eq!(rig.client.proxy("p").await.expect("told"), before);
    }
    round_trip(&mut live, b"still alive").await;
    let address = lasting_listener().await.local_addr().expect("its address");
    let update = ProxyUpdate { listen: Some(address.to_string()), ..ProxyUpdate::default() };
    assert_eq!(rig.client.update("p", &update).await.expect("free").listen, address.to_string());
    let mut moved = TcpStream::connect(address).await.expect("accepted");
    round_trip(&mut moved, b"alive").await;
}

/// As upstream: a proxy may be there before its upstream's name is.
#[tokio::test]
async fn an_upstream_that_does_not_resolve_ends_connections_and_no_more() {
    let rig = echo_rig().await;
    let nowhere = ProxyUpdate { upstream: Some("host.invalid:1".into()), ..Default::default() };
    assert!(rig.client.update("p", &nowhere).await.expect("updated").enabled);
    assert_eq!(next_read(&mut rig.dial().await).await.expect("closed, not reset"), 0);
    let back = ProxyUpdate { upstream: Some(rig.upstream.to_string()), ..Default::default() };
    rig.client.update("p", &back).await.expect("updated");
    round_trip(&mut rig.dial().await, b"alive").await;
}
