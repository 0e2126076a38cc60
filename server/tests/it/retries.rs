//! A command whose answer was lost is sent again as often as the setting says.

use serde_json::json;

use crate::redis::Node;
use crate::server::{Server, eventually, header};

/// Nothing but the requests reaches Redis, and no time-out comes before what is tested.
const QUIET: &[&str] = &[
    "--queue-llm-concurrency",
    "0",
    "--queue-email-concurrency",
    "0",
    "--redis-enable-metrics",
    "false",
    "--redis-command-timeout",
    "60000",
];

/// A command that waits at the node, which takes none that writes until it is told to go on.
async fn one_waits(node: &Node) {
    eventually("a command waits", || async {
        let info = node.ask("INFO clients").unwrap_or_default();
        info.contains("blocked_clients:1\r")
    })
    .await;
}

/// Begins a login, ends `kills` connections while its command waits, and lets what is left go on.
async fn login(retries: &str, kills: u32) -> (u16, String) {
    let node = Node::start();
    let flags = [QUIET, &["--redis-max-retries", retries]].concat();
    let server = Server::on(&node, &flags).await;
    assert_eq!(server.post("/api/session/login", json!({ "userId": "a" })).await.status(), 200);
    node.ask("CLIENT PAUSE 600000 WRITE").expect("the node answers");
    let login = server.post("/api/session/login", json!({ "userId": "ada" }));
    let faults = async {
        for _ in 0..kills {
            one_waits(&node).await;
            node.ask("CLIENT KILL TYPE normal").expect("the node answers");
        }
        node.ask("CLIENT UNPAUSE").expect("the node answers");
    };
    let (answer, ()) = tokio::join!(login, faults);
    (answer.status().as_u16(), header(&answer, "x-outcome").to_owned())
}

#[tokio::test]
async fn a_login_is_sent_again_three_times_and_not_a_fourth() {
    assert_eq!(login("3", 3).await, (200, String::new()));
    assert_eq!(login("3", 4).await, (503, "unknown".to_owned()));
}

#[tokio::test]
async fn without_retries_the_first_loss_is_told() {
    assert_eq!(login("0", 1).await, (503, "unknown".to_owned()));
}
