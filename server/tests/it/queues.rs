//! Jobs run at least once, in order, with their pauses, and are decided over once.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::clock;
use crate::server::{Server, body, eventually};
use crate::topology::{Place, on_each_topology};
use crate::upstream::{Upstream, answering};

on_each_topology! {
    a_job_calls_its_api_once_and_keeps_its_result,
    a_mail_has_what_its_job_has_and_a_job_is_shown_as_it_was_given,
    each_queue_keeps_as_many_as_it_promises,
    failures_are_retried_with_doubling_pauses_until_the_attempts_are_used_up,
    a_job_that_succeeds_at_last_has_a_result_and_no_reason,
    a_pause_doubles_up_to_a_day_and_no_further,
    priority_goes_before_time_and_none_before_all,
    a_delayed_job_is_not_early,
    retention_keeps_the_latest_and_all_keeps_all,
    retention_of_failed_jobs_is_one_of_its_own,
    an_instance_runs_as_many_jobs_at_once_as_its_concurrency_and_no_more,
    an_api_that_takes_too_long_fails_the_attempt,
    an_answer_that_is_not_the_one_agreed_upon_fails_the_attempt,
    a_dead_workers_job_runs_again_after_its_lease,
    a_worker_that_lost_its_job_cannot_complete_it,
    a_job_that_was_evicted_holds_up_no_other_and_is_forgotten,
    jobs_that_are_none_are_refused,
    a_stop_waits_for_running_jobs,
    a_stop_that_waits_for_requests_takes_no_more_jobs,
    scripts_that_are_flushed_are_sent_again_and_each_job_runs_once,
}

const LLM: &str = "llm-processing";
const EMAIL: &str = "email-notifications";

async fn state(server: &Server, queue: &str, id: &str) -> String {
    let response = server.get(&format!("/api/jobs/{queue}/{id}")).await;
    if response.status() == 404 {
        return "gone".to_owned();
    }
    body(response).await["state"].as_str().unwrap_or_default().to_owned()
}

async fn becomes(server: &Server, queue: &str, id: &str, wanted: &str) {
    eventually(wanted, || async { state(server, queue, id).await == wanted }).await;
}

async fn mail(server: &Server, to: &str, opts: Value) -> String {
    server.submit(EMAIL, "send-email", json!({ "to": to }), opts).await
}

async fn a_job_calls_its_api_once_and_keeps_its_result(place: Place) {
    let model = Upstream::start(0, Duration::ZERO).await;
    let server = Server::on(&place, &["--llm-upstream-url", &model.url]).await;
    let id = server.submit(LLM, "generate-response", json!({ "prompt": "hi" }), json!({})).await;
    becomes(&server, LLM, &id, "completed").await;
    let job = server.read(&format!("/api/jobs/{LLM}/{id}")).await;
    assert_eq!(job["result"], json!({ "response": "hi!" }));
    assert_eq!((&job["attempts"], &job["attemptsMade"]), (&json!(3), &json!(1)));
    let calls = model.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].job.as_str(), calls[0].attempt.as_str()), (id.as_str(), "1"));
    assert_eq!((calls[0].queue.as_str(), &calls[0].body["maxTokens"]), (LLM, &json!(2048)));
}

async fn a_mail_has_what_its_job_has_and_a_job_is_shown_as_it_was_given(place: Place) {
    let mails = Upstream::start(0, Duration::ZERO).await;
    let server = Server::on(&place, &["--mail-upstream-url", &mails.url]).await;
    let data = json!({ "to": "a", "subject": "b", "body": "c", "more": [1] });
    let opts = json!({ "priority": 7 });
    let id = server.submit(EMAIL, "send-email", data.clone(), opts).await;
    becomes(&server, EMAIL, &id, "completed").await;
    let sent = json!({ "to": "a", "subject": "b", "body": "c", "data": data });
    assert_eq!(mails.calls()[0].body, sent);
    assert_eq!((&mails.calls()[0].job, mails.calls()[0].queue.as_str()), (&id, EMAIL));
    let job = server.read(&format!("/api/jobs/{EMAIL}/{id}")).await;
    let expected = json!({ "id": id, "queue": EMAIL, "name": "send-email", "state": "completed",
        "data": data, "attempts": 5, "attemptsMade": 1, "priority": 7,
        "result": { "sent": true } });
    assert_eq!(job, expected);
}

