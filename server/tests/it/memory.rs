//! A Redis that has all the memory it may have: what would take more is refused, what is there is
//! still read, worked off and deleted.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::cases::login;
use crate::redis::Node;
use crate::server::{Server, body, eventually, header};
use crate::upstream::Upstream;

const EMAIL: &str = "email-notifications";

fn fill(node: &Node) {
    assert_eq!(node.ask("CONFIG SET maxmemory 100kb").as_deref(), Some("+OK\r\n"));
}

#[tokio::test]
async fn what_would_take_more_memory_is_refused() {
    let node = Node::start();
    let mut servers = Vec::new();
    for algorithm in ["fixed-window", "sliding-window", "gcra"] {
        servers.push(Server::on(&node, &["--rate-limit-algorithm", algorithm]).await);
    }
    let server = &servers[0];
    let cookie = login(server).await;
    fill(&node);
    let outcome = async |request: reqwest::RequestBuilder| {
        let answer = request.header("cookie", &cookie).send().await.expect("an answer");
        (answer.status().as_u16(), header(&answer, "x-outcome").to_owned())
    };
    let job = json!({ "queue": EMAIL, "name": "send-email", "data": { "to": "a" } });
    for (method, path, sent) in [
        (Method::POST, "/api/session/login", json!({ "userId": "ada" })),
        (Method::PUT, "/api/session/data", json!({ "key": "k", "value": "v".repeat(50_000) })),
        (Method::POST, "/api/jobs", job),
    ] {
        let seen = outcome(server.request(method, path).json(&sent)).await;
        assert_eq!(seen, (503, "refused".to_owned()), "{path}");
    }
    for server in &servers {
        let seen = outcome(server.request(Method::GET, "/api/limited")).await;
        assert_eq!(seen, (503, "refused".to_owned()));
    }
    let session = server.request(Method::GET, "/api/session").header("cookie", &cookie);
    let session = session.send().await.expect("an answer");
    assert_eq!(session.status(), 200, "what is there is still read");
    assert_eq!(body(session).await["data"], json!({}), "the write did nothing");
    assert_eq!(outcome(server.request(Method::POST, "/api/session/logout")).await.0, 200);
}

#[tokio::test]
async fn jobs_that_are_there_are_worked_off() {
    let node = Node::start();
    let mails = Upstream::start(1, Duration::ZERO).await;
    let flags = ["--mail-upstream-url", &mails.url, "--queue-email-concurrency", "1"];
    let server = Server::on(&node, &flags).await;
    let mut ids = Vec::new();
    for delay in [1000, 1200] {
        let opts = json!({ "attempts": 1, "delay": delay });
        ids.push(server.submit(EMAIL, "send-email", json!({ "to": "a" }), opts).await);
    }
    fill(&node);
    for (id, state) in ids.iter().zip(["failed", "completed"]) {
        eventually(state, || async {
            server.read(&format!("/api/jobs/{EMAIL}/{id}")).await["state"] == state
        })
        .await;
    }
    assert_eq!(mails.calls().len(), 2, "each of them once");
}
