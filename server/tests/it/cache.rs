//! Responses are stored once, by all of their parameters, for their time to live.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::clock;
use crate::redis::Node;
use crate::server::{Server, body, header};
use crate::topology::{Place, on_each_topology};
use crate::upstream::Upstream;

on_each_topology! {
    a_second_question_is_answered_from_the_cache_until_it_expires,
    each_parameter_makes_another_question_and_has_its_default,
    misses_of_one_key_at_once_call_the_model_once,
    a_model_that_fails_is_a_502_and_is_not_cached,
    warming_counts_what_fails,
    warming_asks_each_question_once,
    nothing_is_kept_where_responses_are_not_cached,
    statistics_are_those_of_all_instances_and_clearing_is_counted,
    what_is_no_question_is_refused,
    the_last_counts_reach_redis_before_the_end,
    zero_is_one_temperature_with_either_sign,
}

async fn ask(server: &Server, question: serde_json::Value) -> (String, serde_json::Value) {
    let response = server.post("/api/llm/generate", question).await;
    assert_eq!(response.status(), 200);
    (header(&response, "x-cache").to_owned(), body(response).await)
}

async fn a_second_question_is_answered_from_the_cache_until_it_expires(place: Place) {
    let model = Upstream::start(0, Duration::ZERO).await;
    let flags = ["--llm-upstream-url", &model.url, "--cache-ttl-seconds", "0.5"];
    let (one, other) = (Server::on(&place, &flags).await, Server::on(&place, &flags).await);
    let (state, first) = ask(&one, json!({ "prompt": "hi" })).await;
    assert_eq!((state.as_str(), &first["response"]), ("MISS", &json!("hi!")));
    assert_eq!(first["metadata"]["maxTokens"], 2048);
    let (state, second) = ask(&other, json!({ "prompt": "hi" })).await;
    assert_eq!((state.as_str(), &second["cached"]), ("HIT", &json!(true)));
    assert_eq!(second["metadata"], first["metadata"]);
    let (state, _) = ask(&one, json!({ "prompt": "hi", "temperature": 0.1 })).await;
    assert_eq!(state, "MISS", "another temperature is another question");
    tokio::time::sleep(Duration::from_millis(550)).await;
    assert_eq!(ask(&one, json!({ "prompt": "hi" })).await.0, "MISS", "it has expired");
    assert_eq!(model.calls().len(), 3);
    assert_eq!(model.calls()[0].body["model"], "llama2:7b");
}

async fn each_parameter_makes_another_question_and_has_its_default(place: Place) {
    let model = Upstream::start(0, Duration::ZERO).await;
    let server = Server::on(&place, &["--llm-upstream-url", &model.url]).await;
    let full = json!({ "prompt": "a", "model": "m", "temperature": 0.5, "maxTokens": 7 });
    let (state, answer) = ask(&server, full.clone()).await;
    assert_eq!((state.as_str(), &answer["model"]), ("MISS", &json!("m")));
    assert_eq!(model.calls()[0].body, full);
    let metadata = &answer["metadata"];
    for field in ["model", "temperature", "maxTokens"] {
        assert_eq!(metadata[field], full[field], "{field}");
    }
    let now = clock::unix_ms();
    assert!(metadata["timestamp"].as_u64().is_some_and(|at| now.abs_diff(at) < 60_000));
    assert!(metadata["responseTime"].is_u64(), "{metadata}");
    let others = [
        ("prompt", json!("b")),
        ("model", json!("n")),
        ("temperature", json!(0.6)),
        ("maxTokens", json!(8)),
    ];
    for (field, value) in others {
        let mut another = full.clone();
        another[field] = value;
        assert_eq!(ask(&server, another).await.0, "MISS", "another {field}");
    }
    assert_eq!(ask(&server, full).await.0, "HIT");
    ask(&server, json!({ "prompt": "c" })).await;
    let defaults =
        json!({ "prompt": "c", "model": "llama2:7b", "temperature": 0.7, "maxTokens": 2048 });
    assert_eq!(model.calls()[5].body, defaults);
}

async fn misses_of_one_key_at_once_call_the_model_once(place: Place) {
    let model = Upstream::start(0, Duration::from_millis(200)).await;
    let server = Server::on(&place, &["--llm-upstream-url", &model.url]).await;
    let asks = (0..20).map(|_| ask(&server, json!({ "prompt": "together" })));
    futures_util::future::join_all(asks).await;
    assert_eq!(model.calls().len(), 1);
}

