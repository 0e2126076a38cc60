//! Each check of the doctor against a real node that is set up wrongly in just that respect.

use std::time::Duration;

use redrill_server::{Depth, Diagnosis, State, examine};

use crate::redis::Node;
use crate::server::settings;

/// What the doctor says of the node as main and sessions, and another one as cache.
async fn examined(node: &Node, cache: &Node, flags: &[&str]) -> Vec<Diagnosis> {
    let (port, cache) = (node.port.to_string(), cache.port.to_string());
    let place = [
        "--redis-host",
        "127.0.0.1",
        "--redis-port",
        &port,
        "--redis-cache-host",
        "127.0.0.1",
        "--redis-cache-port",
        &cache,
    ];
    let settings = settings(&[&place[..], flags].concat()).expect("the settings are right");
    let depth = Depth { pings: 20, keys: 10_000, scan: Duration::from_secs(5) };
    examine(&settings, depth).await
}

/// The checks that found something ill at the node.
fn ill(found: &[Diagnosis], node: &Node) -> Vec<&'static str> {
    let address = format!("127.0.0.1:{}", node.port);
    let ill = found.iter().filter(|it| it.state == State::Ill && it.node == address);
    // A machine that is busy with other things is slow in truth.
    ill.map(|it| it.check).filter(|check| *check != "latency").collect()
}

fn healthy() -> Node {
    let node = Node::start();
    node.ask("CONFIG SET appendonly yes").expect("the node answers");
    // What a busy machine made slow is not this test's.
    node.ask("SLOWLOG RESET").expect("the node answers");
    node
}

#[tokio::test]
async fn a_node_as_it_should_be_is_well() {
    let (node, cache) = (healthy(), Node::start());
    let found = examined(&node, &cache, &[]).await;
    assert_eq!(ill(&found, &node), [""; 0], "{found:#?}");
    assert_eq!(ill(&found, &cache), [""; 0], "{found:#?}");
    assert_eq!(found.len(), 18, "nine checks of two nodes");
    assert_eq!(found[0].roles, ["main", "sessions"]);
    assert!(found.iter().all(|it| it.state != State::Unknown), "{found:#?}");
}

#[tokio::test]
async fn each_planted_mistake_is_found_by_its_check_alone() {
    let (node, cache) = (healthy(), Node::start());
    let ask = |command: &str| node.ask(command).unwrap_or_else(|| panic!("{command}"));
    let mistakes = [
        ("eviction", "maxmemory-policy", "allkeys-lru", "noeviction"),
        ("persistence", "appendonly", "no", "yes"),
        ("slow log", "slowlog-log-slower-than", "-1", "10000"),
        ("memory", "maxmemory", "1mb", "0"),
        ("clients", "maxclients", "10", "10000"),
    ];
    let set = |name: &str, value: &str| ask(&format!("CONFIG SET {name} {value}"));
    for (check, name, wrong, right) in mistakes {
        set(name, wrong);
        let mut held = Vec::new();
        if check == "clients" {
            held.extend((0..8).map(|_| std::net::TcpStream::connect(("127.0.0.1", node.port))));
        }
        let found = examined(&node, &cache, &[]).await;
        assert_eq!(ill(&found, &node), [check], "{name} {wrong}: {found:#?}");
        let mut advised = found.iter().filter(|it| it.state == State::Ill);
        assert!(advised.all(|it| it.advice.is_some()));
        drop(held);
        set(name, right);
    }
}

#[tokio::test]
async fn slow_commands_and_large_keys_are_named() {
    let (node, cache) = (healthy(), Node::start());
    let slow = r#"EVAL "local n = 0 while n < 2e7 do n = n + 1 end" 0"#;
    node.ask(slow).expect("the node answers");
    node.ask("SETRANGE prompt-card:large 2000000 x").expect("the node answers");
    let found = examined(&node, &cache, &[]).await;
    assert_eq!(ill(&found, &node), ["slow log", "big keys"], "{found:#?}");
    let says = |check| &found.iter().find(|it| it.check == check).expect("the check").found;
    assert!(says("slow log").contains("EVAL"), "{}", says("slow log"));
    assert!(says("big keys").contains("prompt-card:large"), "{}", says("big keys"));
}

#[tokio::test]
async fn replicas_that_are_missing_and_masters_that_are_none_are_found() {
    let (node, cache) = (healthy(), Node::start());
    let found = examined(&node, &cache, &["--queue-durability", "replicas:1"]).await;
    assert_eq!(ill(&found, &node), ["replication"]);
    node.ask(&format!("REPLICAOF 127.0.0.1 {}", cache.port)).expect("the node answers");
    let found = examined(&node, &cache, &[]).await;
    assert!(ill(&found, &node).contains(&"replication"), "{found:#?}");
}

#[tokio::test]
async fn a_node_that_is_away_is_found_and_the_other_one_examined() {
    let (mut node, cache) = (healthy(), Node::start());
    node.kill();
    let found = examined(&node, &cache, &["--redis-connection-timeout", "500"]).await;
    assert_eq!(ill(&found, &node), ["connectivity"]);
    assert_eq!(found.len(), 10);
    let frozen = healthy();
    frozen.signal("STOP");
    let flags = ["--redis-connection-timeout", "200", "--redis-command-timeout", "200"];
    let found = examined(&frozen, &cache, &flags).await;
    assert_eq!(ill(&found, &frozen), ["connectivity"]);
}
