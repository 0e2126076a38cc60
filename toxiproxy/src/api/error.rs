//! What the API answers when it refuses.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::body::Problem;

/// A refusal: a status and upstream's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl ApiError {
    fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError { status, message: message.into() }
    }

    pub(crate) fn missing_field(field: &str) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, format!("missing required field: {field}"))
    }

    pub(crate) fn proxy_not_found() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "proxy not found")
    }

    pub(crate) fn proxy_already_exists() -> ApiError {
        ApiError::new(StatusCode::CONFLICT, "proxy already exists")
    }

    pub(crate) fn invalid_stream() -> ApiError {
        let message = "stream was invalid, can be either upstream or downstream";
        ApiError::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn invalid_toxic_type() -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid toxic type")
    }

    pub(crate) fn toxic_not_found() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "toxic not found")
    }

    pub(crate) fn toxic_already_exists() -> ApiError {
        ApiError::new(StatusCode::CONFLICT, "toxic already exists")
    }

    /// The machine refused: an address that cannot be listened on, for instance.
    pub(crate) fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// `{"error": …, "status": …}`.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        json!({"error": self.message, "status": self.status.as_u16()})
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> ApiError {
        let message = format!("bad request body: {}", problem.0);
        ApiError::new(StatusCode::BAD_REQUEST, message)
    }
}

impl IntoResponse for ApiError {
    /// JSON in plain text with a line's end, as Go's `http.Error` sends it.
    fn into_response(self) -> Response {
        super::plain(self.status, format!("{}\n", self.to_json()))
    }
}
