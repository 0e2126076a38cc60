//! Where connections come from.

use crate::redis::Node;
use crate::server::Server;

#[tokio::test]
async fn every_connection_is_bound_to_the_source_address() {
    let node = Node::start();
    let _server = Server::on(&node, &["--redis-source-address", "127.0.0.77"]).await;
    crate::server::eventually("both subscriptions are there", || async {
        let list = node.ask("CLIENT LIST TYPE pubsub").unwrap_or_default();
        list.lines().count() == 2
    })
    .await;
    let list = node.ask("CLIENT LIST").expect("the node answers");
    let others: Vec<&str> = list.lines().filter(|line| !line.contains("cmd=client|list")).collect();
    assert!(others.len() >= 5, "three roles and two subscriptions: {list}");
    assert!(others.iter().all(|line| line.contains(" addr=127.0.0.77:")), "{list}");
}
