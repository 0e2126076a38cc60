//! A logout is made to its end: by a client who hangs up, and by a Redis that does not answer.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tracing::Level;

use crate::cases::login;
use crate::clock;
use crate::cluster::Cluster;
use crate::log::Log;
use crate::redis::Node;
use crate::server::{Server, eventually, header};

async fn session(server: &Server, cookie: &str) -> u16 {
    let request = server.request(Method::GET, "/api/session").header("cookie", cookie);
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn a_logout_is_made_to_its_end_though_its_client_hangs_up() {
    let node = Node::start();
    let flags = ["--redis-command-timeout", "60000"];
    let (server, other) = (Server::on(&node, &flags).await, Server::on(&node, &flags).await);
    let cookie = login(&server).await;
    assert_eq!(session(&other, &cookie).await, 200);
    node.ask("CLIENT PAUSE 600000 WRITE").expect("an answer");
    let mut client = TcpStream::connect(server.address).await.expect("it listens");
    let head = "POST /api/session/logout HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n";
    let request = format!("{head}cookie: {cookie}\r\n\r\n");
    client.write_all(request.as_bytes()).await.expect("it is sent");
    eventually("the logout waits", || async {
        node.ask("CLIENT LIST").unwrap_or_default().contains(" cmd=unlink ")
    })
    .await;
    client.shutdown().await.expect("the client hangs up");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.expect("the server hangs up too");
    assert_eq!(answer, b"", "the server knows that nobody waits");
    // What waits is gone with its connection: only who goes on sends it again.
    node.ask("CLIENT KILL TYPE normal").expect("an answer");
    node.ask("CLIENT UNPAUSE").expect("an answer");
    eventually("the session has ended everywhere", || async {
        session(&other, &cookie).await == 401
    })
    .await;
}

#[tokio::test]
async fn logouts_that_cannot_be_repeated_are_tried_less_and_less_often_and_told_once() {
    let cluster = Cluster::start(0, 600_000);
    let server = Server::on(&cluster, &["--redis-command-timeout", "200"]).await;
    let cookie = login(&server).await;
    let log = Log::default();
    let _logging = log.follow(Level::DEBUG);
    cluster.nodes.iter().for_each(|node| node.signal("STOP"));
    let started = clock::now();
    let logout = server.request(Method::POST, "/api/session/logout").header("cookie", &cookie);
    assert_eq!(logout.send().await.expect("an answer").status(), 503);
    let told = |level| log.count(&[level, "could not repeat the latest logouts"]);
    eventually("it was tried again", || async { told("WARN") + told("DEBUG") >= 5 }).await;
    // 100, 200, 400 and 800 ms lie between five attempts.
    assert!(started.elapsed() >= Duration::from_millis(1500), "{:?}", started.elapsed());
    assert!(told("WARN") <= 2, "once for each reason: {}", log.text());
}

#[tokio::test]
async fn a_logout_outlives_another_end_of_the_same_session_that_is_refused() {
    let mut node = Node::start();
    let server = Server::on(&node, &["--redis-command-timeout", "200"]).await;
    for again in ["/api/session/logout", "/api/session/login"] {
        let cookie = login(&server).await;
        // What comes back knows nothing of the logout.
        assert_eq!(node.ask("SAVE").as_deref(), Some("+OK\r\n"));
        let end = async |path| {
            let request = server.request(Method::POST, path).header("cookie", &cookie);
            let answer = request.json(&json!({ "userId": "eve" })).send().await;
            let answer = answer.expect("an answer");
            (answer.status().as_u16(), header(&answer, "x-outcome").to_owned())
        };
        assert_eq!(end("/api/session/logout").await.0, 200);
        node.kill();
        eventually("it is refused", || async { end(again).await == (503, "refused".to_owned()) })
            .await;
        node.rise();
        eventually("it is served again", || async {
            let status = session(&server, &cookie).await;
            assert_ne!(status, 200, "after a {again} that was refused");
            status == 401 && server.get("/health").await.status() == 200
        })
        .await;
        assert_eq!(session(&server, &cookie).await, 401);
    }
}
