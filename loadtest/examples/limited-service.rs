//! A service with a limit that is known: what `scripts/capacity-check` holds the search against.
//!
//! `POST /work` is answered as the argument says: `bucket:400` admits 400 a second and refuses the
//! rest with 503; `queue:2ms` serves one after the other, 2 ms each; `spin:2ms` computes for 2 ms
//! on the only thread; `model` asks the model API at `MODEL_URL`; `none` answers at once.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use redrill_history::clock::instant_now;
use redrill_history::{parse_duration, parse_rate};
use serde_json::{Value, json};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The bucket holds the tokens of this time.
const BURST: Duration = Duration::from_millis(50);

enum Limit {
    /// Time between two tokens.
    Bucket(Duration),
    Queue(Duration),
    Spin(Duration),
    Model(String),
    None,
}

struct Service {
    limit: Limit,
    /// When the bucket has its next token, or the queue's only server its next free moment.
    next: Mutex<Instant>,
    http: reqwest::Client,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let limit = limit(&std::env::args().nth(1).unwrap_or_default())?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let service = Service { limit, next: Mutex::new(instant_now()), http };
    let router = Router::new()
        .route("/ready", get(|| async { "ready" }))
        .route("/work", post(work))
        .with_state(Arc::new(service));
    let address = format!("127.0.0.1:{}", std::env::var("PORT")?);
    axum::serve(tokio::net::TcpListener::bind(address).await?, router).await?;
    Ok(())
}

fn limit(text: &str) -> Result<Limit, String> {
    match text.split_once(':').unwrap_or((text, "")) {
        ("bucket", rate) => Ok(Limit::Bucket(Duration::from_secs_f64(1.0 / parse_rate(rate)?))),
        ("queue", time) => parse_duration(time).map(Limit::Queue),
        ("spin", time) => parse_duration(time).map(Limit::Spin),
        ("model", _) => std::env::var("MODEL_URL").map(Limit::Model).map_err(|e| e.to_string()),
        ("none", _) => Ok(Limit::None),
        _ => Err(format!("'{text}' is no limit")),
    }
}

async fn work(
    State(service): State<Arc<Service>>,
    Json(asked): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let mut answer = json!({ "response": "done" });
    match &service.limit {
        Limit::Bucket(gap) => {
            if !service.takes_token(*gap) {
                return (StatusCode::SERVICE_UNAVAILABLE, Json(answer));
            }
        }
        Limit::Queue(time) => tokio::time::sleep_until(service.served_at(*time).into()).await,
        Limit::Spin(time) => {
            let end = instant_now() + *time;
            while instant_now() < end {
                std::hint::spin_loop();
            }
        }
        Limit::Model(url) => {
            let asked = service.http.post(url).json(&asked).send().await;
            match asked.and_then(reqwest::Response::error_for_status) {
                Ok(told) => answer = told.json().await.unwrap_or_default(),
                Err(_) => return (StatusCode::BAD_GATEWAY, Json(answer)),
            }
        }
        Limit::None => {}
    }
    (StatusCode::OK, Json(answer))
}

impl Service {
    /// Takes a token if the bucket has one: it gets one each `gap`, and holds those of [`BURST`].
    fn takes_token(&self, gap: Duration) -> bool {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let now = instant_now();
        *next = (*next).max(now.checked_sub(BURST).unwrap_or(now));
        let has_one = *next <= now;
        if has_one {
            *next += gap;
        }
        has_one
    }

    /// When the only server has served this request and all before it.
    fn served_at(&self, time: Duration) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next).max(instant_now()) + time;
        *next
    }
}
