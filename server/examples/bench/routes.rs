//! The routes that are driven, each with one request that is sent over and over.

use std::net::SocketAddr;

use anyhow::{Result, ensure};

use crate::drive::Connection;

/// How one route is driven.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Request line without the version.
    pub(crate) line: &'static str,
    /// Empty for none. `########` is replaced by a number that is new in each request, `@@@@@@@@`
    /// by one that each connection has of its own.
    pub(crate) body: &'static str,
    /// The bound of the ratio holds for it.
    pub(crate) bounded: bool,
}

pub(crate) const CASES: &[Case] = &[
    bounded("cache hit", "POST /api/llm/generate", r#"{"prompt":"What is @@@@@@@@?"}"#),
    bounded("cache miss", "POST /api/llm/generate", r#"{"prompt":"What is ########?"}"#),
    bounded("session login", "POST /api/session/login", r#"{"userId":"ada"}"#),
    bounded("session read", "GET /api/session", ""),
    bounded("session write", "PUT /api/session/data", r#"{"key":"theme","value":"dark"}"#),
    bounded("session logout", "POST /api/session/logout", ""),
    bounded("limited", "GET /api/limited", ""),
    bounded("limited llm", "GET /api/limited/llm", ""),
    bounded("limited burst", "GET /api/limited/burst", ""),
    bounded(
        "job submit",
        "POST /api/jobs",
        r#"{"queue":"llm-processing","name":"generate-response","data":{"prompt":"a"}}"#,
    ),
    bounded("job read", "GET /api/jobs/llm-processing/{job}", ""),
    bounded("job stats", "GET /api/queues/stats", ""),
    free("presence list", "GET /api/presence"),
    free("presence user", "GET /api/presence/ada"),
    free("cache stats", "GET /api/cache/stats"),
    free("health", "GET /health"),
    free("ready", "GET /ready"),
    free("metrics", "GET /metrics"),
];

const fn bounded(name: &'static str, line: &'static str, body: &'static str) -> Case {
    Case { name, line, body, bounded: true }
}

const fn free(name: &'static str, line: &'static str) -> Case {
    Case { name, line, body: "", bounded: false }
}

/// A request as bytes, with a session and a job that it needs.
pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    /// Where in the bytes a number is written that no other request has.
    pub(crate) of_request: Option<usize>,
    /// Where one is written that no other connection has.
    of_connection: Option<usize>,
    /// Length of the answer's body.
    pub(crate) answer_length: usize,
}

impl Request {
    /// Begins a session, submits a job, and asks once.
    pub(crate) async fn prepare(address: SocketAddr, case: &Case) -> Result<Self> {
        let mut connection = Connection::open(address).await?;
        let login = Self::of("POST /api/session/login", r#"{"userId":"ada"}"#, "");
        let cookie = connection.ask(&login).await?.header("set-cookie");
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let job = r#"{"queue":"llm-processing","name":"generate-response","data":{"prompt":"a"}}"#;
        let job = connection.ask(&Self::of("POST /api/jobs", job, "")).await?.field("id");
        let line = case.line.replace("{job}", &job);
        let mut request = Self::of(&line, case.body, &cookie);
        let answer = connection.ask(&request).await?;
        ensure!(answer.succeeded(), "it was answered {}", answer.status());
        request.answer_length = answer.body_length();
        Ok(request)
    }

    /// A request without a body.
    pub(crate) fn get(path: &str) -> Self {
        Self::of(&format!("GET {path}"), "", "")
    }

    fn of(line: &str, body: &str, cookie: &str) -> Self {
        let mut head = format!("{line} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\n");
        if !cookie.is_empty() {
            head += &format!("cookie: {cookie}\r\n");
        }
        if !body.is_empty() {
            head += "content-type: application/json\r\n";
            head += &format!("content-length: {}\r\n", body.len());
        }
        let text = format!("{head}\r\n{body}");
        let (of_request, of_connection) = (text.find("########"), text.find("@@@@@@@@"));
        Self { bytes: text.into_bytes(), of_request, of_connection, answer_length: 0 }
    }

    /// The bytes as one connection sends them.
    pub(crate) fn of_connection(&self, number: usize) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if let Some(at) = self.of_connection {
            let number = format!("{number:08}");
            bytes[at..at + number.len()].copy_from_slice(number.as_bytes());
        }
        bytes
    }
}
