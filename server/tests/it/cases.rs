//! Every answer that the description promises, with a request that has it.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::server::{Server, header};

/// A request of an operation, and the status of its answer.
pub(crate) struct Case {
    pub(crate) method: &'static str,
    /// As the description has it.
    pub(crate) path: &'static str,
    pub(crate) status: &'static str,
    /// The path as it is asked for; that of the description with good names in it where empty.
    asked: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    /// Sent so often; the last answer counts.
    times: u32,
    /// By a visitor who has no session.
    pub(crate) stranger: bool,
    /// To an instance whose model API fails, and which tells no metrics.
    pub(crate) elsewhere: bool,
}

const fn case(
    method: &'static str,
    path: &'static str,
    status: &'static str,
    body: &'static str,
) -> Case {
    let (asked, headers, times) = ("", &[], 1);
    Case { method, path, status, asked, headers, body, times, stranger: false, elsewhere: false }
}

impl Case {
    const fn at(self, asked: &'static str) -> Self {
        Self { asked, ..self }
    }

    const fn with(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }

    const fn twice(self) -> Self {
        Self { times: 2, ..self }
    }

    const fn stranger(self) -> Self {
        Self { stranger: true, ..self }
    }

    const fn elsewhere(self) -> Self {
        Self { elsewhere: true, ..self }
    }
}

/// Stands for a body of more than 1 MiB.
const TOO_LARGE: &str = "too large";
const ONCE: &[(&str, &str)] = &[("x-user-id", "once")];
const OFTEN: &[(&str, &str)] = &[("x-user-id", "often")];
const NOBODY: &[(&str, &str)] = &[("x-user-id", "")];
const UPGRADE: &[(&str, &str)] = &[
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];
const JOB: &str = r#"{"queue":"email-notifications","name":"send-email","data":{"to":"a"}}"#;
const NOWHERE: &str = r#"{"queue":"nowhere","name":"send-email","data":{"to":"a"}}"#;
/// More than the bound of [`FLAGS`].
const FULL: &str = r#"{"key":"k","value":"0123456789012345678901234567890123456789"}"#;

/// What an instance must be set to for the cases to have their answers.
pub(crate) const FLAGS: &[&str] = &[
    "--session-max-bytes",
    "40",
    "--rate-limit-max-requests",
    "1",
    "--rate-limit-window-ms",
    "3600000",
    "--rate-limit-llm-max-requests",
    "1",
    "--rate-limit-llm-window-ms",
    "3600000",
    "--rate-limit-burst-max-requests",
    "1",
    "--rate-limit-burst-window-ms",
    "3600000",
];

