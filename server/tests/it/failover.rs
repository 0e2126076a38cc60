//! A master that dies, freezes or is deposed: the next one is found, and nothing hangs.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::json;
use tokio::sync::mpsc;

use crate::clock;
use crate::presence::Socket;
use crate::redis::{Group, Node};
use crate::server::{Server, eventually, header};

const LONGEST: Duration = Duration::from_millis(1250);

async fn login(server: &Server) -> reqwest::Response {
    let login = server.post("/api/session/login", json!({ "userId": "ada" }));
    let (response, took) = clock::timed(login).await;
    assert!(took < LONGEST, "a login took {took:?}");
    response
}

/// Writes until one is acknowledged by another node than the one at `old`; all answers in time.
async fn moves_on(group: &Group, server: &Server, old: usize, old_id: &str) -> Instant {
    let started = clock::now();
    loop {
        let response = login(server).await;
        let node = header(&response, "x-redis-node").to_owned();
        if response.status() == 200 && node != old_id {
            let acknowledged = clock::now();
            let master = group.master_except(old).expect("there is a new master");
            assert_eq!(node, group.run_id(master));
            return acknowledged;
        }
        if response.status() != 200 {
            assert_eq!(response.status(), 503);
            assert!(["refused", "unknown"].contains(&header(&response, "x-outcome")));
        }
        assert!(started.elapsed() < Duration::from_secs(30), "no write within 30 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// When a Sentinel first said that there is a new master.
struct News(mpsc::UnboundedReceiver<Instant>);

impl News {
    async fn follow(group: &Group) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        for sentinel in &group.sentinels {
            let url = format!("redis://127.0.0.1:{}/", sentinel.port);
            let client = redis::Client::open(url).expect("a good URL");
            let mut pubsub = client.get_async_pubsub().await.expect("a Sentinel answers");
            let news = ["+switch-master", "+promoted-slave"];
            pubsub.subscribe(&news).await.expect("it takes subscriptions");
            let sender = sender.clone();
            tokio::spawn(async move {
                if pubsub.on_message().next().await.is_some() {
                    let _ = sender.send(clock::now());
                }
            });
        }
        Self(receiver)
    }

    /// The first acknowledged write comes soon after the first message, if not before it.
    async fn followed_at(mut self, acknowledged: Instant) {
        let first = self.0.recv().await.expect("a Sentinel says so");
        let after = acknowledged.saturating_duration_since(first);
        assert!(after <= Duration::from_millis(250), "acknowledged {after:?} after the news");
    }
}

async fn service(group: &Group) -> (Server, String) {
    let server = Server::on(group, &["--redis-command-timeout", "1000"]).await;
    let response = login(&server).await;
    assert_eq!(response.status(), 200);
    let node = header(&response, "x-redis-node").to_owned();
    assert_eq!(node, group.run_id(0));
    (server, node)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_master_is_replaced() {
    let mut group = Group::start();
    let (server, old) = service(&group).await;
    let mut ada = Socket::online(&server, "ada").await;
    let news = News::follow(&group).await;
    group.nodes[0].kill();
    news.followed_at(moves_on(&group, &server, 0, &old).await).await;
    assert_eq!(server.get("/health").await.status(), 200);
    ada.hears_of(&server, "bob").await;
    let limited = server.request(Method::GET, "/api/limited").send().await.expect("an answer");
    assert_eq!(limited.status(), 200);
    let job = json!({ "queue": "llm-processing", "name": "generate-response",
        "data": { "prompt": "after" } });
    assert_eq!(server.post("/api/jobs", job).await.status(), 202);
    eventually("the workers have moved on too", || async {
        server.read("/api/queues/stats").await["llm-processing"]["completed"] == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_master_holds_nobody_and_is_not_gone_back_to() {
    let group = Group::start();
    let (server, old) = service(&group).await;
    let news = News::follow(&group).await;
    group.nodes[0].signal("STOP");
    news.followed_at(moves_on(&group, &server, 0, &old).await).await;
    group.nodes[0].signal("CONT");
    for _ in 0..100 {
        let response = login(&server).await;
        assert_ne!(header(&response, "x-redis-node"), old);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commanded_failover_is_followed() {
    let group = Group::start();
    let (server, old) = service(&group).await;
    let news = News::follow(&group).await;
    assert_eq!(group.sentinels[0].ask("SENTINEL FAILOVER mymaster").as_deref(), Some("+OK\r\n"));
    news.followed_at(moves_on(&group, &server, 0, &old).await).await;
}

/// Such Sentinels have the epoch 0 again, below that of the failover before. The third one stands
/// by nobody: it is away, or knows of no master any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_master_that_is_named_to_the_sentinels_after_a_failover_is_followed() {
    tokio::join!(names_another(Node::kill), names_another(|third| forgets(third)));
}

fn forgets(sentinel: &Node) {
    assert_eq!(sentinel.ask("SENTINEL REMOVE mymaster").as_deref(), Some("+OK\r\n"));
}

async fn names_another(leaves: impl Fn(&mut Node)) {
    let mut group = Group::start();
    let another = Node::start();
    let (server, old) = service(&group).await;
    let knows = |port: u16| {
        let info = group.sentinels[2].ask("INFO sentinel").unwrap_or_default();
        info.contains(&format!(",address=127.0.0.1:{port},"))
    };
    let before = group.nodes[0].port;
    assert!(knows(before));
    assert_eq!(group.sentinels[0].ask("SENTINEL FAILOVER mymaster").as_deref(), Some("+OK\r\n"));
    moves_on(&group, &server, 0, &old).await;
    eventually("the third one knows of it", || async { !knows(before) }).await;
    let monitor = format!("SENTINEL MONITOR mymaster 127.0.0.1 {} 2", another.port);
    leaves(&mut group.sentinels[2]);
    for sentinel in &group.sentinels[..2] {
        forgets(sentinel);
        assert_eq!(sentinel.ask(&monitor).as_deref(), Some("+OK\r\n"));
    }
    let id = another.run_id();
    eventually("the other master is written to", || async {
        let response = login(&server).await;
        response.status() == 200 && header(&response, "x-redis-node") == id
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_acknowledged_only_when_the_replicas_have_it() {
    let mut group = Group::start();
    let flags = ["--redis-command-timeout", "1000", "--queue-durability", "replicas:2"];
    let server = Server::on(&group, &flags).await;
    let job = json!({ "queue": "llm-processing", "name": "generate-response",
        "data": { "prompt": "x" } });
    let jobs = (0..50).map(|_| server.post("/api/jobs", job.clone()));
    for response in futures_util::future::join_all(jobs).await {
        assert_eq!(response.status(), 202);
    }
    group.nodes[2].kill();
    let short = server.post("/api/jobs", job).await;
    assert_eq!((short.status().as_u16(), header(&short, "x-outcome")), (503, "unknown"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn naively_a_killed_master_is_replaced_and_a_frozen_one_waited_for() {
    let naive = ["--redis-command-timeout", "1000", "--redis-failover", "naive"];
    let mut group = Group::start();
    let server = Server::on(&group, &naive).await;
    let old = group.run_id(0);
    group.nodes[0].kill();
    moves_on(&group, &server, 0, &old).await;

    let group = Group::start();
    let server = Server::on(&group, &naive).await;
    group.nodes[0].signal("STOP");
    eventually("a replica is promoted", || async { group.master_except(0).is_some() }).await;
    for _ in 0..3 {
        let response = login(&server).await;
        assert_eq!((response.status().as_u16(), header(&response, "x-outcome")), (503, "unknown"));
    }
}
