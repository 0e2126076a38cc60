//! What all routes share: bodies in, headers out, a name and a duration for each answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request};
use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, Either};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::json;
use tower_layer::Layer;
use tower_service::Service;
use tracing::{Instrument as _, field};

use crate::app::App;
use crate::body_limit::Due;
use crate::error::Error;
use crate::{body_limit, clock, json, openapi};

/// Run id of the Redis node that acknowledged a write.
const NODE: HeaderName = HeaderName::from_static("x-redis-node");
const INSTANCE: HeaderName = HeaderName::from_static("x-instance-id");

/// A JSON body, refused with this service's own errors.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let invalid = |error: String| Error::Invalid { error, field: None };
        if !is_json(request.headers()) {
            return Err(invalid("the body is not marked as application/json".to_owned()));
        }
        let body = Limited::new(request.into_body(), body_limit::LARGEST);
        let bytes = body.collect().await.map_err(|error| match error.is::<LengthLimitError>() {
            true => Error::TooLarge,
            false => invalid(format!("the body ended too soon: {error}")),
        })?;
        json::parse(&bytes.to_bytes()).map(Self)
    }
}

/// `application/json` or anything that is `+json`, with parameters or without.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let subtype = kind.get("application/".len()..).unwrap_or_default();
    let is_application = kind.get(.."application/".len());
    is_application.is_some_and(|it| it.eq_ignore_ascii_case("application/"))
        && (subtype.eq_ignore_ascii_case("json") || subtype.ends_with("+json"))
}

/// The parts of a path, refused with this service's own errors.
pub(crate) struct Parts<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Parts<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Error> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(Error::Invalid { error: rejection.body_text(), field: None }),
        }
    }
}

/// The header that names the node which acknowledged a write.
pub(crate) fn acknowledged_by(node: &str) -> [(HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(node).unwrap_or(HeaderValue::from_static("unknown"));
    [(NODE, value)]
}

/// Names the instance in every answer and takes its time. Not `middleware::from_fn`: that would
/// box each request once more.
#[derive(Clone)]
pub(crate) struct Observe(pub(crate) Arc<App>);

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed { app: Arc::clone(&self.0), inner }
    }
}

/// A service whose answers are observed.
#[derive(Clone)]
pub(crate) struct Observed<S> {
    app: Arc<App>,
    inner: S,
}

impl<S> Service<Request> for Observed<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let started = clock::now();
        let app = Arc::clone(&self.app);
        let path = request.extensions().get::<MatchedPath>().cloned();
        let method = request.method().clone();
        let span = tracing::debug_span!(
            "http.request",
            otel.kind = "server",
            http.request.method = method.as_str(),
            http.route = path.as_ref().map_or("unknown", MatchedPath::as_str),
            http.response.status_code = field::Empty,
        );
        let answer = self.answer(request, path.as_ref()).instrument(span.clone());
        Box::pin(async move {
            let mut response = answer.await?;
            span.record("http.response.status_code", response.status().as_u16());
            response.headers_mut().insert(INSTANCE, app.instance_header.clone());
            let route = path.as_ref().map_or("unknown", MatchedPath::as_str);
            let status = response.status();
            // Every answer that a test gets is one that the description knows.
            debug_assert!(
                path.is_none() || openapi::describes(&method, route, status, response.headers()),
                "{method} {route} must not answer {status} with {:?}",
                response.headers()
            );
            let labels = [known(&method), route, status.as_str()];
            app.metrics.http.observe(&labels, started.elapsed());
            Ok(response)
        })
    }
}

impl<S> Observed<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    /// The route's answer, unless the body is too large.
    fn answer(
        &mut self,
        request: Request,
        path: Option<&MatchedPath>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + use<S> {
        let is_read = || path.is_some_and(|it| openapi::reads_body(request.method(), it.as_str()));
        let due = Due::of(&request, is_read);
        if due == Due::Nothing {
            return Either::Left(self.inner.call(request));
        }
        // The one that is ready goes, and a copy stays.
        let copy = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, copy);
        Either::Right(async move {
            match due.done(request).await {
                Ok(request) => inner.call(request).await,
                Err(error) => Ok(error.into_response()),
            }
        })
    }
}

/// A method that a client made up has no series of its own.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::POST | Method::PUT | Method::DELETE | Method::HEAD => method.as_str(),
        _ => "other",
    }
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
