//! An instance is killed in the middle of its work; another one has the rest.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock;
use crate::instance::Instance;
use crate::presence::Socket;
use crate::server::{SECRET, eventually};
use crate::topology::{Place, on_each_topology};
use crate::upstream::Upstream;

on_each_topology! {
    every_job_of_a_killed_instance_runs_and_none_is_completed_twice,
    presence_heals_within_the_time_to_live_of_a_killed_instance,
}

const QUEUE: &str = "email-notifications";
const JOBS: usize = 40;

fn flags(place: &Place, more: &[&str]) -> Vec<String> {
    let more = [&["--session-secret", SECRET], more].concat();
    place.flags().into_iter().chain(more.into_iter().map(ToOwned::to_owned)).collect()
}

async fn every_job_of_a_killed_instance_runs_and_none_is_completed_twice(place: Place) {
    let mails = Upstream::start(0, Duration::from_millis(50)).await;
    let set = ["--queue-lease-ms", "400", "--mail-upstream-url", &mails.url];
    let flags = flags(&place, &[&set[..], &["--queue-email-keep-completed", "all"]].concat());
    let (mut one, other) = tokio::join!(Instance::start(&flags), Instance::start(&flags));
    let mut ids = Vec::new();
    for number in 0..JOBS {
        let server = if number % 2 == 0 { &one.server } else { &other.server };
        ids.push(server.submit(QUEUE, "send-email", json!({ "to": "a" }), json!({})).await);
    }
    eventually("both are in the middle of it", || async { mails.calls().len() >= 10 }).await;
    one.kill();
    let running = mails.running();
    eventually("all are completed", || async {
        other.server.read("/api/queues/stats").await[QUEUE]["completed"] == JOBS
    })
    .await;
    let stats = other.server.read("/api/queues/stats").await;
    let expected =
        json!({ "waiting": 0, "active": 0, "completed": JOBS, "failed": 0, "delayed": 0 });
    assert_eq!(stats[QUEUE], expected, "none is listed twice");
    let mut calls: HashMap<String, usize> = HashMap::new();
    for call in mails.calls() {
        *calls.entry(call.job).or_default() += 1;
    }
    assert_eq!(calls.len(), JOBS, "every job ran");
    let twice = ids.iter().filter(|id| calls.get(*id).is_some_and(|count| *count > 1)).count();
    assert!(twice <= running, "{twice} ran twice, {running} ran when the instance died");
    for id in &ids {
        let job: Value = other.server.read(&format!("/api/jobs/{QUEUE}/{id}")).await;
        assert_eq!(job["state"], "completed");
    }
}

async fn presence_heals_within_the_time_to_live_of_a_killed_instance(place: Place) {
    const TTL: Duration = Duration::from_millis(900);
    let flags = flags(&place, &["--presence-ttl-seconds", "0.9"]);
    let (mut one, other) = tokio::join!(Instance::start(&flags), Instance::start(&flags));
    let mut watcher = Socket::online(&other.server, "watcher").await;
    let socket = Socket::online(&one.server, "ada").await;
    assert_eq!(watcher.status().await.1, "online");
    one.kill();
    let (status, took) = clock::timed(watcher.status()).await;
    assert_eq!((status.0.as_str(), status.1.as_str()), ("ada", "offline"));
    // Those who are left look for lapsed sockets three times in a time to live.
    assert!(took <= TTL * 2, "a ghost for {took:?}");
    assert_eq!(other.server.read("/api/presence").await["users"], json!(["watcher"]));
    drop(socket);
}
