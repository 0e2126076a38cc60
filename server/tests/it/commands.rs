//! What a request costs Redis: the table that says it, checked against `INFO commandstats`.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;

use crate::redis::Node;
use crate::server::{Server, header};

/// Request, body, and the commands that it sends; a script is one command and one round trip.
const TABLE: &[(&str, &str, &str, &[&str])] = &[
    ("POST", "/api/session/login", r#"{"userId":"ada"}"#, &["evalsha"]),
    ("GET", "/api/session", "{}", &["evalsha"]),
    ("PUT", "/api/session/data", r#"{"key":"k","value":1}"#, &["evalsha"]),
    ("GET", "/api/limited", "{}", &["evalsha"]),
    ("GET", "/api/limited/llm", "{}", &["evalsha"]),
    ("GET", "/api/presence", "{}", &["evalsha"]),
    ("GET", "/api/presence/ada", "{}", &["evalsha"]),
    ("GET", "/api/jobs/llm-processing/none", "{}", &["hgetall"]),
    ("GET", "/api/queues/stats", "{}", &["evalsha", "evalsha"]),
    ("GET", "/health", "{}", &["ping", "ping", "ping"]),
    ("POST", "/api/session/logout", "{}", &["unlink"]),
    ("POST", "/api/llm/generate", r#"{"prompt":"new"}"#, &["get", "set"]),
    ("POST", "/api/llm/generate", r#"{"prompt":"new"}"#, &["get"]),
];

/// Commands that come from the network: those inside scripts are counted as the scripts'.
fn counts(node: &Node) -> BTreeMap<String, u64> {
    let info = node.ask("INFO commandstats").expect("the node answers");
    let line = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    };
    info.lines().filter_map(line).collect()
}

/// Background work of an instance would be counted too: it is slowed down beyond the test's time.
const QUIET: &[&str] = &[
    "--cache-api-responses",
    "false",
    "--redis-metrics-interval-ms",
    "3600000",
    "--queue-llm-concurrency",
    "0",
    "--queue-email-concurrency",
    "0",
    "--redis-command-timeout",
    "60000",
];

#[tokio::test]
async fn each_request_costs_the_commands_of_the_table() {
    let node = Node::start();
    let server = Server::on(&node, QUIET).await;
    let mut cookie = String::new();
    // Each script is loaded by its first call; the table is about the calls after it.
    for round in ["loads the scripts", "counts"] {
        for (method, path, body, expected) in TABLE {
            let before = counts(&node);
            let body: Value = serde_json::from_str(body).expect("the table's bodies are JSON");
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let request = server.request(method, path).header("cookie", &cookie).json(&body);
            let answer = request.send().await.expect("an answer");
            if *path == "/api/session/login" {
                cookie = header(&answer, "set-cookie").to_owned();
            }
            let after = counts(&node);
            let mut sent = Vec::new();
            for name in ["get", "set", "evalsha", "eval", "hgetall", "unlink", "ping"] {
                let calls = |counts: &BTreeMap<String, u64>| counts.get(name).copied().unwrap_or(0);
                for _ in calls(&before)..calls(&after) {
                    sent.push(name);
                }
            }
            sent.retain(|name| expected.contains(name) || *name == "eval");
            if round == "counts" {
                assert_eq!(sent, *expected, "{path}");
            }
        }
        server.request(Method::DELETE, "/api/cache").send().await.expect("an answer");
        // Adds up what the cache has counted now, so that it is not done in the next round.
        server.read("/api/cache/stats").await;
    }
}
