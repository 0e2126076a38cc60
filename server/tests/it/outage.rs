//! Without Redis: misses, what the setting says, and refusals, all in time.

use std::net::TcpStream;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tracing::Level;

use crate::cases::{Case, Operation, login, operations};
use crate::clock;
use crate::cluster::Cluster;
use crate::log::Log;
use crate::presence::Socket;
use crate::redis::{Group, Node, wait_for};
use crate::server::{Redis, Server, body, eventually, header};

const TIMEOUT: &str = "400";
const LONGEST: Duration = Duration::from_millis(650);

async fn timed(work: impl Future<Output = reqwest::Response>) -> reqwest::Response {
    let (response, took) = clock::timed(work).await;
    assert!(took < LONGEST, "{} took {took:?}", response.url());
    response
}

/// What an operation answers that needs no Redis, or can do without it.
fn without_redis(path: &str) -> (u16, &'static str) {
    match path {
        "/api/llm/generate" => (200, "cache"),
        "/api/cache/warm" => (202, ""),
        "/metrics" | "/openapi.json" => (200, ""),
        "/ws" => (101, ""),
        _ => (503, ""),
    }
}

/// Every operation of the description answers in time, and as it must without Redis.
async fn everything_answers_in_time(server: &Server, cookie: &str, outcome: &str) {
    let document = server.read("/openapi.json").await;
    let all = operations(&document).into_iter();
    let (ending, others): (Vec<_>, Vec<_>) =
        all.partition(|it| ["/api/session/login", "/api/session/logout"].contains(&it.path));
    // An end of unknown outcome is an end: what asks for the session comes before it.
    for Operation { method, path, responses } in others.into_iter().chain(ending) {
        let case = Case::good(method, path);
        let answer = timed(case.ask(server, cookie, "one")).await;
        let seen = (answer.status().as_u16(), header(&answer, "x-degraded"));
        assert_eq!(seen, without_redis(path), "{path}");
        assert!(responses.contains_key(answer.status().as_str()), "{path}: {seen:?}");
        assert!(!header(&answer, "x-instance-id").is_empty(), "{path}");
        if seen.0 == 503 && !["/health", "/ready"].contains(&path) {
            assert_eq!(header(&answer, "retry-after"), "1", "{path}");
            let known = header(&answer, "x-outcome");
            assert!(outcome.is_empty() || known == outcome, "{path} is {known}");
            let body = body(answer).await;
            assert!(body["error"].is_string() && body["retryAfter"] == 1, "{path}: {body}");
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

/// Does not wait for the effect.
fn signal(nodes: &[Node], name: &str) {
    nodes.iter().for_each(|node| node.signal(name));
}

/// Nodes that freeze hold nobody and are served again when they wake; dead ones refuse.
async fn an_outage_holds_nobody(there: &impl Redis, nodes: &[Node]) {
    let server = Server::on(there, &["--redis-command-timeout", TIMEOUT]).await;
    let cookie = login(&server).await;
    assert_eq!(breaker(&server).await, ("0".to_owned(), String::new()));
    signal(nodes, "STOP");
    let job =
        json!({ "queue": "email-notifications", "name": "send-email", "data": { "to": "a" } });
    let unknown = timed(server.post("/api/jobs", job)).await;
    assert_eq!((unknown.status().as_u16(), header(&unknown, "x-outcome")), (503, "unknown"));
    let mut ada = Socket::open(&server).await;
    let (ack, took) = clock::timed(ada.acknowledged("ada")).await;
    assert!(took < LONGEST && ack["ok"] == false && ack["error"].is_string(), "{took:?}: {ack}");
    everything_answers_in_time(&server, &cookie, "").await;
    everything_answers_at_once(&server).await;
    // Of this one Redis is not even told any more.
    let mut bob = Socket::open(&server).await;
    assert_eq!(bob.acknowledged("bob").await["ok"], false);
    signal(nodes, "CONT");
    eventually("it is served again", || async {
        server.get("/api/limited").await.status() == 200
            && server.get("/health").await.status() == 200
    })
    .await;
    eventually("presence is made up for", || async {
        server.read("/api/presence").await["count"] == 2
    })
    .await;
    assert_eq!(breaker(&server).await.0, "0");
    let cookie = login(&server).await;
    signal(nodes, "KILL");
    let is_gone = |node: &Node| TcpStream::connect(("127.0.0.1", node.port)).is_err();
    wait_for("the nodes to be gone", || nodes.iter().all(is_gone));
    everything_answers_in_time(&server, &cookie, "refused").await;
    everything_answers_at_once(&server).await;
}

#[tokio::test]
async fn an_outage_of_a_node_holds_nobody() {
    let node = Node::start();
    an_outage_holds_nobody(&node, std::slice::from_ref(&node)).await;
}

#[tokio::test]
async fn an_outage_of_the_nodes_of_sentinels_holds_nobody() {
    let group = Group::start();
    an_outage_holds_nobody(&group, &group.nodes).await;
}

#[tokio::test]
async fn an_outage_of_a_cluster_holds_nobody() {
    let cluster = Cluster::start(0, 10_000);
    an_outage_holds_nobody(&cluster, &cluster.nodes).await;
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
            let said = ["ratelimit-limit", "ratelimit-policy"].map(|name| header(&answer, name));
            assert_eq!(said, if expected == 3 { ["3", "3;w=3600"] } else { [""; 2] });
            admitted += u32::from(answer.status() == 200);
        }
        assert_eq!(admitted, expected);
    }
}

#[tokio::test]
async fn limiters_do_what_the_setting_says_without_a_node() {
    let node = Node::start();
    limiters_do_what_the_setting_says(&node, || node.signal("KILL")).await;
}

#[tokio::test]
async fn limiters_do_what_the_setting_says_without_the_nodes_of_sentinels() {
    let group = Group::with(600_000);
    limiters_do_what_the_setting_says(&group, || signal(&group.nodes, "KILL")).await;
}

#[tokio::test]
async fn limiters_do_what_the_setting_says_without_a_cluster() {
    let cluster = Cluster::start(0, 600_000);
    limiters_do_what_the_setting_says(&cluster, || signal(&cluster.nodes, "KILL")).await;
}
