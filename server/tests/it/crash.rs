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
    a_frozen_instance_cannot_complete_what_another_has_taken_over,
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

async fn a_frozen_instance_cannot_complete_what_another_has_taken_over(place: Place) {
    let mails = Upstream::start(0, Duration::from_millis(1000)).await;
    let set = ["--queue-lease-ms", "400", "--mail-upstream-url", &mails.url];
    let flags = flags(&place, &set);
    let one = Instance::start(&flags).await;
    let id = one.server.submit(QUEUE, "send-email", json!({ "to": "a" }), json!({})).await;
    eventually("it runs", || async { mails.running() == 1 }).await;
    one.signal("STOP");
    let other = Instance::start(&flags).await;
    let completed = async || other.server.read("/api/queues/stats").await[QUEUE]["completed"] == 1;
    eventually("the other one has done it", completed).await;
    one.signal("CONT");
    let lost =
        format!("queue_attempt_duration_seconds_count{{queue=\"{QUEUE}\",outcome=\"lost\"}} 1");
    let running = format!("queue_jobs_running{{queue=\"{QUEUE}\"}} 0");
    eventually("the first one knows that it has lost it", || async {
        let metrics = one.server.get("/metrics").await.text().await.expect("text");
        assert!(!metrics.contains("outcome=\"completed\""), "it was another's: {metrics}");
        metrics.contains(&lost) || metrics.contains(&running)
    })
    .await;
    assert!(completed().await, "once");
    let job: Value = other.server.read(&format!("/api/jobs/{QUEUE}/{id}")).await;
    assert_eq!((&job["state"], &job["result"]), (&json!("completed"), &json!({ "sent": true })));
    assert_eq!(mails.calls().len(), 2, "it ran again");
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
