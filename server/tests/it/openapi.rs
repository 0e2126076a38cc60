//! The document says what the service does.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Map, Value, json};

use crate::cases::{CASES, Case, FLAGS, Operation, login, operations};
use crate::server::{Server, header};
use crate::topology::{Place, on_each_topology};
use crate::upstream::Upstream;

on_each_topology! {
    every_described_answer_can_be_had_and_is_as_described,
}

/// Is a value of the type that its schema says?
fn is_of_type(schema: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap_or_default() {
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        name => panic!("{name} is no type that this test knows"),
    };
    let among = schema["enum"].as_array().is_none_or(|among| among.contains(value));
    among
        && match &schema["type"] {
            Value::Null => true,
            Value::Array(names) => names.iter().any(is),
            name => is(name),
        }
}

fn agrees(schema: &Value, body: &Value) -> Result<(), String> {
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        body.get(name).ok_or_else(|| format!("{name} is missing in {body}"))?;
    }
    for (name, value) in body.as_object().ok_or_else(|| format!("{body} is no object"))? {
        match properties.get(name) {
            None => return Err(format!("{name} of {body} is not described")),
            Some(schema) if !is_of_type(schema, value) => {
                return Err(format!("{name} of {body} is not {schema}"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Headers of this service itself, not of HTTP's own.
fn carries_what_is_described(what: &str, described: &Value, headers: &HeaderMap) {
    let known = described["headers"].as_object().expect("headers are described");
    let is_known = |name: &str| known.keys().any(|it| it.eq_ignore_ascii_case(name));
    let own = ["x-", "ratelimit", "retry-after", "set-cookie"];
    for name in headers.keys().map(HeaderName::as_str) {
        let is_own = own.iter().any(|start| name.starts_with(start));
        assert!(!is_own || is_known(name), "{what}: {name} is not described");
    }
    for (name, header) in known {
        assert!(header["required"] != true || headers.contains_key(name), "{what}: no {name}");
    }
}

/// The answer is the one that the description has for its status.
async fn is_as_described(
    what: &str,
    document: &Value,
    described: &Value,
    answer: reqwest::Response,
) {
    carries_what_is_described(what, described, answer.headers());
    let kind = header(&answer, "content-type").to_owned();
    let content = described["content"].as_object().expect("content is described");
    let Some((expected, content)) = content.iter().next() else {
        return assert_eq!(kind, "", "{what}");
    };
    assert!(kind.starts_with(expected.as_str()), "{what}: {kind}");
    if expected == "application/json" {
        let body: Value = answer.json().await.expect("JSON");
        let schema = match content["schema"]["$ref"].as_str() {
            Some(name) => document.pointer(name.trim_start_matches('#')).expect("the schema"),
            None => &content["schema"],
        };
        assert_eq!(agrees(schema, &body), Ok(()), "{what}");
    }
}

/// What is described and has no case, and what has a case and is not described, is told here.
async fn every_described_answer_can_be_had_and_is_as_described(place: Place) {
    let failing = Upstream::start(usize::MAX, Duration::ZERO).await;
    let ill = ["--llm-upstream-url", &failing.url, "--redis-enable-metrics", "false"];
    let (server, elsewhere) =
        (Server::on(&place, FLAGS).await, Server::on(&place, &[FLAGS, &ill].concat()).await);
    let document = server.read("/openapi.json").await;
    let to = json!({ "to": "a" });
    let job = server.submit("email-notifications", "send-email", to, json!({})).await;
    let mut tried = 0;
    for Operation { method, path, responses } in operations(&document) {
        for (status, described) in responses.iter().filter(|(status, _)| *status != "503") {
            let what = format!("{method} {path} {status}");
            let is_it = |it: &&Case| (it.method, it.path, it.status) == (method, path, status);
            let cases: Vec<&Case> = CASES.iter().filter(is_it).collect();
            assert!(!cases.is_empty(), "{what} has no case in CASES");
            for case in cases {
                let server = if case.elsewhere { &elsewhere } else { &server };
                let answer = case.ask(server, &login(server).await, &job).await;
                assert_eq!(answer.status().as_str(), status, "{what}");
                is_as_described(&what, &document, described, answer).await;
                tried += 1;
            }
        }
    }
    assert_eq!(tried, CASES.len(), "a case is of an answer that is not described");
}

#[tokio::test]
async fn the_document_names_headers_and_what_needs_a_session() {
    let server = Server::unconnected(&[]).await;
    let document = server.read("/openapi.json").await;
    assert_eq!(document["openapi"], "3.1.0");
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
}

#[tokio::test]
async fn what_is_no_operation_is_answered_as_the_document_says() {
    let server = Server::unconnected(&[]).await;
    let document = server.read("/openapi.json").await;
    let told = document["info"]["description"].as_str().expect("a description");
    let described = |name: &str| {
        assert!(told.contains(&format!("#/components/responses/{name}`")), "{told}");
        document["components"]["responses"][name].clone()
    };
    let (no_method, no_path) = (described("MethodNotAllowed"), described("NoSuchPath"));
    let all = operations(&document);
    let paths: BTreeSet<&str> = all.iter().map(|operation| operation.path).collect();
    for path in paths {
        let has = |method: &str| all.iter().any(|it| (it.path, it.method) == (path, method));
        for method in ["get", "put", "post", "delete", "patch"].into_iter().filter(|it| !has(it)) {
            let what = format!("{method} {path}");
            let name = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let answer = server.request(name, path).send().await.expect("an answer");
            assert_eq!(answer.status(), 405, "{what}");
            let allowed = header(&answer, "allow").to_lowercase();
            assert!(allowed.split(',').all(|it| it == "head" || has(it)), "{what}: {allowed}");
            is_as_described(&what, &document, &no_method, answer).await;
        }
    }
    let answer = server.get("/nothing").await;
    assert_eq!(answer.status(), 404);
    is_as_described("/nothing", &document, &no_path, answer).await;
}
