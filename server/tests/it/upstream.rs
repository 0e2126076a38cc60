//! The model and mail API as a test needs them: they count, fail and dawdle on demand.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{any, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// One call that was received.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) body: Value,
    pub(crate) job: String,
    pub(crate) queue: String,
    pub(crate) attempt: String,
}

/// Answers calls at `url`.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    calls: Mutex<Vec<Call>>,
    failures: Mutex<usize>,
    running: AtomicUsize,
    most_running: AtomicUsize,
    delay: Duration,
}

impl Upstream {
    /// Fails the first `failures` calls; takes `delay` for each.
    pub(crate) async fn start(failures: usize, delay: Duration) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let failures = Mutex::new(failures);
        let shared = Arc::new(Shared {
            calls: Mutex::default(),
            failures,
            running: AtomicUsize::new(0),
            most_running: AtomicUsize::new(0),
            delay,
        });
        let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// Calls that are not answered yet.
    pub(crate) fn running(&self) -> usize {
        self.shared.running.load(Ordering::Relaxed)
    }

    /// The most calls that were under way at one time.
    pub(crate) fn most_running(&self) -> usize {
        self.shared.most_running.load(Ordering::Relaxed)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().expect("no test panics here").clone()
    }
}

/// The URL of an API that answers every call with this status and a good body, and with a 200
/// whoever follows the `Location` beside it.
pub(crate) async fn answering(status: StatusCode) -> String {
    let good = || Json(json!({ "response": "good" }));
    let first = move || async move { (status, [(LOCATION, "/elsewhere")], good()) };
    let elsewhere = move || async move { good() };
    let router = Router::new().route("/", post(first)).route("/elsewhere", any(elsewhere));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let text = |name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let (job, queue, attempt) = (text("x-job-id"), text("x-job-queue"), text("x-job-attempt"));
    let call = Call { body: body.clone(), job, queue, attempt };
    shared.calls.lock().expect("no test panics here").push(call);
    let running = shared.running.fetch_add(1, Ordering::Relaxed) + 1;
    shared.most_running.fetch_max(running, Ordering::Relaxed);
    tokio::time::sleep(shared.delay).await;
    shared.running.fetch_sub(1, Ordering::Relaxed);
    let mut failures = shared.failures.lock().expect("no test panics here");
    if *failures > 0 {
        *failures -= 1;
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    Ok(Json(json!({ "response": format!("{}!", body["prompt"].as_str().unwrap_or_default()) })))
}
