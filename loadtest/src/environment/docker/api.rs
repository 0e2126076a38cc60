//! The calls of Docker's API that it takes to run a process in a container.
//!
//! Source: the Engine API's reference. The version of the API is the newest that the daemon has; no
//! call here has changed since 1.25.

use super::frames::Frames;
use super::socket::socket;
use reqwest::{Client, Method, Response};
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

/// How long the daemon may take for what does not wait for a container or for the network.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The daemon.
#[derive(Clone, Debug)]
pub(in crate::environment) struct Docker {
    http: Client,
    /// `http://docker/v1.41`
    base: String,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::environment) enum ApiError {
    /// The daemon is not where it should be.
    #[error("{0}")]
    Elsewhere(String),
    /// Nobody answers on the socket.
    #[error("no Docker daemon answers on {}", .socket.display())]
    Away {
        /// The socket.
        socket: PathBuf,
        /// What came of connecting.
        source: std::io::Error,
    },
    /// The daemon refused.
    #[error("Docker answered {status}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// The answer did not come, or not whole.
    #[error("Docker's answer was lost")]
    Lost(#[from] reqwest::Error),
    /// No answer in time.
    #[error("Docker did not answer within {} s", ANSWER_WITHIN.as_secs())]
    Late,
}

impl ApiError {
    /// Whether the daemon does not have what was asked for.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

type Result<T> = std::result::Result<T, ApiError>;

/// What the daemon says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Info {
    #[serde(rename = "OSType")]
    pub(super) os_type: String,
    pub(super) operating_system: String,
    pub(super) security_options: Vec<String>,
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "Id")]
    id: String,
}

#[derive(Deserialize)]
struct Ended {
    #[serde(rename = "StatusCode")]
    code: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    state: Running,
}

#[derive(Deserialize)]
struct Running {
    #[serde(rename = "Pid")]
    pid: u32,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "Names", default)]
    names: Vec<String>,
}

impl Docker {
    /// The daemon that `DOCKER_HOST` names, or the usual one, once it answers.
    ///
    /// # Errors
    /// It is not on this machine, or does not answer.
    pub(in crate::environment) async fn connect() -> Result<Self> {
        let host = std::env::var("DOCKER_HOST").ok();
        let socket = socket(host.as_deref()).map_err(ApiError::Elsewhere)?;
        Self::on(&socket).await
    }

    pub(super) async fn on(socket: &Path) -> Result<Self> {
        let tried = tokio::net::UnixStream::connect(socket).await;
        tried.map_err(|source| ApiError::Away { socket: socket.to_owned(), source })?;
        let http = Client::builder().unix_socket(socket).build()?;
        let bare = Self { http, base: "http://docker".to_owned() };
        let pong = bare.call(Method::GET, "/_ping", None).await?;
        let version = pong.headers().get("api-version").and_then(|value| value.to_str().ok());
        let base = version.map_or(bare.base.clone(), |version| format!("{}/v{version}", bare.base));
        Ok(Self { base, ..bare })
    }

    /// What the daemon says of itself.
    pub(super) async fn info(&self) -> Result<Info> {
        Ok(self.call(Method::GET, "/info", None).await?.json().await?)
    }

    /// Whether the image is here.
    pub(super) async fn has_image(&self, image: &str) -> Result<bool> {
        match self.call(Method::GET, &format!("/images/{image}/json"), None).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Fetches an image from its registry, which takes as long as it takes.
    pub(super) async fn pull(&self, image: &str) -> Result<()> {
        let path = format!("/images/create?fromImage={image}");
        let progress = self.send(Method::POST, &path, None).await?.text().await?;
        // The status is sent before the work is done; what fails then is a line of the answer.
        let lines = progress.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut failures = lines.filter_map(|line| line.get("error")?.as_str().map(str::to_owned));
        match failures.next() {
            Some(message) => Err(ApiError::Refused { status: 200, message }),
            None => Ok(()),
        }
    }

    /// Makes a container of this name; it is not started.
    pub(super) async fn create(&self, name: &str, container: &Value) -> Result<String> {
        let path = format!("/containers/create?name={name}");
        let made: Created = self.call(Method::POST, &path, Some(container)).await?.json().await?;
        Ok(made.id)
    }

    /// Starts a container.
    pub(super) async fn start(&self, name: &str) -> Result<()> {
        self.call(Method::POST, &format!("/containers/{name}/start"), None).await.map(drop)
    }

    /// The process id of a container's first process on this machine; 0 where it has ended.
    pub(super) async fn pid(&self, name: &str) -> Result<u32> {
        let answer = self.call(Method::GET, &format!("/containers/{name}/json"), None).await?;
        Ok(answer.json::<Inspected>().await?.state.pid)
    }

    /// Sends a signal to a container's first process.
    pub(super) async fn signal(&self, name: &str, signal: i32) -> Result<()> {
        let path = format!("/containers/{name}/kill?signal={signal}");
        self.call(Method::POST, &path, None).await.map(drop)
    }

    /// Waits until a container has ended, and gives its exit code.
    pub(super) async fn wait(&self, name: &str) -> Result<i64> {
        let path = format!("/containers/{name}/wait");
        Ok(self.send(Method::POST, &path, None).await?.json::<Ended>().await?.code)
    }

    /// What a container has written, and writes until its end; `written` takes it as it comes.
    pub(super) async fn follow(&self, name: &str, mut written: impl FnMut(&[u8])) -> Result<()> {
        let path = format!("/containers/{name}/logs?follow=1&stdout=1&stderr=1");
        let mut answer = self.send(Method::GET, &path, None).await?;
        let mut frames = Frames::default();
        while let Some(bytes) = answer.chunk().await? {
            written(&frames.take(&bytes));
        }
        Ok(())
    }

    /// Ends and removes a container with its anonymous volumes.
    pub(super) async fn remove(&self, name: &str) -> Result<()> {
        let path = format!("/containers/{name}?force=1&v=1");
        self.call(Method::DELETE, &path, None).await.map(drop)
    }

    /// The names of the containers with this label, whether they run or not.
    pub(super) async fn labelled(&self, label: &str) -> Result<Vec<String>> {
        // {"label":["…"]}, as a query writes it.
        let path = format!("/containers/json?all=1&filters=%7B%22label%22:%5B%22{label}%22%5D%7D");
        let listed: Vec<Listed> = self.call(Method::GET, &path, None).await?.json().await?;
        Ok(listed.into_iter().flat_map(|container| container.names).collect())
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response> {
        timeout(ANSWER_WITHIN, self.send(method, path, body)).await.map_err(|_| ApiError::Late)?
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        // 304: it is so already.
        if status.is_success() || status.as_u16() == 304 {
            return Ok(answer);
        }
        let text = answer.text().await?;
        let said = serde_json::from_str::<Value>(&text).ok();
        let said = said.and_then(|said| Some(said.get("message")?.as_str()?.to_owned()));
        Err(ApiError::Refused { status: status.as_u16(), message: said.unwrap_or(text) })
    }
}
