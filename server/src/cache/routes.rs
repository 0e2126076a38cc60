//! The cache over HTTP.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::{Instrument as _, field};

use super::entry::{Entry, Metadata};
use crate::app::App;
use crate::error::Error;
use crate::http::{Body, acknowledged_by};
use crate::openapi::{
    COUNT, FILLED, FLAG, MODEL, NUMBER, OBJECT, Operation, Shape, TEMPERATURE, TEXT, TEXTS, TOKENS,
    headers,
};
use crate::upstream::Question;

const DEFAULT_MODEL: &str = "llama2:7b";
const DEFAULT_TEMPERATURE: f64 = 0.7;
const DEFAULT_MAX_TOKENS: u64 = 2048;
/// The most prompts, and the most models, that one request warms.
const MOST_WARMED: usize = 16;
/// How many of them are warmed at once.
const WARMED_AT_ONCE: usize = 4;

pub(crate) const DEGRADED: HeaderName = HeaderName::from_static("x-degraded");
const CACHE: HeaderName = HeaderName::from_static("x-cache");

/// The route whose answers are kept: it looks at every key.
const STATS: &str = "/api/cache/stats";

/// The routes and what they promise.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        handler: || post(generate),
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
            Shape::Json(&[
                ("response", TEXT, true),
                ("model", TEXT, true),
                ("cached", FLAG, true),
                ("metadata", OBJECT, true),
            ]),
        ),
        headers: &[&headers::CACHE, &headers::DEGRADED, &headers::NODE],
        others: &["400", "502"],
    },
    Operation {
        handler: || get(stats),
        method: "get",
        path: "/api/cache/stats",
        summary: "Counts of the cache over all instances; times in ms",
        body: &[],
        success: (
            "200",
            Shape::Json(&[
                ("totalKeys", COUNT, true),
                ("memoryUsage", TEXT, true),
                ("hits", COUNT, true),
                ("misses", COUNT, true),
                ("hitRate", NUMBER, true),
                ("averageResponseTime", NUMBER, true),
            ]),
        ),
        headers: &[&headers::CACHE],
        others: &["503"],
    },
    Operation {
        handler: || delete(clear),
        method: "delete",
        path: "/api/cache",
        summary: "Deletes every cached response",
        body: &[],
        success: ("200", Shape::Json(&[("deleted", COUNT, true)])),
        headers: &[&headers::NODE],
        others: &["503"],
    },
    Operation {
        handler: || post(warm),
        method: "post",
        path: "/api/cache/warm",
        summary: "Asks every model every prompt once that is not cached yet; none where responses \
                  are not cached",
        body: &[("prompts", TEXTS, true), ("models", TEXTS, true)],
        success: (
            "202",
            Shape::Json(&[
                ("warmed", COUNT, true),
                ("skipped", COUNT, true),
                ("failed", COUNT, true),
            ]),
        ),
        headers: &[&headers::NODE],
        others: &["400"],
    },
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generate {
    prompt: String,
    model: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u64>,
}

#[derive(Serialize)]
struct Generated<'a> {
    response: &'a str,
    model: &'a str,
    cached: bool,
    metadata: &'a Metadata,
}

/// Fills in the defaults and refuses what no model takes.
pub(crate) fn question(
    prompt: String,
    model: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u64>,
) -> Result<Question, Error> {
    if prompt.is_empty() {
        return Err(Error::field("prompt", "prompt must not be empty"));
    }
    let model = model.unwrap_or_else(|| DEFAULT_MODEL.to_owned());
    if model.is_empty() {
        return Err(Error::field("model", "model must not be empty"));
    }
    let temperature = temperature.unwrap_or(DEFAULT_TEMPERATURE);
    if !(0.0..=2.0).contains(&temperature) {
        return Err(Error::field("temperature", "temperature must be from 0 to 2"));
    }
    // 0 and -0 are one temperature, and so have one key.
    let temperature = if temperature == 0.0 { 0.0 } else { temperature };
    let max_tokens = max_tokens.unwrap_or(DEFAULT_MAX_TOKENS);
    if !(1..=1_000_000).contains(&max_tokens) {
        return Err(Error::field("maxTokens", "maxTokens must be from 1 to 1000000"));
    }
    Ok(Question { prompt, model, temperature, max_tokens })
}

