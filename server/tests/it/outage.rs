//! Without Redis: misses, what the setting says, and refusals, all in time.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tracing::Level;

use crate::clock;
use crate::cluster::Cluster;
use crate::log::Log;
use crate::openapi::example;
use crate::redis::{Group, Node};
use crate::server::{Redis, Server, eventually, header};

const TIMEOUT: &str = "400";
const LONGEST: Duration = Duration::from_millis(650);

async fn timed(work: impl Future<Output = reqwest::Response>) -> reqwest::Response {
    let (response, took) = clock::timed(work).await;
    assert!(took < LONGEST, "{} took {took:?}", response.url());
    response
}

/// A cookie that is good while Redis is there.
async fn login(server: &Server) -> String {
    let login = server.post("/api/session/login", json!({ "userId": "ada" })).await;
    assert_eq!(login.status(), 200);
    header(&login, "set-cookie").to_owned()
}

/// What an operation answers that needs no Redis, or can do without it.
fn without_redis(path: &str) -> (u16, &'static str) {
    match path {
        "/api/llm/generate" => (200, "cache"),
        "/api/cache/warm" => (202, ""),
        "/metrics" | "/openapi.json" => (200, ""),
        "/ws" => (400, ""),
        _ => (503, ""),
    }
}

/// Every operation of the description answers in time, and as it must without Redis.
async fn everything_answers_in_time(server: &Server, cookie: &str, outcome: &str) {
    let document = server.read("/openapi.json").await;
    let paths = document["paths"].as_object().expect("paths").iter();
    let all = paths.flat_map(|(path, methods)| {
        methods.as_object().into_iter().flatten().map(move |(method, _)| (path.as_str(), method))
    });
    let (ending, others): (Vec<_>, Vec<_>) =
        all.partition(|(path, _)| ["/api/session/login", "/api/session/logout"].contains(path));
    // An end of unknown outcome is an end: what asks for the session comes before it.
    for (path, method) in others.into_iter().chain(ending) {
        let (filled, body) = example(path);
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
        let request = server.request(method, &filled.replace("{id}", "one")).json(&body);
        let request = request.header("cookie", cookie);
        let answer = timed(async { request.send().await.expect("an answer") }).await;
        let seen = (answer.status().as_u16(), header(&answer, "x-degraded"));
        assert_eq!(seen, without_redis(path), "{path}");
        assert!(!header(&answer, "x-instance-id").is_empty(), "{path}");
        if seen.0 == 503 && !["/health", "/ready"].contains(&path) {
            assert_eq!(header(&answer, "retry-after"), "1", "{path}");
            let known = header(&answer, "x-outcome");
            assert!(outcome.is_empty() || known == outcome, "{path} is {known}");
        }
    }
}

/// Once an outage has lasted a time-out, nobody waits any more.
async fn everything_answers_at_once(server: &Server) {
    const REQUESTS: u32 = 20;
    let all = async {
        for _ in 0..REQUESTS {
            assert_eq!(server.get("/api/queues/stats").await.status(), 503);
        }
    };
    let ((), took) = clock::timed(all).await;
    let each: u64 = TIMEOUT.parse().expect("a number");
    let waiting = Duration::from_millis(each) * REQUESTS;
    assert!(took < waiting / 4, "{REQUESTS} refusals took {took:?}; with waiting {waiting:?}");
    assert_eq!(breaker(server).await.0, "1");
    let refused: u32 = breaker(server).await.1.parse().expect("a number");
    assert!(refused >= REQUESTS, "{refused} refusals are counted");
}

