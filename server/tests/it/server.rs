//! Instances of the server inside the test, on free ports, and ways to talk to them.

use std::net::SocketAddr;

use clap::Parser;
use redrill_server::{Args, Settings};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::cluster::Cluster;
use crate::redis::{Group, Node};
use crate::topology::Place;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

pub(crate) fn settings(flags: &[&str]) -> Result<Settings, String> {
    let flags = ["serve"].iter().chain(flags);
    let command = Command::try_parse_from(flags).map_err(|error| error.to_string())?;
    Settings::try_from(&command.args)
}

/// Where instances can have their roles.
pub(crate) trait Redis {
    /// The settings that say so.
    fn flags(&self) -> Vec<String>;
}

fn texts<const N: usize>(flags: [&str; N]) -> Vec<String> {
    flags.map(ToOwned::to_owned).to_vec()
}

impl Redis for Node {
    fn flags(&self) -> Vec<String> {
        texts(["--redis-host", "127.0.0.1", "--redis-port", &self.public.to_string()])
    }
}

impl Redis for Group {
    fn flags(&self) -> Vec<String> {
        texts(["--redis-sentinels", &self.addresses()])
    }
}

impl Redis for Cluster {
    fn flags(&self) -> Vec<String> {
        texts(["--redis-cluster-nodes", &self.addresses()])
    }
}

impl Redis for Place {
    fn flags(&self) -> Vec<String> {
        Self::flags(self)
    }
}

/// A running instance.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

/// Common to all instances, so that their cookies are each other's.
pub(crate) const SECRET: &str = "a secret that all instances of a test share";

impl Server {
    /// An instance whose roles are all there.
    pub(crate) async fn on(there: &impl Redis, flags: &[&str]) -> Self {
        let place = there.flags();
        let place: Vec<&str> = place.iter().map(String::as_str).collect();
        Self::start(&[&place[..], flags].concat()).await
    }

    pub(crate) async fn start(flags: &[&str]) -> Self {
        let server = Self::unconnected(flags).await;
        server.is_connected().await;
        server
    }

    /// One that may never be connected to its Redis.
    pub(crate) async fn unconnected(flags: &[&str]) -> Self {
        let common = ["--port", "0", "--session-secret", SECRET];
        let own_secret = flags.contains(&"--session-secret");
        let common = if own_secret { &common[..2] } else { &common };
        let settings = settings(&[common, flags].concat()).expect("the settings are right");
        let (told, address) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let ready = |address| told.send(address).expect("the test waits for the address");
            let shutdown = async { drop(stopped.await) };
            redrill_server::run(settings, ready, shutdown).await.expect("the server runs");
        });
        let address = address.await.expect("the server becomes ready");
        Self { address, client: reqwest::Client::new(), stop: Some(stop), task }
    }

    /// One that runs in another process.
    pub(crate) async fn elsewhere(port: u16) -> Self {
        let server = Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            client: reqwest::Client::new(),
            stop: None,
            task: tokio::spawn(std::future::pending()),
        };
        server.is_connected().await;
        server
    }

    async fn is_connected(&self) {
        eventually("the server is connected", || async {
            let health = self.request(Method::GET, "/health").send().await;
            health.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("the server answers")
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Response {
        self.request(Method::POST, path).json(&body).send().await.expect("the server answers")
    }

    /// A 200's body.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        body(response).await
    }

    /// Submits a job that must be taken and gives its id.
    pub(crate) async fn submit(&self, queue: &str, name: &str, data: Value, opts: Value) -> String {
        let job = json!({ "queue": queue, "name": name, "data": data, "opts": opts });
        let response = self.post("/api/jobs", job).await;
        assert_eq!(response.status(), 202);
        body(response).await["id"].as_str().expect("an id").to_owned()
    }

    /// Ends gracefully and waits for the end.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        (&mut self.task).await.expect("the server ends without a panic");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn body(response: Response) -> Value {
    response.json().await.expect("a JSON body")
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap_or("not text"))
}

/// Asks until the answer is right, for at most ten seconds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut right: impl FnMut() -> F) {
    let wait = async {
        while !right().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(20), wait).await;
    assert!(waited.is_ok(), "waited 20 s in vain until {what}");
}