async fn a_model_that_fails_is_a_502_and_is_not_cached(place: Place) {
    let model = Upstream::start(1, Duration::ZERO).await;
    let server = Server::on(&place, &["--llm-upstream-url", &model.url]).await;
    let failed = server.post("/api/llm/generate", json!({ "prompt": "x" })).await;
    assert_eq!(failed.status(), 502);
    assert_eq!(ask(&server, json!({ "prompt": "x" })).await.0, "MISS");
}

async fn warming_counts_what_fails(place: Place) {
    let model = Upstream::start(1, Duration::ZERO).await;
    let server = Server::on(&place, &["--llm-upstream-url", &model.url]).await;
    let warm = json!({ "prompts": ["a", "b", "c"], "models": ["m"] });
    let counts = body(server.post("/api/cache/warm", warm).await).await;
    assert_eq!(counts, json!({ "warmed": 2, "skipped": 0, "failed": 1 }));
}

async fn warming_asks_each_question_once(place: Place) {
    let model = Upstream::start(0, Duration::ZERO).await;
    let server = Server::on(&place, &["--llm-upstream-url", &model.url]).await;
    let warm = json!({ "prompts": ["a", "b", "a"], "models": ["m", "m"] });
    let counts = body(server.post("/api/cache/warm", warm.clone()).await).await;
    assert_eq!(counts, json!({ "warmed": 2, "skipped": 0, "failed": 0 }));
    let counts = body(server.post("/api/cache/warm", warm).await).await;
    assert_eq!(counts, json!({ "warmed": 0, "skipped": 2, "failed": 0 }));
    assert_eq!(model.calls().len(), 2);
}

async fn nothing_is_kept_where_responses_are_not_cached(place: Place) {
    let model = Upstream::start(0, Duration::ZERO).await;
    let flags = ["--llm-upstream-url", &model.url, "--cache-llm-responses", "false"];
    let server = Server::on(&place, &flags).await;
    for _ in 0..2 {
        assert_eq!(ask(&server, json!({ "prompt": "a" })).await.0, "MISS");
    }
    let warm = json!({ "prompts": ["b"], "models": ["m", "n"] });
    let counts = body(server.post("/api/cache/warm", warm).await).await;
    assert_eq!(counts, json!({ "warmed": 0, "skipped": 2, "failed": 0 }));
    assert_eq!(model.calls().len(), 2, "only what was asked for itself");
    let keys = place.keys(1).await;
    assert!(!keys.iter().any(|key| key.starts_with("cache:llm:")), "{keys:?}");
}

/// Reads what Redis writes for people, `1.50M`.
fn bytes(text: &str) -> f64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let power = "BKMG".find(unit).expect("a unit");
    number.parse::<f64>().expect("a number") * [1.0, 1024.0, 1_048_576.0, 1_073_741_824.0][power]
}

async fn statistics_are_those_of_all_instances_and_clearing_is_counted(place: Place) {
    const SLOW: Duration = Duration::from_millis(40);
    let model = Upstream::start(0, SLOW).await;
    let flags = ["--llm-upstream-url", &model.url, "--cache-api-ttl-seconds", "0.001"];
    let (one, other) = (Server::on(&place, &flags).await, Server::on(&place, &flags).await);
    let nothing = one.read("/api/cache/stats").await;
    for field in ["totalKeys", "hits", "misses", "hitRate", "averageResponseTime"] {
        assert_eq!(nothing[field].as_f64(), Some(0.0), "{field}");
    }
    let warm = json!({ "prompts": ["a", "b"], "models": ["m", "n"] });
    let warmed = one.post("/api/cache/warm", warm.clone()).await;
    assert_eq!(warmed.status(), 202);
    assert_eq!(body(warmed).await, json!({ "warmed": 4, "skipped": 0, "failed": 0 }));
    let again = body(other.post("/api/cache/warm", warm).await).await;
    assert_eq!(again, json!({ "warmed": 0, "skipped": 4, "failed": 0 }));
    crate::server::eventually("the counts have arrived", || async {
        let stats = one.read("/api/cache/stats").await;
        stats["hits"] == 4 && stats["misses"] == 4 && stats["totalKeys"] == 4
    })
    .await;
    let stats = one.read("/api/cache/stats").await;
    assert_eq!(stats["hitRate"], 0.5);
    // Four of the eight have waited for the model.
    let average = stats["averageResponseTime"].as_f64().expect("a number");
    assert!(average >= 20.0, "{average} ms");
    let told = bytes(stats["memoryUsage"].as_str().expect("a text"));
    let truth = place.used_memory();
    assert!((0.5..2.0).contains(&(told / truth)), "{told} of {truth} bytes");
    let cleared = one.request(Method::DELETE, "/api/cache").send().await.expect("an answer");
    assert!(!header(&cleared, "x-redis-node").is_empty());
    assert_eq!(body(cleared).await, json!({ "deleted": 4 }));
}

