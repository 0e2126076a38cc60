//! Where things are: each role's keys in its database, and the node that took them.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::presence::Socket;
use crate::redis::Node;
use crate::server::{Server, eventually, header};
use crate::topology::{Place, on_each_topology};

on_each_topology! {
    each_role_has_its_keys_in_its_database,
    prefixes_are_settings,
    every_write_names_the_master_that_took_it,
}

const MAIN: u8 = 0;
const CACHE: u8 = 1;
const SESSIONS: u8 = 2;

/// Every role stores something.
async fn use_all(server: &Server) -> Socket {
    for path in ["/api/limited", "/api/limited/llm", "/api/limited/burst"] {
        let hit = server.request(Method::GET, path).header("x-user-id", "ada");
        assert_eq!(hit.send().await.expect("an answer").status(), 200);
    }
    assert_eq!(server.post("/api/llm/generate", json!({ "prompt": "hi" })).await.status(), 200);
    assert_eq!(server.post("/api/session/login", json!({ "userId": "ada" })).await.status(), 200);
    server.submit("email-notifications", "send-email", json!({ "to": "a" }), json!({})).await;
    Socket::online(server, "ada").await
}

fn has(keys: &BTreeSet<String>, start: &str) -> bool {
    keys.iter().any(|key| key.starts_with(start))
}

async fn each_role_has_its_keys_in_its_database(place: Place) {
    let server = Server::on(&place, &["--rate-limit-burst-window-ms", "3600000"]).await;
    let _socket = use_all(&server).await;
    let (main, cache, sessions) =
        (place.keys(MAIN).await, place.keys(CACHE).await, place.keys(SESSIONS).await);
    for start in ["rl:fixed-window:user:ada", "rl:llm:", "rl:burst:", "queue:{email-"] {
        assert!(has(&main, &format!("prompt-card:{start}")), "{start} is not in {main:?}");
    }
    // The first digits of sha256("hi:llama2:7b:0.7:2048").
    assert!(cache.contains("cache:llm:response:07060103d5581cd1"), "{cache:?}");
    for start in ["sess:", "presence:"] {
        assert!(has(&sessions, start), "{start} is not in {sessions:?}");
    }
    // A cluster has one database for all.
    if !place.is_cluster() {
        assert!(main.iter().all(|key| key.starts_with("prompt-card:")), "{main:?}");
        assert!(cache.iter().all(|key| key.starts_with("cache:")), "{cache:?}");
        let own = |key: &String| key.starts_with("sess:") || key.starts_with("presence:");
        assert!(sessions.iter().all(own), "{sessions:?}");
    }
}

async fn prefixes_are_settings(place: Place) {
    let set = ["--session-store-prefix", "visit:", "--rate-limit-redis-prefix", "limit:"];
    let server = Server::on(&place, &set).await;
    let _socket = use_all(&server).await;
    let (main, sessions) = (place.keys(MAIN).await, place.keys(SESSIONS).await);
    assert!(has(&main, "prompt-card:limit:fixed-window:user:ada"), "{main:?}");
    assert!(has(&sessions, "visit:") && !has(&sessions, "sess:"), "{sessions:?}");
}

async fn every_write_names_the_master_that_took_it(place: Place) {
    let server = Server::on(&place, &[]).await;
    let masters = place.masters();
    let job = json!({ "queue": "email-notifications", "name": "send-email",
        "data": { "to": "a" } });
    let mut cookie = String::new();
    for (method, path, body) in [
        (Method::POST, "/api/session/login", json!({ "userId": "ada" })),
        (Method::GET, "/api/session", json!({})),
        (Method::PUT, "/api/session/data", json!({ "key": "k", "value": 1 })),
        (Method::POST, "/api/session/logout", json!({})),
        (Method::POST, "/api/jobs", job),
        (Method::POST, "/api/llm/generate", json!({ "prompt": "a" })),
        (Method::POST, "/api/cache/warm", json!({ "prompts": ["b"], "models": ["m"] })),
        (Method::DELETE, "/api/cache", json!({})),
        // Nothing is left to delete but the statistics that are kept.
        (Method::DELETE, "/api/cache", json!({})),
        (Method::GET, "/api/limited", json!({})),
        (Method::GET, "/api/limited/llm", json!({})),
        (Method::GET, "/api/limited/burst", json!({})),
    ] {
        let request = server.request(method.clone(), path).header("cookie", &cookie).json(&body);
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        if path == "/api/session/login" {
            cookie = header(&answer, "set-cookie").to_owned();
        }
        let node = header(&answer, "x-redis-node");
        assert!(masters.contains(node), "{method} {path}: {node:?}");
    }
    let hit = server.post("/api/llm/generate", json!({ "prompt": "c" })).await;
    assert!(masters.contains(header(&hit, "x-redis-node")), "it was stored");
    let hit = server.post("/api/llm/generate", json!({ "prompt": "c" })).await;
    assert_eq!(header(&hit, "x-redis-node"), "", "nothing was written");
}

#[tokio::test]
async fn a_role_that_has_a_host_of_its_own_lives_there() {
    let [main, cache, sessions] = [(); 3].map(|()| Node::start());
    let port = |node: &Node| node.port.to_string();
    let (cache_port, sessions_port) = (port(&cache), port(&sessions));
    let host = "127.0.0.1";
    let flags = ["--redis-cache-host", host, "--redis-cache-port", &cache_port];
    let others = ["--redis-sessions-host", host, "--redis-sessions-port", &sessions_port];
    let server = Server::on(&main, &[flags, others].concat()).await;
    let _socket = use_all(&server).await;
    for (node, database) in [(&main, "db0"), (&cache, "db1"), (&sessions, "db2")] {
        eventually("the keys are there and nowhere else", || async {
            let info = node.ask("INFO keyspace").unwrap_or_default();
            let lines: Vec<&str> = info.lines().filter(|line| line.starts_with("db")).collect();
            matches!(lines[..], [line] if line.starts_with(database))
        })
        .await;
    }
}
