//! The service's description for machines, OpenAPI 3.1, made from one table of its operations.

use std::sync::{Arc, LazyLock};

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use crate::app::App;

/// One method of one path.
struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    /// Fields of the body, if it has one: name, JSON schema, whether it must be there.
    body: &'static [Field],
    /// The status of success and the fields of its body.
    success: (&'static str, &'static [Field]),
    /// Other statuses that an answer may have.
    others: &'static [&'static str],
}

type Field = (&'static str, &'static str, bool);

const TEXT: &str = r#"{"type":"string"}"#;
const NAME: &str = r#"{"type":"string","minLength":1,"maxLength":256}"#;
const FILLED: &str = r#"{"type":"string","minLength":1}"#;
const TEXTS: &str = r#"{"type":"array","items":{"type":"string","minLength":1},"maxItems":16}"#;
const COUNT: &str = r#"{"type":"integer","minimum":0}"#;
const NUMBER: &str = r#"{"type":"number"}"#;
const FLAG: &str = r#"{"type":"boolean"}"#;
const OBJECT: &str = r#"{"type":"object"}"#;
const ANY: &str = "{}";
const TEMPERATURE: &str = r#"{"type":["number","null"],"minimum":0,"maximum":2}"#;
const TOKENS: &str = r#"{"type":["integer","null"],"minimum":1,"maximum":1000000}"#;
const MODEL: &str = r#"{"type":["string","null"],"minLength":1}"#;
const QUEUE: &str = r#"{"enum":["llm-processing","email-notifications"]}"#;
const STATE: &str = r#"{"enum":["waiting","active","delayed","completed","failed"]}"#;
const OPTIONS: &str = r#"{"type":"object","properties":{
    "priority":{"type":["integer","null"],"minimum":0,"maximum":1000000},
    "delay":{"type":["integer","null"],"minimum":0,"maximum":31536000000,"description":"ms"},
    "attempts":{"type":["integer","null"],"minimum":1,"maximum":100},
    "backoff":{"type":["integer","null"],"minimum":0,"maximum":86400000,"description":"ms"}}}"#;

const SESSION: &[Field] =
    &[("userId", TEXT, true), ("data", OBJECT, true), ("createdAt", COUNT, true)];
const LIMITED: &[Field] = &[("ok", FLAG, true), ("policy", TEXT, true)];

