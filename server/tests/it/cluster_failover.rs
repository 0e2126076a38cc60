//! A cluster whose masters die, freeze or are deposed, and whose slots move.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::clock;
use crate::cluster::Cluster;
use crate::presence::Socket;
use crate::server::{Server, body, eventually, header};
use crate::upstream::Upstream;

const LONGEST: Duration = Duration::from_millis(1250);
const FLAGS: [&str; 2] = ["--redis-command-timeout", "1000"];
const QUEUE: &str = "email-notifications";

fn job() -> Value {
    json!({ "queue": QUEUE, "name": "send-email", "data": { "to": "a" } })
}

/// Submits a job and gives the node that acknowledged it, if one did.
async fn submit(server: &Server) -> Option<String> {
    let (response, took) = clock::timed(server.post("/api/jobs", job())).await;
    assert!(took < LONGEST, "a submission took {took:?}");
    if response.status() == 202 {
        return Some(header(&response, "x-redis-node").to_owned());
    }
    assert_eq!(response.status(), 503);
    assert!(["refused", "unknown"].contains(&header(&response, "x-outcome")));
    None
}

/// Submits until another node than `old` has acknowledged.
async fn moves_on(server: &Server, old: &str) -> String {
    let started = clock::now();
    loop {
        match submit(server).await {
            Some(node) if node != old => return node,
            _ => assert!(started.elapsed() < Duration::from_secs(30), "no job within 30 s"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A cluster, an instance, and the place of the master that has the queue.
async fn service() -> (Cluster, Server, usize) {
    let cluster = Cluster::start(1, 1000);
    let server = Server::on(&cluster, &FLAGS).await;
    let node = submit(&server).await.expect("a job is taken");
    let place = (0..3).find(|place| cluster.nodes[*place].run_id() == node);
    (cluster, server, place.expect("a master has acknowledged it"))
}

/// Every capability serves, whichever node has its keys.
async fn all_is_well(server: &Server) {
    for number in 0..20 {
        let user = format!("user {number}");
        let request = server.request(Method::GET, "/api/limited").header("x-user-id", &user);
        assert_eq!(request.send().await.expect("an answer").status(), 200);
        let login = server.post("/api/session/login", json!({ "userId": user })).await;
        assert_eq!(login.status(), 200);
        let question = json!({ "prompt": user });
        let answer = server.post("/api/llm/generate", question).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "x-degraded")), (200, ""));
    }
    assert_eq!(server.get("/health").await.status(), 200);
    eventually("the workers have moved on too", || async {
        let stats = &server.read("/api/queues/stats").await[QUEUE];
        stats["waiting"] == 0 && stats["active"] == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_master_is_replaced() {
    let (mut cluster, server, place) = service().await;
    let mut ada = Socket::online(&server, "ada").await;
    let old = cluster.nodes[place].run_id();
    cluster.nodes[place].kill();
    let node = moves_on(&server, &old).await;
    assert_eq!(node, cluster.nodes[place + 3].run_id(), "its replica");
    eventually("all masters are connected", || async {
        server.get("/health").await.status() == 200
    })
    .await;
    all_is_well(&server).await;
    // Presence has its slot in the first range, the queue in the last one.
    assert_ne!(place, 0);
    cluster.nodes[0].kill();
    eventually("presence has another master too", || async {
        let info = cluster.nodes[3].ask("INFO replication").unwrap_or_default();
        info.contains("role:master") && server.get("/health").await.status() == 200
    })
    .await;
    ada.hears_of(&server, "bob").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_master_holds_nobody_and_is_not_gone_back_to() {
    let (cluster, server, place) = service().await;
    let old = cluster.nodes[place].run_id();
    cluster.nodes[place].signal("STOP");
    moves_on(&server, &old).await;
    cluster.nodes[place].signal("CONT");
    for _ in 0..100 {
        assert_ne!(submit(&server).await.as_ref(), Some(&old));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commanded_failover_loses_nothing() {
    let (cluster, server, place) = service().await;
    let old = cluster.nodes[place].run_id();
    assert_eq!(cluster.nodes[place + 3].ask("CLUSTER FAILOVER").as_deref(), Some("+OK\r\n"));
    let started = clock::now();
    while submit(&server).await.expect("each job is taken") == old {
        assert!(started.elapsed() < Duration::from_secs(30), "no failover within 30 s");
    }
    all_is_well(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_acknowledged_only_when_the_replica_has_it() {
    let mut cluster = Cluster::start(1, 600_000);
    let flags = [&FLAGS[..], &["--queue-durability", "replicas:1"]].concat();
    let server = Server::on(&cluster, &flags).await;
    let node = submit(&server).await.expect("a job is taken");
    let master = (0..3).find(|place| cluster.nodes[*place].run_id() == node);
    cluster.nodes[master.expect("a master has acknowledged it") + 3].kill();
    let short = server.post("/api/jobs", job()).await;
    assert_eq!((short.status().as_u16(), header(&short, "x-outcome")), (503, "unknown"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_move_under_load_and_nothing_is_lost_or_counted_twice() {
    let cluster = Cluster::start(0, 10_000);
    let mails = Upstream::start(0, Duration::ZERO).await;
    let flags = ["--mail-upstream-url", &mails.url, "--rate-limit-window-ms", "3600000"];
    let flags = [&flags[..], &["--rate-limit-max-requests", "1000000"]].concat();
    let server = Server::on(&cluster, &flags).await;
    let hits = async {
        let mut counts = Vec::new();
        for _ in 0..300 {
            let request = server.request(Method::GET, "/api/limited").header("x-user-id", "ada");
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 200);
            counts.push(header(&answer, "x-ratelimit-count").parse::<u32>().expect("a count"));
        }
        counts
    };
    let jobs = async {
        let mut ids = Vec::new();
        for _ in 0..100 {
            let answer = server.post("/api/jobs", job()).await;
            assert_eq!(answer.status(), 202);
            ids.push(body(answer).await["id"].as_str().expect("an id").to_owned());
        }
        ids
    };
    let moves = async {
        for key in
            ["prompt-card:rl:fixed-window:user:ada", "prompt-card:queue:{email-notifications}:"]
        {
            for _ in 0..3 {
                cluster.move_slot_of(key).await;
            }
        }
    };
    let (counts, ids, ()) = tokio::join!(hits, jobs, moves);
    assert_eq!(counts, (1..=300).collect::<Vec<_>>(), "each hit is counted once");
    eventually("all mails are sent", || async { mails.calls().len() >= ids.len() }).await;
    let mut sent: Vec<String> = mails.calls().into_iter().map(|call| call.job).collect();
    sent.sort_unstable();
    assert_eq!(sent, ids, "each once");
}