/// All but 503, which [`crate::outage`] has of every operation.
pub(crate) const CASES: &[Case] = &[
    case("post", "/api/llm/generate", "200", r#"{"prompt":"a"}"#),
    case("post", "/api/llm/generate", "400", r#"{"prompt":""}"#),
    case("post", "/api/llm/generate", "413", TOO_LARGE),
    case("post", "/api/llm/generate", "502", r#"{"prompt":"b"}"#).elsewhere(),
    case("get", "/api/cache/stats", "200", ""),
    case("get", "/api/cache/stats", "413", TOO_LARGE),
    case("delete", "/api/cache", "200", ""),
    case("delete", "/api/cache", "413", TOO_LARGE),
    case("post", "/api/cache/warm", "202", r#"{"prompts":["a"],"models":["m"]}"#),
    case("post", "/api/cache/warm", "400", r#"{"prompts":["a"],"models":"m"}"#),
    case("post", "/api/cache/warm", "413", TOO_LARGE),
    case("post", "/api/session/login", "200", r#"{"userId":"ada"}"#),
    case("post", "/api/session/login", "400", r#"{"userId":7}"#),
    case("post", "/api/session/login", "413", TOO_LARGE),
    case("get", "/api/session", "200", ""),
    case("get", "/api/session", "401", "").stranger(),
    case("get", "/api/session", "413", TOO_LARGE),
    case("put", "/api/session/data", "200", r#"{"key":"k","value":null}"#),
    case("put", "/api/session/data", "400", r#"{"key":"","value":1}"#),
    case("put", "/api/session/data", "401", r#"{"key":"k","value":1}"#).stranger(),
    case("put", "/api/session/data", "409", FULL),
    case("put", "/api/session/data", "413", TOO_LARGE),
    case("post", "/api/session/logout", "200", ""),
    case("post", "/api/session/logout", "401", "").stranger(),
    case("post", "/api/session/logout", "413", TOO_LARGE),
    case("get", "/api/limited", "200", "").with(ONCE),
    case("get", "/api/limited", "400", "").with(NOBODY),
    case("get", "/api/limited", "429", "").with(OFTEN).twice(),
    case("get", "/api/limited", "413", TOO_LARGE),
    case("get", "/api/limited/llm", "200", "").with(ONCE),
    case("get", "/api/limited/llm", "400", "").with(NOBODY),
    case("get", "/api/limited/llm", "429", "").with(OFTEN).twice(),
    case("get", "/api/limited/llm", "413", TOO_LARGE),
    case("get", "/api/limited/burst", "200", "").with(ONCE),
    case("get", "/api/limited/burst", "400", "").with(NOBODY),
    case("get", "/api/limited/burst", "429", "").with(OFTEN).twice(),
    case("get", "/api/limited/burst", "413", TOO_LARGE),
    case("post", "/api/jobs", "202", JOB),
    case("post", "/api/jobs", "400", r#"{"queue":"email-notifications"}"#),
    case("post", "/api/jobs", "404", NOWHERE),
    case("post", "/api/jobs", "413", TOO_LARGE),
    case("get", "/api/jobs/{queue}/{id}", "200", ""),
    case("get", "/api/jobs/{queue}/{id}", "400", "").at("/api/jobs/email-notifications/%ff"),
    case("get", "/api/jobs/{queue}/{id}", "404", "").at("/api/jobs/email-notifications/none"),
    case("get", "/api/jobs/{queue}/{id}", "413", TOO_LARGE),
    case("get", "/api/queues/stats", "200", ""),
    case("get", "/api/queues/stats", "413", TOO_LARGE),
    case("get", "/api/presence", "200", ""),
    case("get", "/api/presence", "413", TOO_LARGE),
    case("get", "/api/presence/{userId}", "200", ""),
    case("get", "/api/presence/{userId}", "400", "").at("/api/presence/%ff"),
    case("get", "/api/presence/{userId}", "413", TOO_LARGE),
    case("get", "/ws", "101", "").with(UPGRADE),
    case("get", "/ws", "400", ""),
    case("get", "/ws", "413", TOO_LARGE),
    case("get", "/health", "200", ""),
    case("get", "/health", "413", TOO_LARGE),
    case("get", "/ready", "200", ""),
    case("get", "/ready", "413", TOO_LARGE),
    case("get", "/metrics", "200", ""),
    case("get", "/metrics", "404", "").elsewhere(),
    case("get", "/metrics", "413", TOO_LARGE),
    case("get", "/openapi.json", "200", ""),
    case("get", "/openapi.json", "413", TOO_LARGE),
];

impl Case {
    /// The request that an operation takes.
    ///
    /// # Panics
    /// There is none.
    pub(crate) fn good(method: &str, path: &str) -> &'static Self {
        let is_good = |it: &&Self| it.method == method && it.path == path && it.status < "300";
        let case = CASES.iter().find(is_good);
        case.unwrap_or_else(|| panic!("{method} {path} has no good case in CASES"))
    }

    /// Sends the request; `job` is the id of one that is there.
    pub(crate) async fn ask(&self, server: &Server, cookie: &str, job: &str) -> Response {
        let filled = self.path.replace("{userId}", "ada").replace("{id}", job);
        let filled = filled.replace("{queue}", "email-notifications");
        let path = if self.asked.is_empty() { &filled } else { self.asked };
        for time in 1.. {
            let method = Method::from_bytes(self.method.to_uppercase().as_bytes());
            let mut request = server.request(method.expect("a method"), path);
            request = request.header("cookie", if self.stranger { "" } else { cookie });
            for (name, value) in self.headers {
                request = request.header(*name, *value);
            }
            request = match self.body {
                "" => request,
                TOO_LARGE => request.json(&"a".repeat(1024 * 1024)),
                body => request.header("content-type", "application/json").body(body),
            };
            let answer = request.send().await.expect("an answer");
            if time == self.times {
                return answer;
            }
        }
        unreachable!("a case is asked for at least once")
    }
}

/// Begins a session and gives its cookie.
pub(crate) async fn login(server: &Server) -> String {
    let login = server.post("/api/session/login", json!({ "userId": "ada" })).await;
    assert_eq!(login.status(), 200);
    header(&login, "set-cookie").to_owned()
}

/// One method of one path, as the document describes it.
pub(crate) struct Operation<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) responses: &'a serde_json::Map<String, Value>,
}

/// All of a document's.
pub(crate) fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().expect("paths").iter();
    let all = paths.flat_map(|(path, methods)| {
        methods.as_object().expect("methods").iter().map(move |(method, described)| Operation {
            method,
            path,
            responses: described["responses"].as_object().expect("responses"),
        })
    });
    all.collect()
}
