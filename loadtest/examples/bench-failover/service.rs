//! An instance of the reference server in one mode, and those who submit jobs to it.

use anyhow::{Context, Result, bail};
use redrill::environment::{Environment, ProcessSpec};
use redrill_history::clock::RunClock;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// A job is submitted so often, whatever became of those before it.
const EVERY: Duration = Duration::from_millis(10);
/// The service promises an answer in this time and a quarter of a second.
const COMMAND_TIMEOUT_MS: u64 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Mode {
    Async,
    OneReplica,
    AllReplicas,
    Naive,
}

pub(crate) const MODES: [Mode; 4] = [Mode::Async, Mode::OneReplica, Mode::AllReplicas, Mode::Naive];

impl Mode {
    /// As the settings have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Async => "async",
            Self::OneReplica => "replicas:1",
            Self::AllReplicas => "replicas:2",
            Self::Naive => "naive",
        }
    }

    fn variables(self) -> [(&'static str, &'static str); 2] {
        match self {
            Self::Naive => [("REDIS_FAILOVER", "naive"), ("QUEUE_DURABILITY", "async")],
            mode => [("REDIS_FAILOVER", "supervised"), ("QUEUE_DURABILITY", mode.name())],
        }
    }

    /// Before its keys, so that modes do not share queues.
    pub(crate) fn prefix(self) -> String {
        format!("{}:", self.name().replace(':', "-"))
    }
}

/// An acknowledged job.
pub(crate) struct Taken {
    pub(crate) id: String,
    /// Run id of the node that has acknowledged it.
    pub(crate) node: String,
    /// When the answer had come.
    pub(crate) at_ns: u64,
}

pub(crate) struct Service {
    pub(crate) mode: Mode,
    taken: Arc<Mutex<Vec<Taken>>>,
    stop: watch::Sender<bool>,
    submitting: tokio::task::JoinHandle<()>,
}

impl Service {
    /// Starts the instance and submitting.
    pub(crate) async fn start(
        environment: &Environment,
        redrill: &Path,
        mode: Mode,
        clock: RunClock,
    ) -> Result<Self> {
        let index = mode as u8;
        let source = environment.server_source(index).context("it has no address of its own")?;
        let name = format!("server[{index}]");
        let address = environment.free_address()?;
        let sentinels: Vec<String> =
            environment.sentinels().iter().map(|it| it.announced.to_string()).collect();
        let timeout = COMMAND_TIMEOUT_MS.to_string();
        let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut env = vec![
            text("PORT", &address.port().to_string()),
            text("REDIS_SENTINELS", &sentinels.join(",")),
            text("REDIS_SENTINEL_MASTER", redrill_history::Role::Main.name()),
            text("REDIS_SOURCE_ADDRESS", &source.to_string()),
            text("REDIS_COMMAND_TIMEOUT", &timeout),
            text("REDIS_CONNECTION_TIMEOUT", &timeout),
            text("REDIS_KEY_PREFIX", &mode.prefix()),
            text("QUEUE_LLM_CONCURRENCY", "0"),
            text("QUEUE_EMAIL_CONCURRENCY", "0"),
        ];
        env.extend(mode.variables().map(|(name, value)| text(name, value)));
        let spec = ProcessSpec {
            name: name.clone(),
            program: redrill.to_owned(),
            image: None,
            args: vec!["serve".into()],
            env,
            address,
            announced: None,
            source: Some(source),
        };
        environment.spawn_process(spec).await?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        for attempt in 0.. {
            let ready = http.get(format!("http://{address}/ready")).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            if attempt > 400 || !environment.is_running(&name) {
                bail!("{name} is not ready; it said:\n{}", environment.last_words(&name));
            }
            sleep(Duration::from_millis(25)).await;
        }
        let taken = Arc::default();
        let (stop, stopped) = watch::channel(false);
        let url = format!("http://{address}/api/jobs");
        let submitting = tokio::spawn(submit(http, url, clock, Arc::clone(&taken), stopped));
        Ok(Self { mode, taken, stop, submitting })
    }

    /// Stops submitting, waits for all answers and gives what was acknowledged.
    pub(crate) async fn stop(self) -> Vec<Taken> {
        self.stop.send_replace(true);
        let _ = self.submitting.await;
        std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn submit(
    http: reqwest::Client,
    url: String,
    clock: RunClock,
    taken: Arc<Mutex<Vec<Taken>>>,
    stopped: watch::Receiver<bool>,
) {
    let mut answers = JoinSet::new();
    let mut tick = tokio::time::interval(EVERY);
    while !*stopped.borrow() {
        tick.tick().await;
        let (http, url, taken) = (http.clone(), url.clone(), Arc::clone(&taken));
        answers.spawn(async move {
            if let Ok((id, node)) = submit_one(&http, &url).await {
                let at_ns = clock.now_ns();
                let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
                taken.push(Taken { id, node, at_ns });
            }
        });
        while answers.try_join_next().is_some() {}
    }
    while answers.join_next().await.is_some() {}
}

/// The id of a job that was acknowledged, and the node that did.
async fn submit_one(http: &reqwest::Client, url: &str) -> Result<(String, String)> {
    let job = json!({ "queue": "llm-processing", "name": "generate-response",
        "data": { "prompt": "x" } });
    let answer = http.post(url).json(&job).send().await?.error_for_status()?;
    let node = answer.headers().get("x-redis-node").context("no node")?.to_str()?.to_owned();
    let body: Value = answer.json().await?;
    Ok((body["id"].as_str().context("no id")?.to_owned(), node))
}