async fn what_is_no_question_is_refused(place: Place) {
    let server = Server::on(&place, &[]).await;
    for (wrong, field) in [
        (json!({}), "prompt"),
        (json!({ "prompt": 1 }), "prompt"),
        (json!({ "prompt": "" }), "prompt"),
        (json!({ "prompt": "a", "temperature": -1 }), "temperature"),
        (json!({ "prompt": "a", "maxTokens": 0 }), "maxTokens"),
    ] {
        let response = server.post("/api/llm/generate", wrong).await;
        assert_eq!(response.status(), 400);
        assert_eq!(body(response).await["field"], field);
    }
    let huge = json!({ "prompt": "a".repeat(1024 * 1024) });
    assert_eq!(server.post("/api/llm/generate", huge).await.status(), 413);
    assert_eq!(server.post("/api/llm/generate", json!(["a"])).await.status(), 400);
    assert_eq!(header(&server.get("/health").await, "x-instance-id").len(), 8);
    let unknown = [(Method::GET, "/api/nothing", 404), (Method::POST, "/health", 405)];
    for (method, path, status) in unknown {
        let answer = server.request(method, path).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(header(&answer, "x-instance-id").len(), 8, "{path}");
        assert!(body(answer).await["error"].is_string(), "{path}");
    }
    let cut_off = server.request(Method::POST, "/api/llm/generate");
    let cut_off = cut_off.header("content-type", "application/json").body(r#"{"prompt":"#);
    assert_eq!(cut_off.send().await.expect("an answer").status(), 400);
}

async fn the_last_counts_reach_redis_before_the_end(place: Place) {
    let server = Server::on(&place, &[]).await;
    server.post("/api/llm/generate", json!({ "prompt": "a" })).await;
    server.stop().await;
    let key = format!("{}cache:stats", place.prefix);
    let misses: Option<u64> = place.ask(1, redis::cmd("HGET").arg(key).arg("misses")).await;
    assert_eq!(misses, Some(1));
}

#[tokio::test]
async fn the_end_does_not_wait_long_for_a_redis_that_is_away() {
    let (main, cache) = (Node::start(), Node::start());
    let port = cache.port.to_string();
    let own = ["--redis-cache-host", "127.0.0.1", "--redis-cache-port", &port];
    let flags = [&own[..], &["--redis-command-timeout", "60000"]].concat();
    let server = Server::on(&main, &flags).await;
    server.post("/api/llm/generate", json!({ "prompt": "a" })).await;
    cache.signal("STOP");
    let ended = tokio::time::timeout(Duration::from_secs(20), server.stop()).await;
    assert!(ended.is_ok(), "it waited for Redis");
}

async fn zero_is_one_temperature_with_either_sign(place: Place) {
    let model = Upstream::start(0, Duration::ZERO).await;
    let server = Server::on(&place, &["--llm-upstream-url", &model.url]).await;
    for (temperature, found) in [(0.0, "MISS"), (-0.0, "HIT")] {
        let question = json!({ "prompt": "a", "temperature": temperature });
        let answer = server.post("/api/llm/generate", question).await;
        assert_eq!(header(&answer, "x-cache"), found, "{temperature}");
    }
    assert_eq!(model.calls().len(), 1);
}

#[tokio::test]
async fn statistics_that_many_ask_for_at_once_are_made_once() {
    let node = Node::start();
    let server = Server::on(&node, &["--cache-api-ttl-seconds", "60"]).await;
    let asked = (0..20).map(|_| server.read("/api/cache/stats"));
    futures_util::future::join_all(asked).await;
    let stats = node.ask("INFO commandstats").unwrap_or_default();
    assert!(stats.contains("cmdstat_scan:calls=1,"), "{stats}");
}
