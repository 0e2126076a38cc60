//! Bugs that Toxiproxy's changelog and issues tell of and that are tested nowhere else.

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

/// Upstream's `Differs` compares resolved addresses; a failed restart leaves a proxy that can be
/// enabled again elsewhere.
#[tokio::test]
async fn a_restart_at_an_address_in_use_is_refused_and_can_be_repaired() {
    let rig = echo_rig().await;
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    let update = ProxyUpdate { listen: Some(address), ..ProxyUpdate::default() };
    let refused = rig.client.update("p", &update).await.expect_err("the port is taken");
    assert_eq!(refused.status(), Some(500));
    assert!(!rig.client.proxy("p").await.expect("told").enabled);
    let listen = Some(rig.listen.to_string());
    let repair = ProxyUpdate { listen, enabled: Some(true), ..ProxyUpdate::default() };
    rig.client.update("p", &repair).await.expect("updated");
    round_trip(&mut rig.dial().await, b"alive").await;
}
