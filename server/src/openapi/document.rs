//! The tables of operations as an OpenAPI 3.1 document.

use serde_json::{Map, Value, json};

use super::{ALWAYS, Field, Operation, Shape, headers, operations};
use crate::sessions;

/// Answers that belong to no operation, for which OpenAPI has no place but this one.
const NO_OPERATION: &str = "A method that a path does not have is answered as \
    `#/components/responses/MethodNotAllowed` says, and a path that is not here as \
    `#/components/responses/NoSuchPath` does.";

pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = describe(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "redrill reference server",
            "version": env!("CARGO_PKG_VERSION"),
            "description": NO_OPERATION,
        },
        "paths": paths,
        "components": { "securitySchemes": { "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": sessions::COOKIE,
            "description": "Signed; set at login. A request that has none is answered 401",
        } }, "responses": no_operation(), "schemas": { "Error": {
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
    let (status, shape) = &operation.success;
    let content = match shape {
        Shape::Json(fields) => json!({ "application/json": { "schema": schema(fields) } }),
        Shape::Text(kind) => json!({ *kind: { "schema": { "type": "string" } } }),
        Shape::Nothing => json!({}),
    };
    let mut responses =
        json!({ *status: { "description": operation.summary, "content": content } });
    responses[*status]["headers"] = headers::describe(operation, status);
    let error = json!({ "$ref": "#/components/schemas/Error" });
    for status in operation.others.iter().chain(ALWAYS) {
        let tells_health = operation.tells_health() && *status == "503";
        let shape = if tells_health { &json!({}) } else { &error };
        responses[status] = answer(meaning(status), shape);
        responses[status]["headers"] = headers::describe(operation, status);
    }
    let mut described = json!({ "summary": operation.summary, "responses": responses });
    if !operation.body.is_empty() {
        let content = json!({ "application/json": { "schema": schema(operation.body) } });
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    if operation.others.contains(&"401") {
        described["security"] = json!([{ "session": [] }]);
    }
    let parameters = parameters(operation);
    if !parameters.is_empty() {
        described["parameters"] = Value::Array(parameters);
    }
    described
}

/// The answers to requests that are no operation's.
fn no_operation() -> Value {
    let error = json!({ "$ref": "#/components/schemas/Error" });
    let mut method = answer("The path does not have this method; Allow names those it has", &error);
    method["headers"] = headers::of_none(&[&headers::ALLOW]);
    let mut path = answer("There is no such path", &error);
    path["headers"] = headers::of_none(&[]);
    json!({ "MethodNotAllowed": method, "NoSuchPath": path })
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
        "409" => "There is no room for more; `field` says of what",
        "413" => "The body is larger than 1 MiB",
        "429" => "The limit is used up; Retry-After says for how long",
        "502" => "The model API failed; nothing is cached",
        _ => {
            "Redis is away; X-Outcome says whether there was no effect (refused) or perhaps one \
             (unknown)"
        }
    }
}
