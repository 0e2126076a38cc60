//! The service's other dependencies, played on loopback: the model API and the mail API. They
//! answer as a pure function of the request, record every call, and fail the attempts of jobs that
//! are bound to fail. A fault can slow or break them.

mod disturbance;

pub use disturbance::{Dependency, Disturbance, Disturbances};

use crate::exit::unusable;
use anyhow::Result;
use axum::Router;
use axum::extract::{Json, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use disturbance::Fate;
use redrill_history::clock::RunClock;
use redrill_history::{
    Action, Capability, EffectsPlan, Flags, NO_INSTANCE, Operation, Outcome, RecorderHandle,
};
use redrill_scenarios::load::Executed;
use redrill_scenarios::queue::job::Job;
use redrill_scenarios::text;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// The model API's name, in plans and in its URL.
const MODEL: &str = "model";
/// The mail API's name, in plans and in its URL.
const MAIL: &str = "mail";
/// What a dependency that is wrong answers.
const WRONG: &str = "<html><body>It works!</body></html>";

/// The played dependencies.
#[derive(Debug)]
pub struct Effects {
    /// Where they listen.
    pub address: SocketAddr,
    disturbances: Arc<Disturbances>,
    server: JoinHandle<()>,
}

/// What the played dependencies know.
#[derive(Debug)]
pub struct Played {
    /// The run's clock.
    pub clock: RunClock,
    /// Where calls are recorded.
    pub recorder: RecorderHandle,
    /// Jobs that took effect.
    pub executed: Arc<Executed>,
    /// The number of the segment that is run.
    pub segment: Arc<AtomicU16>,
    /// The plan's seed: it says which jobs fail.
    pub seed: u64,
    /// How often a job is tried.
    pub attempts: u32,
    /// How long calls take.
    pub plan: EffectsPlan,
    /// How long a worker may hold a job without a sign of life.
    pub lease: Duration,
    /// Calls so far, by job.
    pub calls: Mutex<BTreeMap<u64, u32>>,
    /// Calls that may begin now, where that is bounded.
    pub free: Option<Semaphore>,
    /// What faults do to them.
    pub disturbances: Arc<Disturbances>,
}

#[derive(Debug, Deserialize)]
struct ModelRequest {
    prompt: String,
    #[serde(default)]
    model: String,
}

#[derive(Debug, Deserialize)]
struct MailRequest {
    subject: String,
}

impl Effects {
    /// Starts both APIs where the plan says, or on a free port of loopback.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(played: Played) -> Result<Self> {
        let disturbances = Arc::clone(&played.disturbances);
        let listen = played.plan.listen.clone().unwrap_or_else(|| "127.0.0.1:0".to_owned());
        let listener = TcpListener::bind(&listen).await.map_err(|error| {
            let told = format!("the model API cannot listen on {listen}: {error}");
            unusable(format!("{told}; change effects.listen, or end what listens there"))
        })?;
        let mut address = listener.local_addr()?;
        if address.ip().is_unspecified() {
            // Everywhere is no place to be called at.
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let router = Router::new()
            .route("/model", post(model))
            .route("/mail", post(mail))
            .route("/{dependency}/probe", get(probe))
            .with_state(Arc::new(played));
        let server = tokio::spawn(async move {
            // Serving ends only when the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, disturbances, server })
    }

    /// What is wrong with them now.
    pub fn disturbances(&self) -> &Disturbances {
        &self.disturbances
    }

    /// A dependency's URL.
    pub fn url(&self, dependency: Dependency) -> String {
        format!("http://{}/{}", self.address, dependency.name())
    }

    /// Where a GET meets what calls meet, and takes no effect.
    pub fn probe_url(&self, dependency: Dependency) -> String {
        format!("{}/probe", self.url(dependency))
    }
}

impl Drop for Effects {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn model(
    State(played): State<Arc<Played>>,
    headers: HeaderMap,
    Json(request): Json<ModelRequest>,
) -> Response {
    let fate = played.disturbances.fate(Dependency::Model);
    let answer = Json(json!({ "response": text::answer(&request.prompt, &request.model) }));
    let status = if let Some(job) = text::job_of(&request.prompt) {
        played.job_call(Action::ModelCall, job, attempt(&headers), fate).await
    } else {
        // A prompt that the harness never made is nobody's key: recorded all the same.
        let key = text::key_of_prompt(&request.prompt, &request.model).unwrap_or(u64::MAX);
        let action = Action::ModelCall;
        let call = Call { capability: Capability::Cache, action, key, attempt: 0 };
        let takes = played.plan.model_takes;
        played.take_effect(call, takes, false, fate).await
    };
    if fate.wrong { Html(WRONG).into_response() } else { (status, answer).into_response() }
}

async fn mail(
    State(played): State<Arc<Played>>,
    headers: HeaderMap,
    Json(request): Json<MailRequest>,
) -> StatusCode {
    let fate = played.disturbances.fate(Dependency::Mail);
    let job = text::job_of(&request.subject).unwrap_or(u64::MAX);
    played.job_call(Action::MailCall, job, attempt(&headers), fate).await
}

/// What a call of a dependency meets now, without a call.
async fn probe(State(played): State<Arc<Played>>, Path(name): Path<String>) -> Response {
    let Some(dependency) = Dependency::find(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let fate = played.disturbances.fate(dependency);
    tokio::time::sleep(fate.later).await;
    match fate {
        Fate { wrong: true, .. } => Html(WRONG).into_response(),
        Fate { failing: Some(status), .. } => status.into_response(),
        _ => Json(json!({ "response": "" })).into_response(),
    }
}

fn attempt(headers: &HeaderMap) -> u64 {
    let header = headers.get("X-Job-Attempt").and_then(|value| value.to_str().ok());
    header.and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[derive(Clone, Copy, Debug)]
struct Call {
    capability: Capability,
    action: Action,
    key: u64,
    attempt: u64,
}

impl Played {
    async fn job_call(
        self: Arc<Self>,
        action: Action,
        job: u64,
        attempt: u64,
        fate: Fate,
    ) -> StatusCode {
        let kind = Job::of(self.seed, job, self.attempts);
        let called = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let count = calls.entry(job).or_default();
            *count += 1;
            *count
        };
        let call = Call { capability: Capability::Queue, action, key: job, attempt };
        // A job that is bound to fail does so however often it is delivered.
        let fails = called <= kind.fails || kind.must_fail(self.attempts);
        let is_long = Job::is_long(self.seed, job, self.plan.long_job_one_in);
        let takes = if is_long { self.lease * 3 / 2 } else { self.plan.job_takes };
        self.take_effect(call, takes, fails, fate).await
    }

    /// Takes its time, then records the call and answers. What was begun is finished, also when
    /// the caller has hung up meanwhile.
    async fn take_effect(
        self: Arc<Self>,
        call: Call,
        takes: Duration,
        fails: bool,
        fate: Fate,
    ) -> StatusCode {
        let started_ns = self.clock.now_ns();
        let work = tokio::spawn(async move {
            // Nobody closes the semaphore, so that waiting for it never fails.
            let _turn = match &self.free {
                Some(free) => free.acquire().await.ok(),
                None => None,
            };
            tokio::time::sleep(takes + fate.later).await;
            let on_demand = fails.then_some(StatusCode::INTERNAL_SERVER_ERROR);
            // What is wrong says that all is well.
            let wrong = fate.wrong.then_some(StatusCode::OK);
            self.record(call, started_ns, wrong.or(fate.failing).or(on_demand), fails)
        });
        work.await.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Records a call; one that took no effect with the status that it was answered.
    fn record(
        &self,
        call: Call,
        started_ns: u64,
        failed: Option<StatusCode>,
        on_demand: bool,
    ) -> StatusCode {
        let status = failed.unwrap_or(StatusCode::OK);
        self.recorder.effect(Operation {
            seq: 0,
            intended_ns: started_ns,
            started_ns,
            finished_ns: self.clock.now_ns(),
            key: call.key,
            value: call.attempt,
            vu: 0,
            status: status.as_u16(),
            capability: call.capability,
            action: call.action,
            outcome: if failed.is_some() { Outcome::Refused } else { Outcome::Ok },
            instance: NO_INSTANCE,
            flags: if on_demand { Flags::FAILED_ON_DEMAND } else { Flags::default() },
            segment: self.segment.load(Ordering::Relaxed),
        });
        if failed.is_none() && call.capability == Capability::Queue {
            self.executed.insert(call.key);
        }
        status
    }
}
