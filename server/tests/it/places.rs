//! Where things are: each role's keys in its database, and the node that took them.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::presence::Socket;
use crate::redis::Node;
use crate::server::{Redis, Server, body, eventually, header};
use crate::topology::{Place, on_each_topology};

on_each_topology! {
    each_role_has_its_keys_in_its_database,
    prefixes_are_settings,
    every_write_names_the_master_that_took_it,
    a_role_has_a_redis_and_a_health_of_its_own,
    two_roles_have_a_redis_apart_from_main,
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
    server.read("/api/cache/stats").await;
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
    assert_eq!(place.strangers().await, BTreeSet::new(), "all that is stored has the prefix");
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

/// The flags of a role that has a node of its own.
fn own(role: &str, node: &Node) -> [String; 4] {
    let flag = |what: &str| format!("--redis-{role}-{what}");
    [flag("host"), "127.0.0.1".to_owned(), flag("port"), node.port.to_string()]
}

async fn service(flags: &[&[String]]) -> Server {
    let flags = flags.concat();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    Server::start(&[&flags[..], &["--redis-command-timeout", "300"]].concat()).await
}

/// Waits until exactly these of main, cache and sessions are told to be well.
async fn health_becomes(server: &Server, roles: [bool; 3]) {
    let [main, cache, sessions] = roles;
    eventually("health tells which role is ill", || async {
        let answer = server.get("/health").await;
        let (status, health) = (answer.status(), body(answer).await);
        assert_eq!(status == 200, health["status"] == "ok", "{status}: {health}");
        health["redis"] == json!({ "main": main, "cache": cache, "sessions": sessions })
    })
    .await;
    let ready = server.get("/ready").await;
    assert_eq!(ready.status() == 200, main && sessions, "without the cache most routes serve");
    assert_eq!(body(ready).await, json!({ "ready": main && sessions }));
}

async fn a_role_has_a_redis_and_a_health_of_its_own(place: Place) {
    let (mut cache, mut sessions) = (Node::start(), Node::start());
    let flags = [&place.flags()[..], &own("cache", &cache), &own("sessions", &sessions)];
    let server = service(&flags).await;
    let _socket = use_all(&server).await;
    assert!(has(&place.keys(MAIN).await, "prompt-card:rl:"));
    for database in [CACHE, SESSIONS] {
        let keys = place.keys(database).await;
        assert!(!has(&keys, "cache:") && !has(&keys, "sess:"), "{keys:?}");
    }
    health_becomes(&server, [true, true, true]).await;
    cache.kill();
    health_becomes(&server, [true, false, true]).await;
    let answer = server.post("/api/llm/generate", json!({ "prompt": "a" })).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "x-degraded")), (200, "cache"));
    sessions.kill();
    health_becomes(&server, [true, false, false]).await;
    assert_eq!(server.get("/api/limited").await.status(), 200, "it needs main alone");
}

async fn two_roles_have_a_redis_apart_from_main(place: Place) {
    let mut main = Node::start();
    let of = |role: &str| {
        let named = |flag: &String| flag.replacen("--redis-", &format!("--redis-{role}-"), 1);
        place.flags()[..place.flags().len() - 2].iter().map(named).collect::<Vec<_>>()
    };
    let prefix = ["--redis-key-prefix".to_owned(), place.prefix.clone()];
    let server = service(&[&Redis::flags(&main), &of("cache"), &of("sessions"), &prefix]).await;
    let _socket = use_all(&server).await;
    assert!(has(&place.keys(CACHE).await, "cache:llm:"));
    assert!(has(&place.keys(SESSIONS).await, "sess:"));
    assert!(!has(&place.keys(MAIN).await, "prompt-card:"));
    health_becomes(&server, [true, true, true]).await;
    main.kill();
    health_becomes(&server, [false, true, true]).await;
    let login = server.post("/api/session/login", json!({ "userId": "ada" })).await;
    assert_eq!(login.status(), 200, "it needs sessions alone");
}
