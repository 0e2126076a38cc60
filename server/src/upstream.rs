//! The service's own dependencies: the model API and the mail API, or built-in stubs for them.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, redirect};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::settings::Settings;

/// What the model is asked.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Question {
    pub(crate) prompt: String,
    pub(crate) model: String,
    pub(crate) temperature: f64,
    pub(crate) max_tokens: u64,
}

/// The job on whose behalf a call is made.
#[derive(Debug, Clone)]
pub(crate) struct OnBehalf<'a> {
    pub(crate) queue: &'a str,
    pub(crate) id: &'a str,
    pub(crate) attempt: u32,
}

#[derive(Deserialize)]
struct Reply {
    response: String,
}

/// Calls the two APIs.
#[derive(Clone)]
pub(crate) struct Upstream {
    client: reqwest::Client,
    llm: Option<String>,
    mail: Option<String>,
}

impl Upstream {
    /// The clients of both.
    ///
    /// # Errors
    /// TLS, which the application's features may bring in, finds no roots on the system.
    pub(crate) fn new(settings: &Settings) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(settings.upstream_timeout)
            .pool_idle_timeout(Duration::from_secs(60))
            .no_proxy()
            // A redirection may turn the call into another one, whose answer says nothing of it.
            .redirect(redirect::Policy::none())
            .build()?;
        let (llm, mail) = (settings.llm_upstream.clone(), settings.mail_upstream.clone());
        Ok(Self { client, llm, mail })
    }

    /// Asks the model.
    ///
    /// # Errors
    /// Anything but a 200 with a `response`, in words.
    pub(crate) async fn generate(
        &self,
        question: &Question,
        job: Option<&OnBehalf<'_>>,
    ) -> Result<String, String> {
        let Some(url) = &self.llm else {
            return Ok(format!("{} says: {}", question.model, question.prompt));
        };
        let whom = "the model API";
        let response = self.post(url, json!(question), job, whom).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("{whom} answered {}", response.status()));
        }
        let reply: Reply = response
            .json()
            .await
            .map_err(|error| format!("{whom}'s answer has no response: {error}"))?;
        Ok(reply.response)
    }

    /// Sends a mail: `to`, `subject` and `body` of the job's data, and all of it as `data`.
    ///
    /// # Errors
    /// Anything but a 2xx, in words.
    pub(crate) async fn mail(
        &self,
        data: &Map<String, Value>,
        job: &OnBehalf<'_>,
    ) -> Result<(), String> {
        let Some(url) = &self.mail else { return Ok(()) };
        let of = |name| data.get(name);
        let (to, subject, body) = (of("to"), of("subject"), of("body"));
        let mail = json!({ "to": to, "subject": subject, "body": body, "data": data });
        self.post(url, mail, Some(job), "the mail API").await?;
        Ok(())
    }

    async fn post(
        &self,
        url: &str,
        body: Value,
        job: Option<&OnBehalf<'_>>,
        whom: &str,
    ) -> Result<reqwest::Response, String> {
        let request =
            self.client.post(url).json(&body).headers(job.map(headers).unwrap_or_default());
        let response =
            request.send().await.map_err(|error| format!("{whom} did not answer: {error}"))?;
        let status = response.status();
        if status.is_success() { Ok(response) } else { Err(format!("{whom} answered {status}")) }
    }
}

fn headers(job: &OnBehalf<'_>) -> HeaderMap {
    let attempt = job.attempt.to_string();
    let named = [("x-job-id", job.id), ("x-job-queue", job.queue), ("x-job-attempt", &attempt)];
    let pairs = named.into_iter().filter_map(|(name, value)| {
        Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
    });
    pairs.collect()
}
