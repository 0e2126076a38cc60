//! What an instance tells of itself: metrics, and spans to a collector.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use prost::Message as _;
use redrill_server::Telemetry;
use reqwest::Method;
use serde_json::json;

use crate::presence::Socket;
use crate::redis::Node;
use crate::server::{Server, eventually, header, settings};
use crate::topology::{Place, on_each_topology};

on_each_topology! {
    metrics_tell_what_was_done,
    metrics_can_be_turned_off,
    a_collector_receives_spans_with_their_attributes,
}

/// The value of a series; 0 where it is not there.
async fn value(server: &Server, series: &str) -> f64 {
    let text = server.get("/metrics").await.text().await.expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

async fn metrics_tell_what_was_done(place: Place) {
    let limit = ["--rate-limit-max-requests", "1", "--rate-limit-window-ms", "3600000"];
    let flags = [&limit[..], &["--redis-metrics-interval-ms", "100"]].concat();
    let server = Server::on(&place, &flags).await;
    for _ in 0..2 {
        server.post("/api/llm/generate", json!({ "prompt": "a" })).await;
        server.get("/api/limited").await;
    }
    server.submit("email-notifications", "send-email", json!({ "to": "a" }), json!({})).await;
    let _socket = Socket::online(&server, "ada").await;
    server.request(Method::from_bytes(b"BREW").expect("a method"), "/health").send().await.ok();
    let expected = [
        ("cache_requests_total{cache=\"llm\",result=\"hit\"}", 1.0),
        ("cache_requests_total{cache=\"llm\",result=\"miss\"}", 1.0),
        ("cache_hit_ratio{cache=\"llm\"}", 0.5),
        ("rate_limit_decisions_total{policy=\"general\",decision=\"admitted\"}", 1.0),
        ("rate_limit_decisions_total{policy=\"general\",decision=\"rejected\"}", 1.0),
        ("queue_jobs_submitted_total{queue=\"email-notifications\"}", 1.0),
        ("redis_up{role=\"main\"}", 1.0),
        ("redis_breaker_open{role=\"sessions\"}", 0.0),
        ("presence_sockets{}", 1.0),
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
        "redis_connections_total{role=\"main\"}",
        "presence_users_online{}",
        "presence_status_events_total{status=\"online\"}",
        "queue_jobs{queue=\"email-notifications\",state=\"completed\"}",
        "redis_used_memory_bytes{role=\"cache\",node=\"0\"}",
        "redis_info_collections_total{role=\"sessions\",outcome=\"ok\"}",
        "redis_command_duration_seconds_count{role=\"main\",outcome=\"ok\"}",
    ];
    for series in later {
        eventually(series, || async { value(&server, series).await >= 1.0 }).await;
    }
}

async fn metrics_can_be_turned_off(place: Place) {
    let server = Server::on(&place, &["--redis-enable-metrics", "false"]).await;
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

/// Spans by their name, with attributes that they must have, some with the value.
type Spans = &'static [(&'static str, &'static [&'static str])];

/// What tells of a server's work.
const SPANS: Spans = &[
    ("http.request", &["http.route=/api/session/login", "http.response.status_code=200"]),
    ("redis.command", &["db.system=redis", "db.operation=EVALSHA", "redis.client=main"]),
    (
        "redis.health.check",
        &["redis.health.main=true", "redis.health.cache=true", "redis.health.sessions=true"],
    ),
    ("llm.cache.get", &["cache.hit=false", "cache.key"]),
    ("llm.cache.get", &["cache.hit=true", "cache.key", "cache.age"]),
    ("llm.cache.set", &["cache.key", "cache.ttl=3600", "response.length", "metadata.model=m"]),
    (
        "llm.cache.stats",
        &["cache.stats.total_keys=2", "cache.stats.hit_rate", "cache.stats.memory_usage"],
    ),
    ("llm.cache.clear", &["cache.deleted.count=2"]),
    ("cache.warmup", &["cache.warmup.prompts=1", "cache.warmup.models=1"]),
    ("session.analytics", &["session.id", "session.user_id=ada", "session.new=true"]),
    (
        "rate_limit.exceeded",
        &["rate_limit.ip=127.0.0.1", "rate_limit.endpoint=/api/limited", "rate_limit.user_agent"],
    ),
    ("websocket.connection", &["websocket.event=connection", "socket.id"]),
    ("websocket.user.set_online", &["user.id=ada", "socket.id", "operation=set_online"]),
    ("websocket.user.set_offline", &["user.id=ada", "socket.id", "operation=set_offline"]),
    (
        "job.queue.add",
        &["job.queue=llm-processing", "job.type=generate-response", "job.id", "job.priority=0"],
    ),
    ("job.process.llm", &["job.id", "job.type=llm-processing", "llm.model", "user.id=anonymous"]),
    ("job.process.llm", &["job.success=true", "response.length"]),
    ("job.process.email", &["job.id", "email.to=a", "user.id=system", "job.success=true"]),
    (
        "redis.monitor.collect_metrics",
        &["redis.connected_clients", "redis.used_memory", "redis.commands_processed"],
    ),
];