async fn each_queue_keeps_as_many_as_it_promises(place: Place) {
    for (queue, name, completed, failed) in
        [(LLM, "generate-response", 10, 5), (EMAIL, "send-email", 20, 10)]
    {
        let api = Upstream::start(failed + 1, Duration::ZERO).await;
        let urls = ["--llm-upstream-url", &api.url, "--mail-upstream-url", &api.url];
        let server = Server::on(&place, &urls).await;
        let data = json!({ "prompt": "a", "to": "a" });
        let run = async |count: usize| {
            let once = json!({ "attempts": 1 });
            let jobs = (0..count).map(|_| server.submit(queue, name, data.clone(), once.clone()));
            futures_util::future::join_all(jobs).await;
            eventually("all are settled", || async {
                let stats = &server.read("/api/queues/stats").await[queue];
                stats["waiting"] == 0 && stats["active"] == 0
            })
            .await;
        };
        run(failed + 1).await;
        run(completed + 1).await;
        let stats = server.read("/api/queues/stats").await;
        let kept = (&stats[queue]["completed"], &stats[queue]["failed"]);
        assert_eq!(kept, (&json!(completed), &json!(failed)), "{queue}");
        server.stop().await;
    }
}

async fn failures_are_retried_with_doubling_pauses_until_the_attempts_are_used_up(place: Place) {
    let mails = Upstream::start(usize::MAX, Duration::ZERO).await;
    let server = Server::on(&place, &["--mail-upstream-url", &mails.url]).await;
    let started = clock::now();
    let id = mail(&server, "a", json!({ "attempts": 3, "backoff": 100 })).await;
    becomes(&server, EMAIL, &id, "failed").await;
    assert!(started.elapsed() >= Duration::from_millis(300), "100 ms, then 200 ms");
    let attempts: Vec<String> = mails.calls().into_iter().map(|call| call.attempt).collect();
    assert_eq!(attempts, ["1", "2", "3"]);
    let job = server.read(&format!("/api/jobs/{EMAIL}/{id}")).await;
    let reason = job["failedReason"].as_str().unwrap_or_default();
    assert!(reason.contains("500"), "{reason}");
}

async fn a_job_that_succeeds_at_last_has_a_result_and_no_reason(place: Place) {
    let mails = Upstream::start(1, Duration::ZERO).await;
    let server = Server::on(&place, &["--mail-upstream-url", &mails.url]).await;
    let id = mail(&server, "a", json!({ "backoff": 10 })).await;
    becomes(&server, EMAIL, &id, "completed").await;
    let job = server.read(&format!("/api/jobs/{EMAIL}/{id}")).await;
    assert_eq!((&job["attemptsMade"], &job["result"]["sent"]), (&json!(2), &json!(true)));
    assert!(job.get("failedReason").is_none(), "{job}");
}

async fn priority_goes_before_time_and_none_before_all(place: Place) {
    let mails = Upstream::start(0, Duration::ZERO).await;
    let off = Server::on(&place, &["--queue-email-concurrency", "0"]).await;
    for (to, priority) in [("ten", 10), ("one", 1), ("none", 0), ("late one", 1)] {
        mail(&off, to, json!({ "priority": priority })).await;
    }
    assert_eq!(off.read("/api/queues/stats").await[EMAIL]["waiting"], 4);
    let flags = ["--queue-email-concurrency", "1", "--mail-upstream-url", &mails.url];
    let _on = Server::on(&place, &flags).await;
    eventually("all are sent", || async { mails.calls().len() == 4 }).await;
    let order: Vec<Value> = mails.calls().into_iter().map(|call| call.body["to"].clone()).collect();
    assert_eq!(order, ["none", "one", "late one", "ten"]);
}

