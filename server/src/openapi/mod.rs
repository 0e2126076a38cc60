//! The service's operations: the router is made from their tables, and so is their description for
//! machines, OpenAPI 3.1. A route that is not described does not exist.

mod document;
pub(crate) mod headers;

use std::sync::{Arc, LazyLock};

use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::{MethodRouter, get};
use axum::{Json, Router};
use serde_json::Value;

use crate::app::App;
use crate::{cache, health, limits, presence, queues, sessions};

/// Makes the route of an operation.
pub(crate) type Handler = fn() -> MethodRouter<Arc<App>>;

/// One method of one path.
pub(crate) struct Operation {
    pub(crate) handler: Handler,
    /// In small letters.
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    /// Fields of the body, if it has one.
    pub(crate) body: &'static [Field],
    /// The status of success and what it brings.
    pub(crate) success: (&'static str, Shape),
    /// What such an answer carries, and a 429 like it.
    pub(crate) headers: &'static [&'static headers::Header],
    /// Other statuses that an answer may have, beside those of [`ALWAYS`].
    pub(crate) others: &'static [&'static str],
}

/// The body of an answer.
pub(crate) enum Shape {
    /// An object in JSON.
    Json(&'static [Field]),
    /// Text of this type.
    Text(&'static str),
    Nothing,
}

/// Name, JSON schema, and whether it must be there.
pub(crate) type Field = (&'static str, &'static str, bool);

pub(crate) const TEXT: &str = r#"{"type":"string"}"#;
pub(crate) const NAME: &str = r#"{"type":"string","minLength":1,"maxLength":256}"#;
pub(crate) const FILLED: &str = r#"{"type":"string","minLength":1}"#;
pub(crate) const TEXTS: &str =
    r#"{"type":"array","items":{"type":"string","minLength":1},"maxItems":16}"#;
pub(crate) const COUNT: &str = r#"{"type":"integer","minimum":0}"#;
pub(crate) const NUMBER: &str = r#"{"type":"number"}"#;
pub(crate) const FLAG: &str = r#"{"type":"boolean"}"#;
pub(crate) const OBJECT: &str = r#"{"type":"object"}"#;
pub(crate) const ANY: &str = "{}";
pub(crate) const TEMPERATURE: &str = r#"{"type":["number","null"],"minimum":0,"maximum":2}"#;
pub(crate) const TOKENS: &str = r#"{"type":["integer","null"],"minimum":1,"maximum":1000000}"#;
pub(crate) const MODEL: &str = r#"{"type":["string","null"],"minLength":1}"#;
pub(crate) const QUEUE: &str = r#"{"enum":["llm-processing","email-notifications"]}"#;
/// Of a job: what its queue takes.
pub(crate) const DATA: &str = r#"{"anyOf":[
    {"type":"object","required":["prompt"],"description":"of llm-processing","properties":{
        "prompt":{"type":"string","minLength":1},
        "model":{"type":["string","null"],"minLength":1},
        "temperature":{"type":["number","null"],"minimum":0,"maximum":2},
        "maxTokens":{"type":["integer","null"],"minimum":1,"maximum":1000000}}},
    {"type":"object","required":["to"],"description":"of email-notifications","properties":{
        "to":{"type":"string","minLength":1},
        "subject":{"type":["string","null"]},
        "body":{"type":["string","null"]}}}]}"#;
pub(crate) const STATE: &str = r#"{"enum":["waiting","active","delayed","completed","failed"]}"#;
pub(crate) const OPTIONS: &str = r#"{"type":"object","properties":{
    "priority":{"type":["integer","null"],"minimum":0,"maximum":1000000},
    "delay":{"type":["integer","null"],"minimum":0,"maximum":31536000000,"description":"ms"},
    "attempts":{"type":["integer","null"],"minimum":1,"maximum":100},
    "backoff":{"type":["integer","null"],"minimum":0,"maximum":86400000,
        "description":"ms before the second attempt; doubles with each one, up to 86400000"}}}"#;

/// The tables of all capabilities.
const TABLES: &[&[Operation]] = &[
    cache::OPERATIONS,
    sessions::OPERATIONS,
    limits::OPERATIONS,
    queues::OPERATIONS,
    presence::OPERATIONS,
    health::OPERATIONS,
    OPERATIONS,
];

const OPERATIONS: &[Operation] = &[Operation {
    handler: || get(async || Json(&*DOCUMENT)),
    method: "get",
    path: "/openapi.json",
    summary: "This document",
    body: &[],
    success: (
        "200",
        Shape::Json(&[
            ("openapi", TEXT, true),
            ("info", OBJECT, true),
            ("paths", OBJECT, true),
            ("components", OBJECT, true),
        ]),
    ),
    headers: &[],
    others: &[],
}];

/// What every operation may answer.
const ALWAYS: &[&str] = &["413"];

static DOCUMENT: LazyLock<Value> = LazyLock::new(document::document);

impl Operation {
    /// A 503 of these has a body of its own, and is no refusal.
    fn tells_health(&self) -> bool {
        ["/health", "/ready"].contains(&self.path)
    }
}

fn operations() -> impl Iterator<Item = &'static Operation> {
    TABLES.iter().copied().flatten()
}

/// Every operation's route.
pub(crate) fn routes() -> Router<Arc<App>> {
    operations().fold(Router::new(), |router, operation| {
        router.route(operation.path, (operation.handler)())
    })
}

fn find(method: &Method, path: &str) -> Option<&'static Operation> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    operations().find(|it| it.path == path && it.method.eq_ignore_ascii_case(method))
}

/// Does the operation read the body of its request?
pub(crate) fn reads_body(method: &Method, path: &str) -> bool {
    find(method, path).is_some_and(|operation| !operation.body.is_empty())
}

/// Is this a status that the operation says it may have, and does it say so of each header of ours
/// that the answer carries? A method that a path does not have is nobody's operation.
pub(crate) fn describes(
    method: &Method,
    path: &str,
    status: StatusCode,
    carried: &HeaderMap,
) -> bool {
    find(method, path).is_none_or(|operation| {
        let (success, others) = (&operation.success.0, operation.others);
        let mut all = others.iter().chain(ALWAYS).chain([success]);
        all.any(|described| *described == status.as_str())
            && headers::names(operation, status.as_str(), carried)
    })
}