async fn generate(
    State(app): State<Arc<App>>,
    Body(body): Body<Generate>,
) -> Result<impl IntoResponse, Error> {
    let question = question(body.prompt, body.model, body.temperature, body.max_tokens)?;
    let answer = app.cache.read_through(question).await.map_err(Error::Upstream)?;
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CACHE, found(answer.hit));
    if answer.degraded {
        headers.insert(DEGRADED, HeaderValue::from_static("cache"));
    }
    headers.extend(answer.node.as_deref().into_iter().flat_map(acknowledged_by));
    let Entry { response, metadata } = &*answer.entry;
    let body = Generated { response, model: &metadata.model, cached: answer.hit, metadata };
    Ok((headers, Json(body).into_response()))
}

async fn stats(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Error> {
    let cache = &app.cache;
    let span = tracing::debug_span!(
        "llm.cache.stats",
        cache.stats.total_keys = field::Empty,
        cache.stats.hit_rate = field::Empty,
        cache.stats.memory_usage = field::Empty,
    );
    let make = async {
        let seen = cache.statistics().instrument(span.clone()).await?;
        let total = seen.hits + seen.misses;
        let hit_rate = ratio(seen.hits, total);
        span.record("cache.stats.total_keys", seen.keys);
        span.record("cache.stats.hit_rate", hit_rate);
        span.record("cache.stats.memory_usage", &seen.memory);
        Ok(json!({
            "totalKeys": seen.keys,
            "memoryUsage": seen.memory,
            "hits": seen.hits,
            "misses": seen.misses,
            "hitRate": hit_rate,
            "averageResponseTime": ratio(seen.milliseconds, total),
        }))
    };
    let kept = cache.in_time(cache.answer(STATS, make)).await?;
    Ok(([(CACHE, found(kept.hit))], Json(kept.body)))
}

fn found(hit: bool) -> HeaderValue {
    HeaderValue::from_static(if hit { "HIT" } else { "MISS" })
}

/// Nothing of nothing is nothing.
#[allow(clippy::cast_precision_loss)]
fn ratio(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

async fn clear(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Error> {
    let cache = &app.cache;
    let span = tracing::debug_span!("llm.cache.clear", cache.deleted.count = field::Empty);
    let work = async {
        let forgot = cache.forget_answer(STATS).await?;
        let (deleted, node) = cache.clear().await?;
        Ok((deleted, node.or(forgot)))
    };
    let (deleted, node) = cache.in_time(work.instrument(span.clone())).await?;
    span.record("cache.deleted.count", deleted);
    Ok((node.as_deref().map(acknowledged_by), Json(json!({ "deleted": deleted }))))
}

#[derive(Deserialize)]
struct Warm {
    prompts: Vec<String>,
    models: Vec<String>,
}

async fn warm(
    State(app): State<Arc<App>>,
    Body(body): Body<Warm>,
) -> Result<impl IntoResponse, Error> {
    for (field, texts) in [("prompts", &body.prompts), ("models", &body.models)] {
        if texts.len() > MOST_WARMED || texts.iter().any(String::is_empty) {
            let error = format!("{field} must be at most {MOST_WARMED} texts, none of them empty");
            return Err(Error::field(field, error));
        }
    }
    let distinct = |texts: &[String]| texts.iter().cloned().collect::<BTreeSet<_>>();
    let (prompts, models) = (distinct(&body.prompts), distinct(&body.models));
    if !app.cache.keeps_responses() {
        // Nobody would find what the models say.
        let skipped = prompts.len() * models.len();
        let body = json!({ "warmed": 0, "skipped": skipped, "failed": 0 });
        return Ok((StatusCode::ACCEPTED, None, Json(body)));
    }
    let mut questions = Vec::new();
    for prompt in &prompts {
        for model in &models {
            questions.push(question(prompt.clone(), Some(model.clone()), None, None)?);
        }
    }
    let span = tracing::debug_span!(
        "cache.warmup",
        cache.warmup.prompts = prompts.len(),
        cache.warmup.models = models.len(),
    );
    let results = futures_util::stream::iter(questions)
        .map(|question| app.cache.read_through(question))
        .buffer_unordered(WARMED_AT_ONCE)
        .collect::<Vec<_>>()
        .instrument(span)
        .await;
    let count = |which: fn(&Result<super::Found, String>) -> bool| {
        results.iter().filter(|result| which(result)).count()
    };
    let body = json!({
        "warmed": count(|result| result.as_ref().is_ok_and(|found| !found.hit && !found.degraded)),
        "skipped": count(|result| result.as_ref().is_ok_and(|found| found.hit)),
        "failed": count(|result| result.as_ref().map_or(true, |found| found.degraded)),
    });
    // Of several nodes the last one.
    let node = results.iter().flatten().filter_map(|found| found.node.as_deref()).next_back();
    Ok((StatusCode::ACCEPTED, node.map(acknowledged_by), Json(body)))
}