/// An attribute as `key=value`.
fn text(attribute: &KeyValue) -> String {
    let value = attribute.value.as_ref().and_then(|AnyValue { value }| value.as_ref());
    let value = match value {
        Some(any_value::Value::StringValue(value)) => value.clone(),
        Some(any_value::Value::BoolValue(value)) => value.to_string(),
        Some(any_value::Value::IntValue(value)) => value.to_string(),
        Some(any_value::Value::DoubleValue(value)) => value.to_string(),
        other => format!("{other:?}"),
    };
    format!("{}={value}", attribute.key)
}

fn has(attributes: &[KeyValue], wanted: &str) -> bool {
    let is_it = |attribute: &KeyValue| attribute.key == wanted || text(attribute) == wanted;
    attributes.iter().any(is_it)
}

/// Batches that follow one another are one batch.
fn spans_are_among(batches: &[u8], wanted: Spans) {
    let sent = ExportTraceServiceRequest::decode(batches).expect("spans");
    let mut all = Vec::new();
    for each in sent.resource_spans {
        let resource = each.resource.expect("it is known of whom");
        for wanted in ["service.name=redrill-server", "service.instance.id=an-instance"] {
            assert!(has(&resource.attributes, wanted), "{wanted} of {resource:?}");
        }
        all.extend(each.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    for (name, attributes) in wanted {
        let named: Vec<_> = all.iter().filter(|span| span.name == *name).collect();
        let is_it = |attributes_of: &[KeyValue]| attributes.iter().all(|it| has(attributes_of, it));
        let seen = || named.iter().map(|span| span.attributes.iter().map(text).collect::<Vec<_>>());
        assert!(
            named.iter().any(|span| is_it(&span.attributes)),
            "no {name} has {attributes:?}: {:#?}",
            seen().collect::<Vec<_>>()
        );
    }
}

async fn a_collector_receives_spans_with_their_attributes(place: Place) {
    let (url, received) = collector().await;
    let flags = ["--otel-exporter-otlp-endpoint", &url, "--instance-id", "an-instance"];
    let telemetry = Telemetry::new(&settings(&flags).expect("they are right")).expect("a URL");
    // With one dispatcher alone, a callsite that another test's thread comes to first would count
    // as followed by nobody: tracing takes that thread's for the only one.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    // This test's runtime has one thread, and so all of the server's tasks are followed.
    let following = tracing::dispatcher::set_default(telemetry.dispatch());
    let limit = ["--rate-limit-max-requests", "1", "--rate-limit-window-ms", "3600000"];
    let server = Server::on(&place, &limit).await;
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
    // A cluster's nodes may not have been known when the server began.
    eventually("Redis was asked for its INFO", || async {
        value(&server, "redis_info_collections_total{role=\"sessions\",outcome=\"ok\"}").await
            >= 1.0
    })
    .await;
    drop(following);
    telemetry.flush().await;
    let bytes = received.lock().expect("no test panics here").clone();
    spans_are_among(&bytes, SPANS);
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let secret = id.split(['=', ';']).nth(1).unwrap_or_default();
    assert!(secret.len() > 40 && !has(&secret[secret.len() - 40..]), "whoever has it is ada");
}

#[tokio::test]
async fn a_collector_learns_of_lost_connections() {
    let (url, received) = collector().await;
    let flags = ["--otel-exporter-otlp-endpoint", &url, "--instance-id", "an-instance"];
    let telemetry = Telemetry::new(&settings(&flags).expect("they are right")).expect("a URL");
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let following = tracing::dispatcher::set_default(telemetry.dispatch());
    let mut node = Node::start();
    let server = Server::on(&node, &[]).await;
    node.kill();
    eventually("Redis is missed", || async {
        value(&server, "redis_up{role=\"main\"}").await == 0.0
    })
    .await;
    drop(following);
    telemetry.flush().await;
    let bytes = received.lock().expect("no test panics here").clone();
    spans_are_among(&bytes, &[("redis.error", &["redis.client=main", "error.message"])]);
}
