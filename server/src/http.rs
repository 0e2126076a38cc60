//! What all routes share: bodies in, headers out, a name and a duration for each answer.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::app::App;
use crate::clock;
use crate::error::Error;

/// Run id of the Redis node that acknowledged a write.
const NODE: HeaderName = HeaderName::from_static("x-redis-node");
const INSTANCE: HeaderName = HeaderName::from_static("x-instance-id");

/// A JSON body, refused with this service's own errors.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Error::TooLarge)
            }
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Error::Invalid {
                error: "the body is not marked as application/json".to_owned(),
                field: None,
            }),
            Err(rejection) => Err(Error::Invalid { error: rejection.body_text(), field: None }),
        }
    }
}

/// The header that names the node which acknowledged a write.
pub(crate) fn acknowledged_by(node: &str) -> [(HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(node).unwrap_or(HeaderValue::from_static("unknown"));
    [(NODE, value)]
}

/// Names the instance in every answer and takes its time.
pub(crate) async fn observe(
    State(app): State<Arc<App>>,
    path: Option<MatchedPath>,
    method: Method,
    request: Request,
    next: Next,
) -> Response {
    let started = clock::now();
    let mut response = next.run(request).await;
    response.headers_mut().insert(INSTANCE, app.instance_header.clone());
    let route = path.as_ref().map_or("unknown", MatchedPath::as_str);
    let status = response.status().as_u16();
    app.metrics.http_request(method.as_str(), route, status, started.elapsed());
    response
}

/// The answer on a path that does not exist.
pub(crate) async fn no_such_path() -> Error {
    Error::NotFound("this path".to_owned())
}

/// The answer to a method that a path does not have.
pub(crate) async fn no_such_method() -> Response {
    let body = json!({ "error": "this path does not have this method" });
    (StatusCode::METHOD_NOT_ALLOWED, Json(body)).into_response()
}