async fn a_delayed_job_is_not_early(place: Place) {
    let mails = Upstream::start(0, Duration::ZERO).await;
    let server = Server::on(&place, &["--mail-upstream-url", &mails.url]).await;
    let submitted = clock::now();
    let id = mail(&server, "a", json!({ "delay": 400 })).await;
    assert_eq!(state(&server, EMAIL, &id).await, "delayed");
    tokio::time::sleep(Duration::from_millis(250)).await;
    // Another job wakes the workers before the time.
    mail(&server, "b", json!({})).await;
    becomes(&server, EMAIL, &id, "completed").await;
    assert!(submitted.elapsed() >= Duration::from_millis(400));
    assert!(submitted.elapsed() < Duration::from_millis(2000), "{:?}", submitted.elapsed());
}

async fn retention_keeps_the_latest_and_all_keeps_all(place: Place) {
    for (keep, kept) in [("2", 2), ("all", 5), ("0", 0)] {
        let place = place.another();
        let server = Server::on(&place, &["--queue-email-keep-completed", keep]).await;
        let mut ids = Vec::new();
        for number in 0..5 {
            ids.push(mail(&server, &number.to_string(), json!({})).await);
        }
        eventually("all are done", || async {
            let stats = &server.read("/api/queues/stats").await[EMAIL];
            stats["completed"] == kept && stats["waiting"] == 0 && stats["active"] == 0
        })
        .await;
        let mut left = 0;
        for id in &ids {
            left += u64::from(state(&server, EMAIL, id).await == "completed");
        }
        assert_eq!(left, kept, "keep {keep}");
        server.stop().await;
    }
}

async fn retention_of_failed_jobs_is_one_of_its_own(place: Place) {
    let mails = Upstream::start(usize::MAX, Duration::ZERO).await;
    let flags = ["--queue-email-keep-failed", "2", "--mail-upstream-url", &mails.url];
    let server = Server::on(&place, &flags).await;
    for number in 0..4 {
        mail(&server, &number.to_string(), json!({ "attempts": 1 })).await;
    }
    eventually("all have failed", || async {
        let stats = &server.read("/api/queues/stats").await[EMAIL];
        stats["failed"] == 2 && stats["waiting"] == 0 && stats["active"] == 0
    })
    .await;
    assert_eq!(mails.calls().len(), 4);
    let body = &mails.calls()[0].body;
    assert!(["0", "1", "2", "3"].map(|to| json!(to)).contains(&body["to"]), "{body}");
}

async fn an_instance_runs_as_many_jobs_at_once_as_its_concurrency_and_no_more(place: Place) {
    let api = Upstream::start(0, Duration::from_millis(200)).await;
    let urls = ["--mail-upstream-url", &api.url, "--queue-email-keep-completed", "all"];
    let server = Server::on(&place, &urls).await;
    let jobs = (0..10).map(|_| mail(&server, "a", json!({})));
    futures_util::future::join_all(jobs).await;
    eventually("all are done", || async {
        server.read("/api/queues/stats").await[EMAIL]["completed"] == 10
    })
    .await;
    assert_eq!(api.most_running(), 3, "the default of this queue");
    server.stop().await;

    let model = Upstream::start(0, Duration::from_millis(200)).await;
    let urls = ["--llm-upstream-url", &model.url, "--queue-llm-keep-completed", "all"];
    let server = Server::on(&place, &urls).await;
    let prompt = json!({ "prompt": "a" });
    let jobs = (0..12).map(|_| server.submit(LLM, "generate-response", prompt.clone(), json!({})));
    futures_util::future::join_all(jobs).await;
    eventually("all are done", || async {
        server.read("/api/queues/stats").await[LLM]["completed"] == 12
    })
    .await;
    assert_eq!(model.most_running(), 5, "the default of this one");
}

async fn an_api_that_takes_too_long_fails_the_attempt(place: Place) {
    let mails = Upstream::start(0, Duration::from_secs(60)).await;
    let flags = ["--upstream-timeout-ms", "100", "--mail-upstream-url", &mails.url];
    let server = Server::on(&place, &flags).await;
    let id = mail(&server, "a", json!({ "attempts": 2, "backoff": 0 })).await;
    becomes(&server, EMAIL, &id, "failed").await;
    let attempts: Vec<String> = mails.calls().into_iter().map(|call| call.attempt).collect();
    assert_eq!(attempts, ["1", "2"]);
}

