//! What a request costs Redis: the table that says it, checked against `INFO commandstats`.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;

use crate::cases::{Operation, operations};
use crate::cluster::Cluster;
use crate::presence::Socket;
use crate::redis::{Group, Node};
use crate::server::{Redis, Server, eventually, header};

/// What one request costs.
struct Row {
    method: &'static str,
    path: &'static str,
    body: &'static str,
    /// Commands that the service sends, each a round trip; with a star to each node that has keys.
    sent: &'static str,
    /// Commands that its scripts call within Redis.
    within: &'static str,
}

const fn row(
    method: &'static str,
    path: &'static str,
    body: &'static str,
    sent: &'static str,
    within: &'static str,
) -> Row {
    Row { method, path, body, sent, within }
}

const JOB: &str = r#"{"queue":"llm-processing","name":"generate-response","data":{"prompt":"a"}}"#;

/// Of each of two queues: who waits, runs, is completed, failed or delayed.
const QUEUES: &str = "zcard zcard llen llen zcard zcard zcard llen llen zcard";
/// The first socket of a user: kept, shown, and told to everybody.
const ONLINE: &str = "time zadd zremrangebyscore zrange zadd pexpireat hexists hget hset publish \
                      zrange";

/// In this order: what one row stores is there for the next. In a cluster keys of different slots
/// are deleted one by one: responses that are cleared, and the session that a login ends.
const TABLE: &[Row] = &[
    row("POST", "/api/session/login", r#"{"userId":"ada"}"#, "evalsha", "hset pexpire"),
    row("GET", "/api/session", "", "evalsha", "pexpire hgetall"),
    row("PUT", "/api/session/data", r#"{"key":"k","value":1}"#, "evalsha", "hgetall hset pexpire"),
    row("POST", "/api/session/logout", "", "unlink", ""),
    row("GET", "/api/session", "", "", ""),
    row("GET", "/api/limited", "", "evalsha", "time get set"),
    row("GET", "/api/limited/llm", "", "evalsha", "time get set"),
    row("GET", "/api/limited/burst", "", "evalsha", "time get set"),
    row("POST", "/api/jobs", JOB, "evalsha", "exists hset zcard hget hset zadd"),
    row("GET", "/api/jobs/llm-processing/none", "", "hgetall", ""),
    row("GET", "/api/queues/stats", "", "evalsha evalsha", QUEUES),
    row("WS", "/ws", "", "evalsha", ONLINE),
    row("GET", "/api/presence", "", "evalsha", "time zrangebyscore hget"),
    row("GET", "/api/presence/ada", "", "evalsha", "time zcount"),
    row("POST", "/api/cache/warm", r#"{"prompts":["new"],"models":["m"]}"#, "get set", ""),
    row("POST", "/api/cache/warm", r#"{"prompts":["new"],"models":["m"]}"#, "get", ""),
    row("DELETE", "/api/cache", "", "scan* unlink", ""),
    row("POST", "/api/llm/generate", r#"{"prompt":"new"}"#, "get set", ""),
    row("POST", "/api/llm/generate", r#"{"prompt":"new"}"#, "get", ""),
    row("GET", "/api/cache/stats", "", "hmget info* scan*", ""),
    row("DELETE", "/api/cache", "", "scan* unlink", ""),
    row("GET", "/health", "", "ping* ping* ping*", ""),
    row("GET", "/ready", "", "", ""),
    row("GET", "/metrics", "", "", ""),
    row("GET", "/openapi.json", "", "", ""),
];

type Counts = BTreeMap<String, u64>;

impl Row {
    /// Is this what one of its requests is of?
    fn is_of(&self, operation: &Operation<'_>) -> bool {
        let method = if self.method == "WS" { "get" } else { self.method };
        let mut parts = self.path.split('/');
        let agree = operation
            .path
            .split('/')
            .all(|known| parts.next().is_some_and(|part| known.starts_with('{') || known == part));
        method.eq_ignore_ascii_case(operation.method) && agree && parts.next().is_none()
    }

    /// The commands with their numbers, where so many nodes have keys.
    fn expected(&self, nodes: u64) -> Counts {
        let mut counts = Counts::new();
        for word in self.sent.split_whitespace().chain(self.within.split_whitespace()) {
            let (name, times) = match word.strip_suffix('*') {
                Some(name) => (name, nodes),
                None => (word, 1),
            };
            *counts.entry(name.to_owned()).or_default() += times;
        }
        counts
    }
}

/// What connections, replicas and other nodes cost without any request.
fn is_upkeep(name: &str) -> bool {
    let name = name.split('|').next().unwrap_or_default();
    ["role", "replconf", "cluster", "client", "psync", "hello", "select"].contains(&name)
}

/// How often each command was called, by anybody, scripts included.
fn counts(masters: &[Node]) -> Counts {
    let mut counts = Counts::new();
    for node in masters {
        let info = node.ask("INFO commandstats").expect("the node answers");
        let line = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), rest.split(',').next()?.parse::<u64>().ok()?))
        };
        for (name, calls) in info.lines().filter_map(line).filter(|(name, _)| !is_upkeep(name)) {
            *counts.entry(name).or_default() += calls;
        }
    }
    counts
}

/// What was called between two countings, of which the first was a call itself.
fn between(before: &Counts, after: &Counts, masters: &[Node]) -> Counts {
    let own = |name: &str| if name == "info" { masters.len() as u64 } else { 0 };
    let calls = |(name, calls): (&String, &u64)| {
        let more = calls - before.get(name).copied().unwrap_or(0) - own(name);
        (more > 0).then(|| (name.clone(), more))
    };
    after.iter().filter_map(calls).collect()
}

/// Background work of an instance would be counted too: it is put off beyond the test's time.
const QUIET: &[&str] = &[
    "--cache-api-responses",
    "false",
    "--redis-metrics-interval-ms",
    "3600000",
    "--queue-llm-concurrency",
    "0",
    "--queue-email-concurrency",
    "0",
];

/// What a client keeps from one request to the next.
#[derive(Default)]
struct Client {
    cookie: String,
    socket: Option<Socket>,
}

impl Client {
    async fn ask(&mut self, server: &Server, row: &Row) {
        if row.method == "WS" {
            self.socket = Some(Socket::online(server, "ada").await);
            return;
        }
        let method = Method::from_bytes(row.method.as_bytes()).expect("a method");
        let mut request = server.request(method, row.path).header("cookie", &self.cookie);
        if !row.body.is_empty() {
            let body: Value = serde_json::from_str(row.body).expect("the table's bodies are JSON");
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        match row.path {
            "/api/session/login" => self.cookie = header(&answer, "set-cookie").to_owned(),
            "/api/session/logout" => self.cookie.clear(),
            _ => {}
        }
    }
}

/// Sends the table's requests in several rounds. Others can only add to what a request costs, so
/// that the fewest commands are the request's own.
async fn requests_cost_what_the_table_says(there: &impl Redis, masters: &[Node]) {
    let server = Server::on(there, QUIET).await;
    let mut client = Client::default();
    let mut fewest: Vec<Option<Counts>> = TABLE.iter().map(|_| None).collect();
    // Each script is loaded by its first call; the table is about the calls after it.
    for round in 0..4 {
        for (row, fewest) in TABLE.iter().zip(&mut fewest) {
            if row.path == "/api/cache/stats" {
                // Adds up what the cache has counted now, so that it is not done beside this.
                server.read(row.path).await;
            }
            let before = counts(masters);
            client.ask(&server, row).await;
            let seen = between(&before, &counts(masters), masters);
            let total = |counts: &Counts| counts.values().sum::<u64>();
            if round > 0 && fewest.as_ref().is_none_or(|fewest| total(&seen) < total(fewest)) {
                *fewest = Some(seen);
            }
        }
        client.socket = None;
        eventually("the socket is forgotten", || async {
            server.read("/api/presence").await["count"] == 0
        })
        .await;
    }
    let document = server.read("/openapi.json").await;
    for operation in operations(&document) {
        let is_told = TABLE.iter().any(|row| row.is_of(&operation));
        assert!(is_told, "TABLE does not tell {} {}", operation.method, operation.path);
    }
    let nodes = masters.len() as u64;
    for (row, fewest) in TABLE.iter().zip(fewest) {
        assert_eq!(fewest, Some(row.expected(nodes)), "{} {}", row.method, row.path);
    }
}

#[tokio::test]
async fn on_one_node() {
    let node = Node::start();
    requests_cost_what_the_table_says(&node, std::slice::from_ref(&node)).await;
}

#[tokio::test]
async fn with_sentinels() {
    let group = Group::with(600_000);
    requests_cost_what_the_table_says(&group, &group.nodes[..1]).await;
}

#[tokio::test]
async fn in_a_cluster() {
    let cluster = Cluster::start(0, 600_000);
    requests_cost_what_the_table_says(&cluster, &cluster.nodes).await;
}
