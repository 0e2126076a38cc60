//! One HTTP call of a target file: made, timed out, read to its end.

use super::Target;
use super::template::{Values, fill, fill_json};
use crate::load::Ended;
use redrill_history::{Flags, Observation, Reply, classify};
use reqwest::header::{COOKIE, HeaderMap, SET_COOKIE};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A call as a target file writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Method and path: `POST /api/jobs`.
    pub request: String,
    /// Headers to send.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The JSON body.
    pub body: Option<Value>,
    /// Where facts stand in the answer: `json:/response`, `header:X-Cache`.
    #[serde(default)]
    pub read: BTreeMap<String, String>,
    /// What the service calls the harness's things: a route by policy, a queue by kind of job.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
}

/// An answer, or what there is instead of one.
#[derive(Clone, Debug)]
pub struct Answer {
    /// How the request ended.
    pub reply: Reply,
    /// What any answer may tell.
    pub flags: Flags,
    /// The node that acknowledged, where the answer names it.
    pub node: Option<u64>,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn none(reply: Reply, flags: Flags) -> Self {
        Self { reply, flags, node: None, headers: HeaderMap::new(), body: Value::Null }
    }

    /// The HTTP status, 0 without an answer.
    pub const fn status(&self) -> u16 {
        match self.reply {
            Reply::Status { status, .. } => status,
            Reply::NotConnected | Reply::Broken => 0,
        }
    }

    /// A fact of the answer by the name that the call gives it.
    pub fn read(&self, call: &Call, name: &str) -> Option<String> {
        find(call.read.get(name)?, &self.headers, &self.body)
    }

    /// A number of the answer by the name that the call gives it.
    pub fn number(&self, call: &Call, name: &str) -> Option<u64> {
        self.read(call, name)?.parse().ok()
    }

    /// The cookies that the answer sets, as a `Cookie` header sends them back.
    pub fn cookies(&self) -> Option<String> {
        let pairs: Vec<&str> = self
            .headers
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The end of an operation with this answer; `is_write` as [`classify`] takes it.
    pub fn ended(&self, is_write: bool, observation: Observation) -> Ended {
        Ended {
            outcome: classify(self.reply, is_write),
            status: self.status(),
            flags: self.flags,
            observation: Observation { node: self.node, ..observation },
        }
    }
}

impl Target {
    /// The call of that name; the plan was refused if the file has none.
    pub fn call(&self, name: &str) -> Option<&Call> {
        self.file.call.get(name)
    }

    /// Makes a call of the target file at an instance and reads the answer to its end.
    pub async fn make(
        &self,
        http: &reqwest::Client,
        instance: u8,
        call: &Call,
        values: &Values<'_>,
        cookie: Option<&str>,
    ) -> Answer {
        let (method, path) = call.request.split_once(' ').unwrap_or(("GET", &call.request));
        let method = method.parse().unwrap_or(reqwest::Method::GET);
        let url = self.url(instance, &fill(path, values));
        let mut request = http.request(method, url).timeout(self.timeout());
        for (name, value) in &call.headers {
            request = request.header(name, fill(value, values));
        }
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        if let Some(body) = &call.body {
            request = request.json(&fill_json(body, values).unwrap_or(Value::Null));
        }
        match request.send().await {
            Ok(response) => self.read(response).await,
            Err(error) if error.is_connect() => Answer::none(Reply::NotConnected, Flags::default()),
            Err(error) => broken(&error),
        }
    }

    async fn read(&self, response: reqwest::Response) -> Answer {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = match response.bytes().await {
            Ok(bytes) => bytes,
            Err(error) => return broken(&error),
        };
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let everywhere = &self.file.everywhere;
        let marked = |mark: &Option<String>| {
            mark.as_ref().is_some_and(|mark| is_marked(mark, &headers, &body))
        };
        let promised_refused = marked(&everywhere.refused);
        let mut flags = Flags::default();
        if promised_refused {
            flags = flags.with(Flags::PROMISED_REFUSED);
        }
        if marked(&everywhere.degraded) {
            flags = flags.with(Flags::DEGRADED);
        }
        let node = everywhere.node.as_ref().and_then(|place| find(place, &headers, &body));
        let node = node.as_deref().and_then(Observation::node_number);
        Answer { reply: Reply::Status { status, promised_refused }, flags, node, headers, body }
    }
}

fn broken(error: &reqwest::Error) -> Answer {
    let flags = if error.is_timeout() { Flags::TIMED_OUT } else { Flags::default() };
    Answer::none(Reply::Broken, flags)
}

/// What stands at a place of an answer: `json:<pointer>` or `header:<name>`.
fn find(place: &str, headers: &HeaderMap, body: &Value) -> Option<String> {
    match place.split_once(':')? {
        ("json", pointer) => match body.pointer(pointer)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        },
        ("header", name) => headers.get(name)?.to_str().ok().map(str::to_owned),
        _ => None,
    }
}

/// True when something stands at the mark's place and, after `=`, is what it must be.
fn is_marked(mark: &str, headers: &HeaderMap, body: &Value) -> bool {
    match mark.split_once('=') {
        Some((place, wanted)) => find(place, headers, body).as_deref() == Some(wanted),
        None => find(mark, headers, body).is_some(),
    }
}
