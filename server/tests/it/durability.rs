//! A job is acknowledged when as many replicas have it as were asked for, also of one node without
//! Sentinels.

use serde_json::json;

use crate::redis::{Node, wait_for};
use crate::server::{Server, header};

async fn submit(server: &Server) -> (u16, String) {
    let job =
        json!({ "queue": "email-notifications", "name": "send-email", "data": { "to": "a" } });
    let answer = server.post("/api/jobs", job).await;
    (answer.status().as_u16(), header(&answer, "x-outcome").to_owned())
}

#[tokio::test]
async fn a_node_without_the_replicas_that_were_asked_for_acknowledges_nothing() {
    let node = Node::with("repl-diskless-sync-delay 0");
    let replica = format!("replicaof 127.0.0.1 {}", node.port);
    let one = Node::with(&replica);
    wait_for("the replica", || {
        node.ask("INFO replication").unwrap_or_default().contains("state=online")
    });
    // It is online before it has loaded what it was sent, and may be slow on a busy machine.
    node.ask("SET begun 1").expect("the node answers");
    wait_for("what it is sent", || one.ask("GET begun").is_some_and(|value| value == "1"));
    let flags = |count| ["--redis-command-timeout", "3000", "--queue-durability", count];
    let server = Server::on(&node, &flags("replicas:1")).await;
    for _ in 0..20 {
        assert_eq!(submit(&server).await, (202, String::new()));
        let there = one.ask("ZCARD prompt-card:queue:{email-notifications}:waiting");
        assert!(there.is_some(), "the replica answers");
    }
    let asks_for_more = Server::on(&node, &flags("replicas:2")).await;
    assert_eq!(submit(&asks_for_more).await, (503, "unknown".to_owned()));
    drop(one);
    assert_eq!(submit(&server).await, (503, "unknown".to_owned()));
}
