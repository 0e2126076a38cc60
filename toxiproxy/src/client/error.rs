//! What can go wrong with a call.

/// A call that did not do what it was to do. Every variant names the call, such as
/// `POST /proxies`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused.
    #[error("{call}: the proxy refused with {status}: {message}")]
    Refused {
        /// Method and path.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The server's message, or the body where it has none.
        message: String,
    },
    /// The server was not reached, or did not answer in time.
    #[error("{call}: the proxy at {base} does not answer")]
    Unreachable {
        /// Method and path.
        call: String,
        /// The server.
        base: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server's answer is not what the call answers.
    #[error("{call}: the proxy answered what cannot be understood: {body}")]
    Unreadable {
        /// Method and path.
        call: String,
        /// The answer.
        body: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Error {
    /// The status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Error::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}