const OPERATIONS: &[Operation] = &[
    Operation {
        method: "post",
        path: "/api/llm/generate",
        summary: "Answers a prompt from the cache or from the model",
        body: &[
            ("prompt", FILLED, true),
            ("model", MODEL, false),
            ("temperature", TEMPERATURE, false),
            ("maxTokens", TOKENS, false),
        ],
        success: (
            "200",
            &[
                ("response", TEXT, true),
                ("model", TEXT, true),
                ("cached", FLAG, true),
                ("metadata", OBJECT, true),
            ],
        ),
        others: &["400", "413", "502"],
    },
    Operation {
        method: "get",
        path: "/api/cache/stats",
        summary: "Counts of the cache over all instances; times in ms",
        body: &[],
        success: (
            "200",
            &[
                ("totalKeys", COUNT, true),
                ("memoryUsage", TEXT, true),
                ("hits", COUNT, true),
                ("misses", COUNT, true),
                ("hitRate", NUMBER, true),
                ("averageResponseTime", NUMBER, true),
            ],
        ),
        others: &["503"],
    },
    Operation {
        method: "delete",
        path: "/api/cache",
        summary: "Deletes every cached response",
        body: &[],
        success: ("200", &[("deleted", COUNT, true)]),
        others: &["503"],
    },
    Operation {
        method: "post",
        path: "/api/cache/warm",
        summary: "Asks every model every prompt that is not cached yet, 256 pairs at most",
        body: &[("prompts", TEXTS, true), ("models", TEXTS, true)],
        success: (
            "202",
            &[("warmed", COUNT, true), ("skipped", COUNT, true), ("failed", COUNT, true)],
        ),
        others: &["400", "413"],
    },
    Operation {
        method: "post",
        path: "/api/session/login",
        summary: "Begins a session under a new id and sets its cookie",
        body: &[("userId", NAME, true)],
        success: ("200", SESSION),
        others: &["400", "413", "503"],
    },
    Operation {
        method: "get",
        path: "/api/session",
        summary: "The session of the cookie",
        body: &[],
        success: ("200", SESSION),
        others: &["401", "503"],
    },
    Operation {
        method: "put",
        path: "/api/session/data",
        summary: "Sets one value of the session",
        body: &[("key", NAME, true), ("value", ANY, true)],
        success: ("200", &[("userId", TEXT, true), ("data", OBJECT, true)]),
        others: &["400", "401", "413", "503"],
    },
    Operation {
        method: "post",
        path: "/api/session/logout",
        summary: "Ends the session for good",
        body: &[],
        success: ("200", &[("ok", FLAG, true)]),
        others: &["401", "503"],
    },
    limited("/api/limited", "Counts against the general policy"),
    limited("/api/limited/llm", "Counts against the llm policy"),
    limited("/api/limited/burst", "Counts against the burst policy"),
    Operation {
        method: "post",
        path: "/api/jobs",
        summary: "Stores a job as durably as QUEUE_DURABILITY asks",
        body: &[
            ("queue", TEXT, true),
            ("name", TEXT, true),
            ("data", OBJECT, true),
            ("opts", OPTIONS, false),
        ],
        success: ("202", &[("id", TEXT, true), ("queue", QUEUE, true)]),
        others: &["400", "404", "413", "503"],
    },
    Operation {
        method: "get",
        path: "/api/jobs/{queue}/{id}",
        summary: "A job as it is now",
        body: &[],
        success: (
            "200",
            &[
                ("id", TEXT, true),
                ("queue", QUEUE, true),
                ("name", TEXT, true),
                ("state", STATE, true),
                ("data", OBJECT, true),
                ("attempts", COUNT, true),
                ("attemptsMade", COUNT, true),
                ("priority", COUNT, true),
                ("result", ANY, false),
                ("failedReason", TEXT, false),
            ],
        ),
        others: &["400", "404", "503"],
    },
    Operation {
        method: "get",
        path: "/api/queues/stats",
        summary: "How many jobs each queue has in each state",
        body: &[],
        success: (
            "200",
            &[("llm-processing", OBJECT, true), ("email-notifications", OBJECT, true)],
        ),
        others: &["503"],
    },
    Operation {
        method: "get",
        path: "/api/presence",
        summary: "Who is online",
        body: &[],
        success: (
            "200",
            &[
                ("users", r#"{"type":"array","items":{"type":"string"}}"#, true),
                ("count", COUNT, true),
            ],
        ),
        others: &["503"],
    },
    Operation {
        method: "get",
        path: "/api/presence/{userId}",
        summary: "Whether a user is online, and with how many sockets",
        body: &[],
        success: (
            "200",
            &[("userId", TEXT, true), ("online", FLAG, true), ("sockets", COUNT, true)],
        ),
        others: &["400", "503"],
    },
    Operation {
        method: "get",
        path: "/health",
        summary: "Whether each role of Redis answers",
        body: &[],
        success: ("200", HEALTH),
        others: &["503"],
    },
    Operation {
        method: "get",
        path: "/ready",
        summary: "Whether this instance can serve",
        body: &[],
        success: ("200", &[("ready", FLAG, true)]),
        others: &["503"],
    },
];

const HEALTH: &[Field] = &[
    ("status", TEXT, true),
    ("instance", TEXT, true),
    ("uptime", NUMBER, true),
    ("redis", OBJECT, true),
];

const fn limited(path: &'static str, summary: &'static str) -> Operation {
    let others = &["400", "429", "503"];
    Operation { method: "get", path, summary, body: &[], success: ("200", LIMITED), others }
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/openapi.json", get(async || Json(&*DOCUMENT)))
}

fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = describe(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "redrill reference server", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": { "schemas": { "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": { "type": "string" },
                "field": { "type": "string" },
                "retryAfter": { "type": "integer", "description": "seconds" },
            },
        } } },
    })
}

fn describe(operation: &Operation) -> Value {
    let (status, fields) = operation.success;
    let mut responses = json!({ status: answer(operation.summary, &schema(fields)) });
    let error = json!({ "$ref": "#/components/schemas/Error" });
    for status in operation.others {
        let shape = if operation.path.starts_with("/api/") { &error } else { &json!({}) };
        responses[status] = answer(meaning(status), shape);
    }
    let mut described = json!({ "summary": operation.summary, "responses": responses });
    if !operation.body.is_empty() {
        let content = json!({ "application/json": { "schema": schema(operation.body) } });
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    let parameters = parameters(operation);
    if !parameters.is_empty() {
        described["parameters"] = Value::Array(parameters);
    }
    described
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let named = |place: &str, name: &str, required: bool| {
        json!({ "name": name, "in": place, "required": required,
            "schema": { "type": "string", "minLength": 1, "maxLength": 256 } })
    };
    let in_path = operation.path.split('/').filter_map(|part| part.strip_prefix('{'));
    let mut all: Vec<Value> =
        in_path.map(|part| named("path", part.trim_end_matches('}'), true)).collect();
    if operation.path.starts_with("/api/limited") {
        all.push(named("header", "X-User-Id", false));
    }
    all
}

fn schema(fields: &[Field]) -> Value {
    let mut properties = Map::new();
    for (name, schema, _) in fields {
        let schema = serde_json::from_str(schema).expect("the table's schemas are JSON");
        properties.insert((*name).to_owned(), schema);
    }
    let required: Vec<&str> =
        fields.iter().filter(|(_, _, required)| *required).map(|(name, ..)| *name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn answer(description: &str, schema: &Value) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

fn meaning(status: &str) -> &'static str {
    match status {
        "400" => "The request is not as described; `field` says where",
        "401" => "There is no session",
        "404" => "Unknown, or no longer kept",
        "413" => "The body is larger than 1 MiB",
        "429" => "The limit is used up; Retry-After says for how long",
        "502" => "The model API failed; nothing is cached",
        _ => {
            "Redis is away; X-Outcome says whether there was no effect (refused) or perhaps one \
             (unknown)"
        }
    }
}
