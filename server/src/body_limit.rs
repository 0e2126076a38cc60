//! The largest body of a request, whether anybody reads it or not.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::header::EXPECT;
use http_body_util::BodyExt as _;

use crate::error::Error;

/// The largest body that is taken, in bytes.
pub(crate) const LARGEST: usize = 1024 * 1024;
/// What is read of a body that nobody wants, in bytes, and for how long. Where something is left,
/// the connection ends with the answer, and a client that is still sending may not see it.
const MOST_DISCARDED: usize = 8 * LARGEST;
const LONGEST_DISCARDED: Duration = Duration::from_secs(2);

/// What has to be done about a body before its request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// There is none, or whoever reads it bounds it.
    Nothing,
    /// It says that it is too large.
    Refuse,
    /// Nobody reads it: it has to be out of the way before the answer, and may be too large.
    Discard,
}

impl Due {
    /// `is_read`: does the route read bodies?
    pub(crate) fn of(request: &Request, is_read: impl FnOnce() -> bool) -> Self {
        let size = request.body().size_hint();
        if size.lower() > LARGEST as u64 {
            return Self::Refuse;
        }
        let is_none = size.exact() == Some(0);
        if is_none || is_read() { Self::Nothing } else { Self::Discard }
    }

    /// Does it. Whoever does not end the body in time is answered all the same.
    ///
    /// # Errors
    /// The body is too large.
    pub(crate) async fn done(self, request: Request) -> Result<Request, Error> {
        let (parts, mut body) = request.into_parts();
        let most = match self {
            // Whoever waits to be told to go on has not sent anything, and will not.
            Self::Refuse if parts.headers.contains_key(EXPECT) => 0,
            _ => MOST_DISCARDED,
        };
        let mut size = 0;
        let discarding = async {
            // One that breaks off has nobody who misses the rest.
            while size < most {
                let Some(Ok(frame)) = body.frame().await else { break };
                if let Some(data) = frame.data_ref() {
                    size += data.len();
                }
            }
        };
        let _ = tokio::time::timeout(LONGEST_DISCARDED, discarding).await;
        match self == Self::Refuse || size > LARGEST {
            true => Err(Error::TooLarge),
            false => Ok(Request::from_parts(parts, Body::empty())),
        }
    }
}
