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
