//! What an instance tells of itself: metrics, and spans to a collector.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use redrill_server::Telemetry;
use reqwest::Method;
use serde_json::json;

use crate::redis::Node;
use crate::server::{Server, eventually, header, settings};

/// The value of a series; 0 where it is not there.
async fn value(server: &Server, series: &str) -> f64 {
    let text = server.get("/metrics").await.text().await.expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

#[tokio::test]
async fn metrics_tell_what_was_done() {
    let node = Node::start();
    let limit = ["--rate-limit-max-requests", "1", "--rate-limit-window-ms", "3600000"];
    let flags = [&limit[..], &["--redis-metrics-interval-ms", "100"]].concat();
    let server = Server::on(&node, &flags).await;
    for _ in 0..2 {
        server.post("/api/llm/generate", json!({ "prompt": "a" })).await;
        server.get("/api/limited").await;
    }
    server.submit("email-notifications", "send-email", json!({ "to": "a" }), json!({})).await;
    server.request(Method::from_bytes(b"BREW").expect("a method"), "/health").send().await.ok();
    let expected = [
        ("cache_requests_total{cache=\"llm\",result=\"hit\"}", 1.0),
        ("cache_requests_total{cache=\"llm\",result=\"miss\"}", 1.0),
        ("cache_hit_ratio{cache=\"llm\"}", 0.5),
        ("rate_limit_decisions_total{policy=\"general\",decision=\"admitted\"}", 1.0),
        ("rate_limit_decisions_total{policy=\"general\",decision=\"rejected\"}", 1.0),
        ("queue_jobs_submitted_total{queue=\"email-notifications\"}", 1.0),
        ("redis_up{role=\"main\"}", 1.0),
        ("redis_connections_total{role=\"main\"}", 1.0),
        ("presence_sockets{}", 0.0),
        (
            "http_request_duration_seconds_count{method=\"POST\",route=\"/api/llm/generate\",\
             status=\"200\"}",
            2.0,
        ),
        (
            "http_request_duration_seconds_count{method=\"other\",route=\"/health\",\
             status=\"405\"}",
            1.0,
        ),
    ];
    for (series, number) in expected {
        assert!((value(&server, series).await - number).abs() < 1e-9, "{series}");
    }
    let later = [
        "queue_attempt_duration_seconds_count{queue=\"email-notifications\",outcome=\"completed\"}",
        "queue_jobs{queue=\"email-notifications\",state=\"completed\"}",
        "redis_used_memory_bytes{role=\"cache\",node=\"0\"}",
        "redis_info_collections_total{role=\"sessions\",outcome=\"ok\"}",
        "redis_command_duration_seconds_count{role=\"main\",outcome=\"ok\"}",
    ];
    for series in later {
        eventually(series, || async { value(&server, series).await >= 1.0 }).await;
    }
}

#[tokio::test]
async fn metrics_can_be_turned_off() {
    let node = Node::start();
    let server = Server::on(&node, &["--redis-enable-metrics", "false"]).await;
    assert_eq!(server.get("/metrics").await.status(), 404);
}

type Received = Arc<Mutex<Vec<u8>>>;

/// A collector that keeps the bytes of all batches.
async fn collector() -> (String, Received) {
    async fn take(State(received): State<Received>, headers: HeaderMap, body: Bytes) {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        received.lock().expect("no test panics here").extend_from_slice(&body);
    }
    let received = Received::default();
    let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&received));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, received)
}

/// Spans with the attributes that tell what happened. Texts stand in protobuf as they are.
const SPANS: &[&str] = &[
    "redrill-server",
    "an-instance",
    "http.request",
    "http.route",
    "/api/session/login",
    "redis.command",
    "db.operation",
    "EVALSHA",
    "redis.health.check",
    "redis.health.main",
    "llm.cache.get",
    "cache.hit",
    "cache.age",
    "llm.cache.set",
    "cache.ttl",
    "response.length",
    "metadata.model",
    "llm.cache.stats",
    "cache.stats.hit_rate",
    "llm.cache.clear",
    "cache.warmup.prompts",
    "session.analytics",
    "session.user_id",
    "rate_limit.exceeded",
    "rate_limit.endpoint",
    "rate_limit.user_agent",
    "websocket.user.set_online",
    "websocket.user.set_offline",
    "socket.id",
    "job.queue.add",
    "job.priority",
    "job.process.llm",
    "llm.model",
    "job.process.email",
    "email.to",
    "job.success",
    "redis.monitor.collect_metrics",
    "redis.connected_clients",
];

#[tokio::test]
async fn a_collector_receives_spans_with_their_attributes() {
    let node = Node::start();
    let (url, received) = collector().await;
    let flags = ["--otel-exporter-otlp-endpoint", &url, "--instance-id", "an-instance"];
    let telemetry = Telemetry::new(&settings(&flags).expect("they are right")).expect("a URL");
    // With one dispatcher alone, a callsite that another test's thread comes to first would count
    // as followed by nobody: tracing takes that thread's for the only one.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    // This test's runtime has one thread, and so all of the server's tasks are followed.
    let following = tracing::dispatcher::set_default(telemetry.dispatch());
    let limit = ["--rate-limit-max-requests", "1", "--rate-limit-window-ms", "3600000"];
    let server = Server::on(&node, &limit).await;
    let login = server.post("/api/session/login", json!({ "userId": "ada" })).await;
    let id = header(&login, "set-cookie").to_owned();
    for _ in 0..2 {
        server.post("/api/llm/generate", json!({ "prompt": "a" })).await;
        server.get("/api/limited").await;
    }
    server.post("/api/cache/warm", json!({ "prompts": ["b"], "models": ["m"] })).await;
    server.get("/api/cache/stats").await;
    server.request(Method::DELETE, "/api/cache").send().await.expect("an answer");
    let prompt = json!({ "prompt": "a" });
    server.submit("llm-processing", "generate-response", prompt, json!({})).await;
    server.submit("email-notifications", "send-email", json!({ "to": "a" }), json!({})).await;
    eventually("the jobs have run", || async {
        let stats = server.read("/api/queues/stats").await;
        stats["llm-processing"]["completed"] == 1 && stats["email-notifications"]["completed"] == 1
    })
    .await;
    crate::presence::visit(&server, "ada").await;
    drop(following);
    telemetry.flush().await;
    let bytes = received.lock().expect("no test panics here").clone();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for span in SPANS {
        assert!(has(span), "{span} was not received in {} bytes", bytes.len());
    }
    let secret = id.split(['=', ';']).nth(1).unwrap_or_default();
    assert!(secret.len() > 40 && !has(&secret[secret.len() - 40..]), "whoever has it is ada");
}
