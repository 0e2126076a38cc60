//! What a request is answered with when it is not answered as asked.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::redis::Failure;

/// `refused`: the request definitely had no effect. `unknown`: it may have had one.
pub(crate) const OUTCOME: HeaderName = HeaderName::from_static("x-outcome");
/// Seconds after which a client may try again while Redis is away.
const RETRY_AFTER: u32 = 1;

/// An answer other than the one asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{error}")]
    Invalid { error: String, field: Option<Cow<'static, str>> },
    #[error("{error}")]
    Full { error: String, field: &'static str },
    #[error("there is no session: log in first")]
    NoSession,
    #[error("{0} is not known here")]
    NotFound(String),
    #[error("the body is larger than 1 MiB")]
    TooLarge,
    #[error("{0}")]
    Upstream(String),
    #[error(transparent)]
    Redis(#[from] Failure),
}

impl Error {
    /// A body whose `field` is not as it must be.
    pub(crate) fn field(field: &'static str, error: impl Into<String>) -> Self {
        Self::Invalid { error: error.into(), field: Some(Cow::Borrowed(field)) }
    }

    /// What is asked for is right, but there is no room for it; `field` has too much.
    pub(crate) fn full(field: &'static str, error: impl Into<String>) -> Self {
        Self::Full { error: error.into(), field }
    }

    /// The same of a body's part, whose fields these are.
    pub(crate) fn within(self, part: &str) -> Self {
        match self {
            Self::Invalid { error, field: Some(field) } => Self::Invalid {
                error: format!("{part}.{error}"),
                field: Some(Cow::Owned(format!("{part}.{field}"))),
            },
            other => other,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Invalid { .. } => StatusCode::BAD_REQUEST,
            Self::Full { .. } => StatusCode::CONFLICT,
            Self::NoSession => StatusCode::UNAUTHORIZED,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Upstream(_) => StatusCode::BAD_GATEWAY,
            Self::Redis(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let error = self.to_string();
        let status = self.status();
        match self {
            Self::Invalid { field: Some(field), .. } => {
                (status, Json(json!({ "error": error, "field": field }))).into_response()
            }
            Self::Full { field, .. } => {
                (status, Json(json!({ "error": error, "field": field }))).into_response()
            }
            Self::Redis(failure) => {
                tracing::debug!(%failure, "answered 503");
                let outcome = match failure {
                    Failure::Refused(_) => "refused",
                    Failure::Unknown(_) => "unknown",
                };
                let headers = [
                    (OUTCOME, HeaderValue::from_static(outcome)),
                    (header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER)),
                ];
                let body = json!({ "error": error, "retryAfter": RETRY_AFTER });
                (status, headers, Json(body)).into_response()
            }
            _ => (status, Json(json!({ "error": error }))).into_response(),
        }
    }
}