async fn an_answer_that_is_not_the_one_agreed_upon_fails_the_attempt(place: Place) {
    for (status, of_model, of_mail) in [
        (StatusCode::OK, "completed", "completed"),
        (StatusCode::CREATED, "failed", "completed"),
        (StatusCode::FOUND, "failed", "failed"),
        (StatusCode::TEMPORARY_REDIRECT, "failed", "failed"),
    ] {
        let place = place.another();
        let url = answering(status).await;
        let flags = ["--llm-upstream-url", &url, "--mail-upstream-url", &url];
        let server = Server::on(&place, &flags).await;
        let (prompt, once) = (json!({ "prompt": "a" }), json!({ "attempts": 1 }));
        let asked = server.submit(LLM, "generate-response", prompt, once.clone()).await;
        let sent = mail(&server, "a", once).await;
        for (queue, id, outcome) in [(LLM, asked, of_model), (EMAIL, sent, of_mail)] {
            let settled = async || {
                let state = state(&server, queue, &id).await;
                ["completed", "failed"].contains(&state.as_str())
            };
            eventually("the job is settled", settled).await;
            assert_eq!(state(&server, queue, &id).await, outcome, "{queue} after a {status}");
        }
    }
}

async fn a_dead_workers_job_runs_again_after_its_lease(place: Place) {
    let slow = Upstream::start(0, Duration::from_secs(60)).await;
    let mails = Upstream::start(0, Duration::ZERO).await;
    // With its runtime the whole instance is gone at once, as after a SIGKILL.
    let doomed = tokio::runtime::Runtime::new().expect("a runtime");
    let mut all = place.flags();
    fn flags(url: &str) -> [&str; 4] {
        ["--queue-lease-ms", "300", "--mail-upstream-url", url]
    }
    all.extend(flags(&slow.url).map(ToOwned::to_owned));
    let dying = doomed.spawn(async move {
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        Server::start(&all).await
    });
    let dying = dying.await.expect("it starts");
    let id = mail(&dying, "a", json!({})).await;
    eventually("it runs", || async { slow.calls().len() == 1 }).await;
    doomed.shutdown_background();
    let server = Server::on(&place, &flags(&mails.url)).await;
    becomes(&server, EMAIL, &id, "completed").await;
    assert_eq!(mails.calls().len(), 1);
}

async fn a_worker_that_lost_its_job_cannot_complete_it(place: Place) {
    let mails = Upstream::start(0, Duration::from_millis(600)).await;
    let flags = ["--queue-lease-ms", "30000", "--mail-upstream-url", &mails.url];
    let server = Server::on(&place, &flags).await;
    let id = mail(&server, "a", json!({})).await;
    becomes(&server, EMAIL, &id, "active").await;
    let job = format!("{}prompt-card:queue:{{email-notifications}}:job:{id}", place.prefix);
    let taken = [("lease", "2:other"), ("takes", "2")];
    place.ask::<()>(0, redis::cmd("HSET").arg(job).arg(&taken)).await;
    eventually("the mail is sent", || async { mails.calls().len() == 1 }).await;
    let running = format!("queue_jobs_running{{queue=\"{EMAIL}\"}}");
    eventually("it has tried", || async { metric(&server, &running).await == "0" }).await;
    assert_eq!(state(&server, EMAIL, &id).await, "active", "the other still has it");
}

