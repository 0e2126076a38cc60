//! The cache over HTTP.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::error::Error;
use crate::http::{Body, acknowledged_by};
use crate::upstream::Question;

const DEFAULT_MODEL: &str = "llama2:7b";
const DEFAULT_TEMPERATURE: f64 = 0.7;
const DEFAULT_MAX_TOKENS: u64 = 2048;
/// The most pairs of prompt and model that one request warms.
const MOST_PAIRS: usize = 256;
/// How many of them are warmed at once.
const WARMED_AT_ONCE: usize = 4;

pub(crate) const DEGRADED: HeaderName = HeaderName::from_static("x-degraded");
const CACHE: HeaderName = HeaderName::from_static("x-cache");

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/llm/generate", post(generate))
        .route("/api/cache/stats", get(stats))
        .route("/api/cache", delete(clear))
        .route("/api/cache/warm", post(warm))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generate {
    prompt: String,
    model: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u64>,
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
    let found = app.cache.read_through(question).await.map_err(Error::Upstream)?;
    let mut headers = HeaderMap::new();
    let state = HeaderValue::from_static(if found.hit { "HIT" } else { "MISS" });
    headers.insert(CACHE, state);
    if found.degraded {
        headers.insert(DEGRADED, HeaderValue::from_static("cache"));
    }
    let entry = &found.entry;
    let body = json!({
        "response": entry.response,
        "model": entry.metadata.model,
        "cached": found.hit,
        "metadata": entry.metadata,
    });
    Ok((headers, Json(body)))
}

async fn stats(State(app): State<Arc<App>>) -> Result<Json<Value>, Error> {
    let seen = app.cache.statistics().await?;
    let total = seen.hits + seen.misses;
    Ok(Json(json!({
        "totalKeys": seen.keys,
        "memoryUsage": seen.memory,
        "hits": seen.hits,
        "misses": seen.misses,
        "hitRate": ratio(seen.hits, total),
        "averageResponseTime": ratio(seen.milliseconds, total),
    })))
}

/// Nothing of nothing is nothing.
#[allow(clippy::cast_precision_loss)]
fn ratio(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

async fn clear(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Error> {
    let (deleted, node) = app.cache.clear().await?;
    Ok((acknowledged_by(&node), Json(json!({ "deleted": deleted }))))
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
    let pairs = body.prompts.len().saturating_mul(body.models.len());
    if pairs > MOST_PAIRS {
        let error = format!("{pairs} pairs of prompt and model are more than {MOST_PAIRS}");
        return Err(Error::field("prompts", error));
    }
    let mut questions = Vec::with_capacity(pairs);
    for prompt in &body.prompts {
        for model in &body.models {
            questions.push(question(prompt.clone(), Some(model.clone()), None, None)?);
        }
    }
    let results = futures_util::stream::iter(questions)
        .map(|question| app.cache.read_through(question))
        .buffer_unordered(WARMED_AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let count = |which: fn(&Result<super::Found, String>) -> bool| {
        results.iter().filter(|result| which(result)).count()
    };
    let body = json!({
        "warmed": count(|result| result.as_ref().is_ok_and(|found| !found.hit && !found.degraded)),
        "skipped": count(|result| result.as_ref().is_ok_and(|found| found.hit)),
        "failed": count(|result| result.as_ref().map_or(true, |found| found.degraded)),
    });
    Ok((StatusCode::ACCEPTED, Json(body)))
}
