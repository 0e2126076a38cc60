//! A part of Redis that is away, and a node that is there but of no use.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::cases::login;
use crate::clock;
use crate::cluster::Cluster;
use crate::redis::Node;
use crate::server::{Server, body, eventually, header};

/// An answer to a prompt, and whether it came from the cache.
async fn ask(server: &Server, prompt: usize) -> (String, String) {
    let question = json!({ "prompt": format!("prompt {prompt}") });
    let answer = server.post("/api/llm/generate", question).await;
    assert_eq!(answer.status(), 200);
    (header(&answer, "x-cache").to_owned(), header(&answer, "x-redis-node").to_owned())
}

#[tokio::test]
async fn a_master_that_is_away_takes_its_own_keys_from_the_cache_alone() {
    const PROMPTS: usize = 30;
    let mut cluster = Cluster::start(0, 600_000);
    let server = Server::on(&cluster, &["--redis-command-timeout", "1000"]).await;
    let mut places = Vec::new();
    for prompt in 0..PROMPTS {
        places.push(ask(&server, prompt).await.1);
    }
    let gone = cluster.nodes[0].run_id();
    cluster.nodes[0].kill();
    eventually("it is missed", || async { server.get("/health").await.status() == 503 }).await;
    for (prompt, place) in places.iter().enumerate() {
        let expected = if *place == gone { "MISS" } else { "HIT" };
        assert_eq!(ask(&server, prompt).await.0, expected, "prompt {prompt}");
    }
    let lost = places.iter().filter(|place| **place == gone).count();
    assert!((1..PROMPTS).contains(&lost), "{lost} of {PROMPTS} keys were on the node");
}

#[tokio::test]
async fn a_login_that_ends_another_session_has_one_time_out_for_both() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    let cluster = Cluster::start(0, 600_000);
    let server = Server::on(&cluster, &["--redis-command-timeout", "2000"]).await;
    let signal = |nodes: &[usize], name| nodes.iter().for_each(|n| cluster.nodes[*n].signal(name));
    // The new session is anywhere; where it is on the node of the old one, nothing is shown.
    for _ in 0..20 {
        let cookie = login(&server).await;
        let session = server.request(Method::GET, "/api/session").header("cookie", &cookie);
        let session = session.send().await.expect("an answer");
        let node = header(&session, "x-redis-node");
        let (old, others): (Vec<_>, Vec<_>) =
            (0..3).partition(|n| cluster.nodes[*n].run_id() == *node);
        signal(&old, "STOP");
        let again = server.request(Method::POST, "/api/session/login").header("cookie", &cookie);
        let again = again.json(&json!({ "userId": "ada" })).send();
        let turn = async {
            tokio::time::sleep(TIMEOUT * 7 / 10).await;
            signal(&others, "STOP");
            signal(&old, "CONT");
        };
        let ((answer, ()), took) = clock::timed(async { tokio::join!(again, turn) }).await;
        signal(&others, "CONT");
        let status = answer.expect("an answer").status();
        // Two would take the time of the turn more.
        assert!(took < TIMEOUT * 3 / 2, "{status} after {took:?}");
        if status == 503 {
            return;
        }
        eventually("all are back", || async { server.get("/health").await.status() == 200 }).await;
    }
    panic!("the new session was on the old one's node twenty times");
}

#[tokio::test]
async fn a_node_that_is_no_master_any_more_is_an_outage() {
    let (node, other) = (Node::start(), Node::start());
    let server = Server::on(&node, &["--redis-command-timeout", "2000"]).await;
    node.ask(&format!("REPLICAOF 127.0.0.1 {}", other.port)).expect("an answer");
    eventually("every role is missed, and its breaker open", || async {
        let health = body(server.get("/health").await).await;
        let metrics = server.get("/metrics").await.text().await.expect("text");
        ["main", "cache", "sessions"].iter().all(|role| {
            health["redis"][role] == false
                && metrics.contains(&format!("redis_breaker_open{{role=\"{role}\"}} 1"))
        })
    })
    .await;
    // It is not taken for one of use again at each attempt to connect.
    for _ in 0..40 {
        let health = body(server.get("/health").await).await;
        let is_missed = |role: &&str| health["redis"][role] == false;
        assert!(["main", "cache", "sessions"].iter().all(is_missed), "{health}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (refused, took) = clock::timed(server.get("/api/limited")).await;
    assert_eq!((refused.status().as_u16(), header(&refused, "x-outcome")), (503, "refused"));
    assert!(took < Duration::from_secs(1), "{took:?}");
    node.ask("REPLICAOF NO ONE").expect("an answer");
    eventually("it serves again", || async { server.get("/api/limited").await.status() == 200 })
        .await;
}
