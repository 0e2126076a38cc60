//! Calls at the same time: each does all or nothing of what it says.

use super::*;
use crate::client::ProxyUpdate;

/// Nothing may go on listening that no call can reach.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_proxy_stays_deleted_whatever_starts_it_meanwhile() {
    let rig = echo_rig().await;
    for round in 0..40 {
        let start = ProxyUpdate {
            enabled: Some(true),
            upstream: Some(format!("127.0.0.1:{}", 1 + round)),
            ..ProxyUpdate::default()
        };
        let (_, _, deleted, _, _) = tokio::join!(
            rig.client.update("p", &start),
            rig.client.reset(),
            rig.client.delete("p"),
            rig.client.update("p", &start),
            rig.client.reset(),
        );
        deleted.expect("deleted");
        let refused = TcpStream::connect(rig.listen).await.expect_err("nobody listens");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused, "round {round}");
        let again = NewProxy::new("p", &rig.listen, &rig.upstream);
        rig.client.create(&again).await.expect("created");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_at_the_same_time_do_not_undo_each_other() {
    let rig = echo_rig().await;
    for round in 1..40_u16 {
        let upstream = format!("127.0.0.1:{round}");
        let leads = ProxyUpdate { upstream: Some(upstream.clone()), ..ProxyUpdate::default() };
        let refuses = ProxyUpdate { refuse: Some(round % 2 == 1), ..ProxyUpdate::default() };
        let (led, refusing, switched) = tokio::join!(
            rig.client.update("p", &leads),
            rig.client.update("p", &refuses),
            rig.client.set_enabled("p", round % 2 == 0),
        );
        led.and(refusing).and(switched).expect("updated");
        let proxy = rig.client.proxy("p").await.expect("told");
        let now = (proxy.upstream, proxy.refuse, proxy.enabled);
        assert_eq!(now, (upstream, round % 2 == 1, round % 2 == 0), "round {round}");
    }
}