async fn a_job_that_was_evicted_holds_up_no_other_and_is_forgotten(place: Place) {
    let mails = Upstream::start(0, Duration::ZERO).await;
    let off = Server::on(&place, &["--queue-email-concurrency", "0"]).await;
    let mut ids = Vec::new();
    for to in ["a", "b", "c"] {
        ids.push(mail(&off, to, json!({})).await);
    }
    let evicted = format!("prompt-card:queue:{{email-notifications}}:job:{}", ids[1]);
    let key = format!("{}{evicted}", place.prefix);
    assert_eq!(place.ask::<u32>(0, redis::cmd("UNLINK").arg(key)).await, 1);
    // Nothing comes back by itself: a batch that is lost stays lost for the time of this test.
    let flags = ["--queue-lease-ms", "3600000", "--mail-upstream-url", &mails.url];
    let server = Server::on(&place, &flags).await;
    becomes(&server, EMAIL, &ids[0], "completed").await;
    becomes(&server, EMAIL, &ids[2], "completed").await;
    let stats = &server.read("/api/queues/stats").await[EMAIL];
    assert_eq!((&stats["waiting"], &stats["active"]), (&json!(0), &json!(0)));
    assert_eq!(state(&server, EMAIL, &ids[1]).await, "gone");
    assert!(!place.keys(0).await.contains(&evicted), "nothing is left of it");
}

async fn metric(server: &Server, name: &str) -> String {
    let text = server.get("/metrics").await.text().await.expect("text");
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.rsplit(' ').next().unwrap_or_default().to_owned()
}

async fn jobs_that_are_none_are_refused(place: Place) {
    let server = Server::on(&place, &[]).await;
    let job = |queue: &str, name: &str, data: Value, opts: Value| {
        server
            .post("/api/jobs", json!({ "queue": queue, "name": name, "data": data, "opts": opts }))
    };
    let good = json!({ "to": "a" });
    assert_eq!(job("nowhere", "send-email", good.clone(), json!({})).await.status(), 404);
    for (name, data, opts, field) in [
        ("other", good.clone(), json!({}), "name"),
        ("send-email", json!({}), json!({}), "data.to"),
        ("send-email", json!({ "to": "" }), json!({}), "data.to"),
        ("send-email", json!({ "to": ["a"] }), json!({}), "data.to"),
        ("send-email", json!({ "to": "a", "subject": 1 }), json!({}), "data.subject"),
        ("send-email", json!({ "to": "a", "body": {} }), json!({}), "data.body"),
        ("send-email", json!(["a"]), json!({}), "data"),
        ("send-email", good.clone(), json!([1]), "opts"),
        ("send-email", good.clone(), json!({ "delay": "soon" }), "opts.delay"),
        ("send-email", good.clone(), json!({ "attempts": 0 }), "opts.attempts"),
        ("send-email", good.clone(), json!({ "priority": 9_999_999 }), "opts.priority"),
    ] {
        let response = job(EMAIL, name, data, opts).await;
        assert_eq!(response.status(), 400);
        assert_eq!(body(response).await["field"], field);
    }
    // What the model is not asked by a request it is not asked by a job.
    for (wrong, field) in [
        (json!({}), "data.prompt"),
        (json!({ "prompt": "" }), "data.prompt"),
        (json!({ "prompt": 1 }), "data.prompt"),
        (json!({ "prompt": "a", "model": "" }), "data.model"),
        (json!({ "prompt": "a", "model": 7 }), "data.model"),
        (json!({ "prompt": "a", "temperature": 2.1 }), "data.temperature"),
        (json!({ "prompt": "a", "temperature": "hot" }), "data.temperature"),
        (json!({ "prompt": "a", "maxTokens": 0 }), "data.maxTokens"),
        (json!({ "prompt": "a", "maxTokens": 1.5 }), "data.maxTokens"),
    ] {
        let response = job(LLM, "generate-response", wrong.clone(), json!({})).await;
        assert_eq!(response.status(), 400, "{wrong}");
        let body = body(response).await;
        assert_eq!(body["field"], field);
        let error = body["error"].as_str().unwrap_or_default();
        assert!(error.starts_with(&format!("{field} must")), "{error}");
    }
    let none = json!({ "waiting": 0, "active": 0, "completed": 0, "failed": 0, "delayed": 0 });
    assert_eq!(server.read("/api/queues/stats").await, json!({ LLM: none, EMAIL: none }));
    let all = json!({ "prompt": "a", "model": null, "temperature": 1, "maxTokens": 5, "more": [] });
    assert_eq!(job(LLM, "generate-response", all, json!({})).await.status(), 202);
    let huge = json!({ "to": "a", "body": "a".repeat(1024 * 1024) });
    assert_eq!(job(EMAIL, "send-email", huge, json!({})).await.status(), 413);
    assert_eq!(server.get(&format!("/api/jobs/{EMAIL}/none")).await.status(), 404);
}

