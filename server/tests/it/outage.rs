//! Without Redis: misses, what the setting says, and refusals, all in time.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::clock;
use crate::cluster::Cluster;
use crate::redis::Node;
use crate::server::{Server, header};

const TIMEOUT: &str = "400";
const LONGEST: Duration = Duration::from_millis(650);

async fn timed(work: impl Future<Output = reqwest::Response>) -> reqwest::Response {
    let (response, took) = clock::timed(work).await;
    assert!(took < LONGEST, "{} took {took:?}", response.url());
    response
}

async fn everything_answers_in_time(server: &Server, outcome: &str) {
    let question = json!({ "prompt": "x" });
    let cached = timed(server.post("/api/llm/generate", question)).await;
    assert_eq!((cached.status().as_u16(), header(&cached, "x-degraded")), (200, "cache"));
    for path in ["/api/limited", "/api/queues/stats", "/api/presence", "/api/cache/stats"] {
        let response = timed(server.get(path)).await;
        assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "1"));
    }
    let job =
        json!({ "queue": "email-notifications", "name": "send-email", "data": { "to": "a" } });
    let refused = timed(server.post("/api/jobs", job)).await;
    assert_eq!(refused.status(), 503);
    if !outcome.is_empty() {
        assert_eq!(header(&refused, "x-outcome"), outcome);
    }
    let login = timed(server.post("/api/session/login", json!({ "userId": "a" }))).await;
    assert_eq!(login.status(), 503);
    assert_eq!(timed(server.get("/health")).await.status(), 503);
    assert_eq!(timed(server.get("/ready")).await.status(), 503);
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
}

#[tokio::test]
async fn a_dead_redis_refuses_in_time() {
    let mut node = Node::start();
    let server = Server::on(&node, &["--redis-command-timeout", TIMEOUT]).await;
    node.kill();
    everything_answers_in_time(&server, "refused").await;
    everything_answers_at_once(&server).await;
}

#[tokio::test]
async fn a_dead_cluster_refuses_in_time() {
    let mut cluster = Cluster::start(0, 10_000);
    let server = Server::on(&cluster, &["--redis-command-timeout", TIMEOUT]).await;
    cluster.nodes.iter_mut().for_each(Node::kill);
    everything_answers_in_time(&server, "refused").await;
    everything_answers_at_once(&server).await;
}

#[tokio::test]
async fn a_frozen_redis_holds_nobody_and_is_served_again_when_it_wakes() {
    let node = Node::start();
    let server = Server::on(&node, &["--redis-command-timeout", TIMEOUT]).await;
    node.signal("STOP");
    let job =
        json!({ "queue": "email-notifications", "name": "send-email", "data": { "to": "a" } });
    let unknown = timed(server.post("/api/jobs", job)).await;
    assert_eq!((unknown.status().as_u16(), header(&unknown, "x-outcome")), (503, "unknown"));
    everything_answers_in_time(&server, "").await;
    everything_answers_at_once(&server).await;
    node.signal("CONT");
    crate::server::eventually("it is served again", || async {
        server.get("/api/limited").await.status() == 200
    })
    .await;
}

#[tokio::test]
async fn limiters_do_what_the_setting_says_while_redis_is_away() {
    let mut node = Node::start();
    let flags = |on_error| {
        let count = ["--rate-limit-max-requests", "6", "--rate-limit-window-ms", "3600000"];
        let rest = ["--rate-limit-instances", "2", "--redis-command-timeout", TIMEOUT];
        [&count[..], &rest, &["--rate-limit-on-error", on_error]].concat()
    };
    let open = Server::on(&node, &flags("open")).await;
    let local = Server::on(&node, &flags("local")).await;
    node.kill();
    for server in [&open, &local] {
        let mut admitted = 0;
        for _ in 0..8 {
            let request = server.request(Method::GET, "/api/limited").header("x-user-id", "ada");
            let answer = request.send().await.expect("an answer");
            assert_eq!(header(&answer, "x-degraded"), "limiter");
            assert_eq!(header(&answer, "x-ratelimit-count"), "", "no evidence without Redis");
            admitted += u32::from(answer.status() == 200);
        }
        assert_eq!(admitted, if std::ptr::eq(server, &open) { 8 } else { 3 });
    }
}
