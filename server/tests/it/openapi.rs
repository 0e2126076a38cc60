//! The document says what the service does.

use std::collections::BTreeSet;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Map, Value, json};

use crate::server::{Server, header};
use crate::topology::{Place, on_each_topology};

on_each_topology! {
    every_operation_answers_as_described,
}

/// A body that the operation must take, or a path whose things are there.
pub(crate) fn example(path: &str) -> (String, Value) {
    let body = match path {
        "/api/llm/generate" => json!({ "prompt": "a" }),
        "/api/cache/warm" => json!({ "prompts": ["a"], "models": ["m"] }),
        "/api/session/login" => json!({ "userId": "ada" }),
        "/api/session/data" => json!({ "key": "k", "value": null }),
        "/api/jobs" => json!({ "queue": "email-notifications", "name": "send-email",
            "data": { "to": "a" } }),
        _ => json!({}),
    };
    (path.replace("{userId}", "ada").replace("{queue}", "email-notifications"), body)
}

fn agrees(schema: &Value, body: &Value) -> Result<(), String> {
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        body.get(name).ok_or_else(|| format!("{name} is missing in {body}"))?;
    }
    match body.as_object().and_then(|body| body.keys().find(|key| !properties.contains_key(*key))) {
        Some(unknown) => Err(format!("{unknown} of {body} is not described")),
        None => Ok(()),
    }
}

/// Headers of this service itself, not of HTTP's own.
fn carries_what_is_described(path: &str, described: &Value, headers: &HeaderMap) {
    let known = described["headers"].as_object().expect("headers are described");
    let is_known = |name: &str| known.keys().any(|it| it.eq_ignore_ascii_case(name));
    let own = ["x-", "ratelimit", "retry-after", "set-cookie"];
    for name in headers.keys().map(HeaderName::as_str) {
        let is_own = own.iter().any(|start| name.starts_with(start));
        assert!(!is_own || is_known(name), "{path}: {name} is not described");
    }
    for (name, header) in known {
        assert!(header["required"] != true || headers.contains_key(name), "{path}: no {name}");
    }
}

async fn every_operation_answers_as_described(place: Place) {
    let server = Server::on(&place, &[]).await;
    let document = server.read("/openapi.json").await;
    assert_eq!(document["openapi"], "3.1.0");
    let login = server.post("/api/session/login", json!({ "userId": "ada" })).await;
    let cookie = header(&login, "set-cookie").to_owned();
    let job = json!({ "to": "a" });
    let id = server.submit("email-notifications", "send-email", job, json!({})).await;
    let (mut operations, mut others) = (0, Vec::new());
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            if path == "/api/session/logout" || path == "/api/session/login" {
                continue;
            }
            let success = operation["responses"].as_object().and_then(|all| all.values().next());
            if success.is_none_or(|it| it["content"].get("application/json").is_none()) {
                others.push(path.as_str());
                continue;
            }
            let (filled, body) = example(path);
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let request = server.request(method, &filled.replace("{id}", &id)).json(&body);
            let response = request.header("cookie", &cookie).send().await.expect("an answer");
            assert!(!header(&response, "x-instance-id").is_empty(), "{path}");
            let status = response.status().as_u16().to_string();
            let described = &operation["responses"][&status];
            carries_what_is_described(path, described, response.headers());
            assert!(status.starts_with('2') && described.is_object(), "{path}: {status}");
            let body: Value = response.json().await.expect("JSON");
            let schema = &described["content"]["application/json"]["schema"];
            assert_eq!(agrees(schema, &body), Ok(()), "{path}");
            operations += 1;
        }
    }
    let answers = |path: &str, method: &str, status: &str| {
        let headers = &document["paths"][path][method]["responses"][status]["headers"];
        headers.as_object().expect("headers").keys().cloned().collect::<BTreeSet<_>>()
    };
    let is_there = |path, method, status, name: &str| {
        assert!(answers(path, method, status).contains(name), "{method} {path} {status}: {name}");
    };
    for name in ["RateLimit-Limit", "RateLimit", "Retry-After", "X-RateLimit-Count"] {
        is_there("/api/limited", "get", "429", name);
    }
    is_there("/api/jobs", "post", "202", "X-Redis-Node");
    is_there("/api/jobs", "post", "503", "Retry-After");
    is_there("/api/session/login", "post", "200", "Set-Cookie");
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes["session"]["name"], "prompt-card-session");
    let needs = |path: &str, method: &str| document["paths"][path][method]["security"].is_array();
    assert!(needs("/api/session", "get") && !needs("/api/session/login", "post"));
    assert_eq!(operations, 17, "all but the two that change the cookie");
    assert_eq!(others, ["/metrics", "/ws"], "they answer something else than JSON");
    let metrics = server.get("/metrics").await;
    assert!(header(&metrics, "content-type").starts_with("text/plain"));
    assert_eq!(server.get("/ws").await.status(), 400, "this asks for no WebSocket");
    assert!(document["paths"]["/ws"]["get"]["responses"]["400"].is_object());
}