async fn a_stop_waits_for_running_jobs(place: Place) {
    let mails = Upstream::start(0, Duration::from_millis(500)).await;
    let server = Server::on(&place, &["--mail-upstream-url", &mails.url]).await;
    let watching = Server::on(&place, &["--queue-email-concurrency", "0"]).await;
    let id = mail(&server, "a", json!({})).await;
    becomes(&watching, EMAIL, &id, "active").await;
    server.stop().await;
    assert_eq!(state(&watching, EMAIL, &id).await, "completed");
}

async fn a_stop_that_waits_for_requests_takes_no_more_jobs(place: Place) {
    let mails = Upstream::start(0, Duration::from_millis(300)).await;
    let model = Upstream::start(0, Duration::from_millis(1500)).await;
    let apis = ["--mail-upstream-url", &mails.url, "--llm-upstream-url", &model.url];
    let flags = [&apis[..], &["--queue-email-concurrency", "1"]].concat();
    let server = Server::on(&place, &flags).await;
    let watching = Server::on(&place, &["--queue-email-concurrency", "0"]).await;
    let question =
        server.request(Method::POST, "/api/llm/generate").json(&json!({ "prompt": "a" }));
    let asked = tokio::spawn(question.send());
    eventually("the model is asked", || async { model.running() == 1 }).await;
    let (runs, waits) =
        (mail(&watching, "a", json!({})).await, mail(&watching, "b", json!({})).await);
    becomes(&watching, EMAIL, &runs, "active").await;
    server.stop().await;
    assert_eq!(asked.await.expect("no panic").expect("an answer").status(), 200);
    assert_eq!(state(&watching, EMAIL, &runs).await, "completed");
    assert_eq!(state(&watching, EMAIL, &waits).await, "waiting", "it is another instance's");
}

async fn scripts_that_are_flushed_are_sent_again_and_each_job_runs_once(place: Place) {
    let mails = Upstream::start(1, Duration::ZERO).await;
    let flags = ["--mail-upstream-url", &mails.url, "--queue-email-keep-completed", "all"];
    let server = Server::on(&place, &flags).await;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(mail(&server, &number.to_string(), json!({ "backoff": 10 })).await);
        place.tell_all(redis::cmd("SCRIPT").arg("FLUSH")).await;
    }
    eventually("all are completed", || async {
        server.read("/api/queues/stats").await[EMAIL]["completed"] == 10
    })
    .await;
    let mut sent: Vec<String> = mails.calls().into_iter().map(|call| call.job).collect();
    assert_eq!(sent.len(), 11, "one of them twice: the first call fails");
    sent.sort_unstable();
    sent.dedup();
    ids.sort_unstable();
    assert_eq!(sent, ids);
}

async fn a_pause_doubles_up_to_a_day_and_no_further(place: Place) {
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    let failing = Upstream::start(usize::MAX, Duration::ZERO).await;
    let idle = Server::on(&place, &["--queue-email-concurrency", "0"]).await;
    let id = mail(&idle, "a", json!({ "attempts": 100, "backoff": 1000 })).await;
    let keys = format!("{}prompt-card:queue:{{{EMAIL}}}:", place.prefix);
    let job = format!("{keys}job:{id}");
    place.ask::<()>(0, redis::cmd("HSET").arg(job).arg("failures").arg(29)).await;
    let before = clock::unix_ms();
    let server = Server::on(&place, &["--mail-upstream-url", &failing.url]).await;
    becomes(&server, EMAIL, &id, "delayed").await;
    let score = redis::cmd("ZSCORE").arg(format!("{keys}delayed")).arg(&id).to_owned();
    let due: f64 = place.ask(0, &score).await;
    let (due, after) = (due as u64, clock::unix_ms());
    assert!((before + DAY_MS..=after + DAY_MS).contains(&due), "{before}, {due}, {after}");
}