/// Whether main's breaker is open, and how many commands it has refused.
async fn breaker(server: &Server) -> (String, String) {
    let text = server.get("/metrics").await.text().await.expect("text");
    let value = |name: &str| {
        let series = format!("{name}{{role=\"main\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&series));
        line.unwrap_or_default().to_owned()
    };
    (value("redis_breaker_open"), value("redis_breaker_refusals_total"))
}

#[tokio::test]
async fn a_dead_redis_refuses_in_time() {
    let mut node = Node::start();
    let server = Server::on(&node, &["--redis-command-timeout", TIMEOUT]).await;
    let cookie = login(&server).await;
    assert_eq!(breaker(&server).await, ("0".to_owned(), String::new()));
    node.kill();
    everything_answers_in_time(&server, &cookie, "refused").await;
    everything_answers_at_once(&server).await;
}

#[tokio::test]
async fn a_dead_cluster_refuses_in_time() {
    let mut cluster = Cluster::start(0, 10_000);
    let server = Server::on(&cluster, &["--redis-command-timeout", TIMEOUT]).await;
    let cookie = login(&server).await;
    cluster.nodes.iter_mut().for_each(Node::kill);
    everything_answers_in_time(&server, &cookie, "refused").await;
    everything_answers_at_once(&server).await;
}

#[tokio::test]
async fn dead_nodes_of_sentinels_refuse_in_time() {
    let mut group = Group::start();
    let server = Server::on(&group, &["--redis-command-timeout", TIMEOUT]).await;
    let cookie = login(&server).await;
    group.nodes.iter_mut().for_each(Node::kill);
    everything_answers_in_time(&server, &cookie, "refused").await;
    everything_answers_at_once(&server).await;
}

#[tokio::test]
async fn a_frozen_redis_holds_nobody_and_is_served_again_when_it_wakes() {
    let node = Node::start();
    let server = Server::on(&node, &["--redis-command-timeout", TIMEOUT]).await;
    let cookie = login(&server).await;
    node.signal("STOP");
    let job =
        json!({ "queue": "email-notifications", "name": "send-email", "data": { "to": "a" } });
    let unknown = timed(server.post("/api/jobs", job)).await;
    assert_eq!((unknown.status().as_u16(), header(&unknown, "x-outcome")), (503, "unknown"));
    everything_answers_in_time(&server, &cookie, "").await;
    everything_answers_at_once(&server).await;
    node.signal("CONT");
    eventually("it is served again", || async { server.get("/api/limited").await.status() == 200 })
        .await;
    assert_eq!(breaker(&server).await.0, "0");
}

#[tokio::test]
async fn a_logout_that_did_not_reach_redis_in_time_is_repeated_on_the_same_node() {
    let node = Node::start();
    let flags = ["--redis-command-timeout", TIMEOUT];
    let (server, other) = (Server::on(&node, &flags).await, Server::on(&node, &flags).await);
    let cookie = login(&server).await;
    let session = async || {
        let request = other.request(Method::GET, "/api/session").header("cookie", &cookie);
        request.send().await.expect("an answer").status()
    };
    assert_eq!(session().await, 200);
    // A write that waits for the end of a pause is gone with its connection.
    node.ask("CLIENT PAUSE 600000 WRITE").expect("an answer");
    let logout = server.request(Method::POST, "/api/session/logout").header("cookie", &cookie);
    let logout = timed(async { logout.send().await.expect("an answer") }).await;
    assert_eq!((logout.status().as_u16(), header(&logout, "x-outcome")), (503, "unknown"));
    node.ask("CLIENT UNPAUSE").expect("an answer");
    eventually("the session has ended everywhere", || async { session().await == 401 }).await;
}

#[tokio::test]
async fn why_there_is_no_connection_is_logged_once_until_it_is_another_reason() {
    let mut node = Node::start();
    node.ask("CONFIG SET requirepass right").expect("an answer");
    let log = Log::default();
    let _logging = log.follow(Level::DEBUG);
    let address = format!("127.0.0.1:{}", node.port);
    let port = node.port.to_string();
    let node_flags = ["--redis-host", "127.0.0.1", "--redis-port", &port];
    let ways: [(&[&str], String); 3] = [
        (&node_flags[..], format!("cannot connect link=\"main\" address={address}")),
        (&["--redis-sentinels", &address], format!("lost a Sentinel sentinel={address}")),
        (
            &["--redis-cluster-nodes", &address],
            format!("lost a node of the cluster node={address}"),
        ),
    ];
    let mut servers = Vec::new();
    for (flags, _) in &ways {
        let password = ["--redis-password", "hunter2", "--redis-sentinel-password", "hunter2"];
        servers.push(Server::unconnected(&[*flags, &password].concat()).await);
    }
    let (wrong, gone) = ("AuthenticationFailed", "Connection refused");
    for (_, what) in &ways {
        let told = |level, reason| log.count(&[level, what, reason]);
        eventually("several attempts were made", || async { told("DEBUG", wrong) >= 3 }).await;
        assert_eq!(told("WARN", wrong), 1, "{}", log.text());
    }
    node.kill();
    for (_, what) in &ways {
        let told = |level, reason| log.count(&[level, what, reason]);
        eventually("the other reason is told", || async { told("WARN", gone) == 1 }).await;
        assert_eq!(told("WARN", wrong), 1, "{}", log.text());
    }
    assert!(!log.text().contains("hunter2"), "{}", log.text());
}

/// Limiters while whatever `there` names is away; `kill` sees to that.
async fn limiters_do_what_the_setting_says(there: &impl Redis, kill: impl FnOnce()) {
    let flags = |on_error| {
        let count = ["--rate-limit-max-requests", "6", "--rate-limit-window-ms", "3600000"];
        let rest = ["--rate-limit-instances", "2", "--redis-command-timeout", TIMEOUT];
        [&count[..], &rest, &["--rate-limit-on-error", on_error]].concat()
    };
    let closed = Server::on(there, &flags("closed")).await;
    let open = Server::on(there, &flags("open")).await;
    let local = Server::on(there, &flags("local")).await;
    kill();
    let hit = async |server: &Server| {
        let request = server.request(Method::GET, "/api/limited").header("x-user-id", "ada");
        timed(async { request.send().await.expect("an answer") }).await
    };
    let refused = hit(&closed).await;
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after")), (503, "1"));
    for (server, expected) in [(&open, 8), (&local, 3)] {
        let mut admitted = 0;
        for _ in 0..8 {
            let answer = hit(server).await;
            assert_eq!(header(&answer, "x-degraded"), "limiter");
            assert_eq!(header(&answer, "x-ratelimit-count"), "", "no evidence without Redis");
            assert_eq!(header(&answer, "x-redis-node"), "", "no node has acknowledged it");
            assert!([200, 429].contains(&answer.status().as_u16()), "{}", answer.status());
            admitted += u32::from(answer.status() == 200);
        }
        assert_eq!(admitted, expected);
    }
}

/// Kills without waiting for the end: those who ask are answered all the same.
fn kill(nodes: &[Node]) {
    nodes.iter().for_each(|node| node.signal("KILL"));
}

#[tokio::test]
async fn limiters_do_what_the_setting_says_without_a_node() {
    let node = Node::start();
    limiters_do_what_the_setting_says(&node, || kill(std::slice::from_ref(&node))).await;
}

#[tokio::test]
async fn limiters_do_what_the_setting_says_without_the_nodes_of_sentinels() {
    let group = Group::with(600_000);
    limiters_do_what_the_setting_says(&group, || kill(&group.nodes)).await;
}

#[tokio::test]
async fn limiters_do_what_the_setting_says_without_a_cluster() {
    let cluster = Cluster::start(0, 600_000);
    limiters_do_what_the_setting_says(&cluster, || kill(&cluster.nodes)).await;
}
