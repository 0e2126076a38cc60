//! Queues over HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tracing::Instrument as _;

use super::store::Submission;
use super::work::Data;
use crate::app::App;
use crate::error::Error;
use crate::http::{Body, Parts, acknowledged_by};
use crate::json::Object;
use crate::openapi::{
    ANY, COUNT, DATA, OBJECT, OPTIONS, Operation, QUEUE, STATE, Shape, TEXT, headers,
};

const HIGHEST_PRIORITY_NUMBER: u32 = 1_000_000;
const LONGEST_DELAY_MS: u64 = 31_536_000_000;
const MOST_ATTEMPTS: u32 = 100;
const LONGEST_BACKOFF_MS: u64 = 86_400_000;

/// The routes and what they promise.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        handler: || post(submit),
        method: "post",
        path: "/api/jobs",
        summary: "Stores a job as durably as QUEUE_DURABILITY asks; asked again, another job",
        body: &[
            ("queue", TEXT, true),
            ("name", TEXT, true),
            ("data", DATA, true),
            ("opts", OPTIONS, false),
        ],
        success: ("202", Shape::Json(&[("id", TEXT, true), ("queue", QUEUE, true)])),
        headers: &[&headers::NODE],
        others: &["400", "404", "503"],
    },
    Operation {
        handler: || get(job),
        method: "get",
        path: "/api/jobs/{queue}/{id}",
        summary: "A job as it is now",
        body: &[],
        success: (
            "200",
            Shape::Json(&[
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
            ]),
        ),
        headers: &[],
        others: &["400", "404", "503"],
    },
    Operation {
        handler: || get(stats),
        method: "get",
        path: "/api/queues/stats",
        summary: "How many jobs each queue has in each state",
        body: &[],
        success: (
            "200",
            Shape::Json(&[("llm-processing", OBJECT, true), ("email-notifications", OBJECT, true)]),
        ),
        headers: &[],
        others: &["503"],
    },
];

#[derive(Deserialize)]
struct Job {
    queue: String,
    name: String,
    data: Data,
    #[serde(default)]
    opts: Object<Options>,
}

#[derive(Deserialize, Default)]
struct Options {
    priority: Option<u32>,
    delay: Option<u64>,
    attempts: Option<u32>,
    backoff: Option<u64>,
}

#[derive(Serialize)]
struct Accepted {
    id: String,
    queue: &'static str,
}

async fn submit(
    State(app): State<Arc<App>>,
    Body(body): Body<Job>,
) -> Result<impl IntoResponse, Error> {
    let queues = &app.queues;
    let queue = queues
        .find(&body.queue)
        .ok_or_else(|| Error::NotFound(format!("the queue {:?}", body.queue)))?;
    let definition = queue.definition;
    if body.name != definition.job {
        let error = format!("{} takes jobs named {}", definition.name, definition.job);
        return Err(Error::field("name", error));
    }
    definition.read(&body.data)?;
    let Object(opts) = body.opts;
    let attempts = opts.attempts.unwrap_or(queue.limits.attempts);
    let priority = opts.priority.unwrap_or(0);
    let delay = opts.delay.unwrap_or(0);
    let backoff = opts.backoff.map_or(queues.backoff, Duration::from_millis);
    if !(1..=MOST_ATTEMPTS).contains(&attempts) {
        return Err(Error::field("opts.attempts", "attempts must be from 1 to 100"));
    }
    if priority > HIGHEST_PRIORITY_NUMBER {
        return Err(Error::field("opts.priority", "priority must be from 0 to 1000000"));
    }
    if delay > LONGEST_DELAY_MS {
        return Err(Error::field("opts.delay", "delay must be at most a year, in ms"));
    }
    if backoff > Duration::from_millis(LONGEST_BACKOFF_MS) {
        return Err(Error::field("opts.backoff", "backoff must be at most a day, in ms"));
    }
    let submission = Submission {
        id: queues.new_id(),
        name: body.name,
        data: body.data,
        priority,
        delay: Duration::from_millis(delay),
        attempts,
        backoff,
    };
    let span = tracing::debug_span!(
        "job.queue.add",
        job.queue = definition.name,
        "job.type" = definition.job,
        job.id = submission.id,
        job.priority = submission.priority,
    );
    let node = queue.store.add(&submission).instrument(span).await?;
    queue.worker.wake();
    app.metrics.submitted.add(&[definition.name]);
    let body = Accepted { id: submission.id, queue: definition.name };
    Ok((StatusCode::ACCEPTED, acknowledged_by(&node), Json(body)))
}

async fn job(
    State(app): State<Arc<App>>,
    Parts((name, id)): Parts<(String, String)>,
) -> Result<Json<Value>, Error> {
    let queue =
        app.queues.find(&name).ok_or_else(|| Error::NotFound(format!("the queue {name:?}")))?;
    let fields = queue.store.job(&id).await?;
    if fields.is_empty() {
        return Err(Error::NotFound(format!("the job {id:?}")));
    }
    let text = |field: &str| fields.get(field).cloned().unwrap_or_default();
    let number = |field: &str| text(field).parse::<u64>().unwrap_or(0);
    let parsed = |field: &str| serde_json::from_str::<Value>(&text(field)).unwrap_or_default();
    let state = text("state");
    let under_way = u64::from(state == "active" || state == "completed");
    let mut body = json!({
        "id": id,
        "queue": name,
        "name": text("name"),
        "state": state,
        "data": parsed("data"),
        "attempts": number("attempts"),
        "attemptsMade": number("failures") + under_way,
        "priority": number("priority"),
    });
    if fields.contains_key("result") {
        body["result"] = parsed("result");
    }
    if let Some(reason) = fields.get("failedReason") {
        body["failedReason"] = json!(reason);
    }
    Ok(Json(body))
}

async fn stats(State(app): State<Arc<App>>) -> Result<Json<Value>, Error> {
    let mut body = Map::new();
    for (queue, states) in app.queues.counts().await? {
        let states = states.map(|(state, count)| (state.to_owned(), json!(count)));
        body.insert(queue.to_owned(), Value::Object(Map::from_iter(states)));
    }
    Ok(Json(Value::Object(body)))
}
