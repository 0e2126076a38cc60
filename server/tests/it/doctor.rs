//! Each check of the doctor against a real node that is set up wrongly in just that respect.

use std::time::Duration;

use redrill_server::{Depth, Diagnosis, State, examine};

use crate::cluster::Cluster;
use crate::redis::{Node, free_port};
use crate::server::settings;
use crate::topology::{Place, on_each_topology};

on_each_topology! {
    every_master_that_the_settings_lead_to_is_examined,
}

/// Keys that nobody walks through in the time that a database has in these tests.
const MANY: u32 = 300_000;

fn depth() -> Depth {
    Depth { pings: 20, keys: 10_000, scan: Duration::from_secs(5) }
}

/// What the doctor says with these settings alone.
async fn found_with(flags: &[&str]) -> Vec<Diagnosis> {
    examine(&settings(flags).expect("the settings are right"), depth()).await
}

/// How a check found each of its nodes.
fn states(found: &[Diagnosis], check: &str) -> Vec<State> {
    found.iter().filter(|it| it.check == check).map(|it| it.state).collect()
}

async fn every_master_that_the_settings_lead_to_is_examined(place: Place) {
    let flags = place.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let found = found_with(&flags).await;
    let masters = place.masters().len();
    for check in ["connectivity", "replication"] {
        assert_eq!(states(&found, check), vec![State::Well; masters], "{found:#?}");
    }
    let nodes = found.iter().filter(|it| !["sentinel", "cluster"].contains(&it.check));
    assert!(nodes.clone().all(|it| it.roles == ["main", "cache", "sessions"]), "{found:#?}");
    assert_eq!(nodes.count(), 9 * masters, "nine checks of each");
    // Whoever names nodes is asked for each of the three roles.
    let (sentinels, clusters) = match flags[0] {
        "--redis-sentinels" => (9, 0),
        "--redis-cluster-nodes" => (0, 3),
        _ => (0, 0),
    };
    assert_eq!(states(&found, "sentinel"), vec![State::Well; sentinels], "{found:#?}");
    assert_eq!(states(&found, "cluster"), vec![State::Well; clusters], "{found:#?}");
}

#[tokio::test]
async fn sentinels_that_could_promote_nobody_or_know_nobody_or_are_away_are_found() {
    let node = Node::start();
    let monitor = format!("sentinel monitor mymaster 127.0.0.1 {} 2", node.port);
    let alone = Node::guarded(None, &monitor, &["--sentinel"]);
    let address = format!("127.0.0.1:{}", alone.port);
    let found = found_with(&["--redis-sentinels", &address]).await;
    assert_eq!(states(&found, "sentinel"), [State::Ill; 3]);
    assert!(found[0].found.contains("NOQUORUM"), "{found:#?}");
    assert_eq!(states(&found, "connectivity"), [State::Well], "it names the master all the same");

    let unknown = ["--redis-sentinels", &address, "--redis-sentinel-master", "another"];
    let found = found_with(&unknown).await;
    assert_eq!((found.len(), states(&found, "sentinel")), (3, vec![State::Ill; 3]));

    let nobody = format!("127.0.0.1:{}", free_port());
    let found = found_with(&["--redis-sentinels", &nobody]).await;
    assert_eq!((found.len(), states(&found, "sentinel")), (3, vec![State::Ill; 3]));
}

#[tokio::test]
async fn a_cluster_whose_slots_are_not_all_served_is_found() {
    let node = Node::with("cluster-enabled yes");
    let (nobody, address) =
        (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", node.port));
    // A node that is away is told, and the next one asked.
    let found = found_with(&["--redis-cluster-nodes", &format!("{nobody},{address}")]).await;
    assert_eq!((found.len(), states(&found, "cluster")), (6, vec![State::Ill; 6]), "{found:#?}");
    let of = |address: &str| found.iter().find(|it| it.node == address).expect("it was asked");
    assert!(of(&nobody).found.contains("cannot be asked"), "{found:#?}");
    assert!(of(&address).found.contains("fail"), "{found:#?}");
}

#[tokio::test]
async fn masters_that_do_not_tell_their_host_are_where_they_were_asked() {
    let cluster = Cluster::start(0, 10_000);
    let addresses = cluster.addresses();
    for kind in ["unknown-endpoint", "hostname", "ip"] {
        for node in &cluster.nodes {
            let set = node.ask(&format!("CONFIG SET cluster-preferred-endpoint-type {kind}"));
            assert_eq!(set.as_deref(), Some("+OK\r\n"), "{kind}");
        }
        let found = found_with(&["--redis-cluster-nodes", &addresses]).await;
        assert_eq!(states(&found, "connectivity"), [State::Well; 3], "{kind}: {found:#?}");
        let examined =
            |node: &Node| found.iter().any(|it| it.node == format!("127.0.0.1:{}", node.port));
        assert!(cluster.nodes.iter().all(examined), "{kind}: {found:#?}");
    }
}

#[tokio::test]
async fn a_node_with_more_keys_than_can_be_walked_through_is_not_silent() {
    let node = Node::with("enable-debug-command yes\nappendonly yes");
    for database in 0..3 {
        let url = format!("redis://127.0.0.1:{}/{database}", node.port);
        let client = redis::Client::open(url).expect("a good URL");
        let connection = client.get_multiplexed_async_connection().await;
        let mut connection = connection.expect("the node answers");
        for part in 0..10 {
            let mut populate = redis::cmd("DEBUG");
            populate.arg("POPULATE").arg(MANY / 10).arg(format!("part{part}"));
            populate.query_async::<()>(&mut connection).await.expect("keys are made");
        }
    }
    // What a busy machine made slow is not this test's.
    node.ask("SLOWLOG RESET").expect("the node answers");
    let port = node.port.to_string();
    let flags = ["--redis-host", "127.0.0.1", "--redis-port", &port];
    let short = ["--redis-connection-timeout", "300", "--redis-command-timeout", "300"];
    // Longer in all than the longest that one answer may take.
    let depth = Depth { pings: 20, keys: 10_000_000, scan: Duration::from_millis(700) };
    let settings = settings(&[&flags[..], &short].concat()).expect("the settings are right");
    let found = examine(&settings, depth).await;
    assert_eq!(ill(&found, &node), [""; 0], "{found:#?}");
    let keys = found.iter().find(|it| it.check == "big keys").expect("the check");
    assert_eq!(keys.state, State::Well, "{keys:?}");
}

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
    found_with(&[&place[..], flags].concat()).await
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
