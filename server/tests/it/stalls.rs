//! A job that kills whoever runs it does not do so for ever.

use std::time::Duration;

use serde_json::json;
use tokio::runtime::Runtime;

use crate::server::{Server, eventually};
use crate::topology::{Place, on_each_topology};
use crate::upstream::Upstream;

on_each_topology! {
    a_job_whose_worker_dies_more_often_than_is_allowed_has_failed,
}

const QUEUE: &str = "email-notifications";

/// An instance with a runtime of its own, with which it is gone at once, as after a SIGKILL.
async fn doomed(place: &Place, flags: &[&str]) -> (Runtime, Server) {
    let runtime = Runtime::new().expect("a runtime");
    let flags = flags.iter().map(ToString::to_string);
    let all: Vec<String> = place.flags().into_iter().chain(flags).collect();
    let starting = runtime.spawn(async move {
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        Server::start(&all).await
    });
    let server = starting.await.expect("it starts");
    (runtime, server)
}

async fn a_job_whose_worker_dies_more_often_than_is_allowed_has_failed(place: Place) {
    let slow = Upstream::start(0, Duration::from_secs(60)).await;
    let mails = Upstream::start(0, Duration::ZERO).await;
    let common = ["--queue-lease-ms", "300", "--queue-max-stalls", "2", "--mail-upstream-url"];
    let mut id = String::new();
    for death in 1..=3 {
        let (runtime, server) = doomed(&place, &[&common[..], &[&slow.url]].concat()).await;
        if death == 1 {
            id = server.submit(QUEUE, "send-email", json!({ "to": "a" }), json!({})).await;
        }
        eventually("it runs", || async { slow.calls().len() == death }).await;
        runtime.shutdown_background();
        drop(server);
    }
    let server = Server::on(&place, &[&common[..], &[&mails.url]].concat()).await;
    let job = async || server.read(&format!("/api/jobs/{QUEUE}/{id}")).await;
    eventually("it has failed", async || job().await["state"] == "failed").await;
    let reason = job().await["failedReason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.contains("3 times") && reason.contains("QUEUE_MAX_STALLS"), "{reason}");
    let another = server.submit(QUEUE, "send-email", json!({ "to": "b" }), json!({})).await;
    eventually("another one is done", || async { mails.calls().len() == 1 }).await;
    assert_eq!(mails.calls()[0].job, another, "the failed one never runs again");
    let told = format!("queue_jobs_stalled_total{{queue=\"{QUEUE}\",outcome=\"failed\"}} 1");
    let metrics = server.get("/metrics").await.text().await.expect("text");
    assert!(metrics.contains(&told), "{told} is not in\n{metrics}");
}
