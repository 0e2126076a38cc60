//! What is known of an operation after it ended. The table of this file is the only place where an
//! answer becomes an outcome.

use serde::{Deserialize, Serialize};

/// Three-valued, as Jepsen's ok, fail and info.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Outcome {
    /// Acknowledged: the service said that it happened.
    Ok = 1,
    /// It definitely did not happen.
    Refused = 2,
    /// It may have happened, or may happen yet.
    Unknown = 3,
}

impl Outcome {
    /// Every outcome, in the order in which reports stack them.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Refused, Self::Unknown];

    /// The name in logs and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| *outcome as u8 == code)
    }
}

/// How a request ended, as the client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer, read to its end.
    Status {
        /// The HTTP status.
        status: u16,
        /// The target says of this answer that nothing was done (and its promise is trusted).
        promised_refused: bool,
    },
    /// The connection could not be made: nothing was sent.
    NotConnected,
    /// The request may have been sent, and no whole answer came: time-out, reset, broken body.
    Broken,
}

/// The table: reply and kind of action to outcome.
///
/// | reply | a write | a read |
/// |---|---|---|
/// | 1xx, 2xx | ok | ok |
/// | 3xx: it points elsewhere, and nobody follows | unknown | refused |
/// | 4xx | refused | refused |
/// | 5xx that the target promises to mean "not done" | refused | refused |
/// | other 5xx | unknown | refused |
/// | not connected | refused | refused |
/// | broken | unknown | refused |
///
/// A read changes nothing, so that an unanswered one is as good as not done. Where a decline is the
/// very answer that was asked for, the one who asked says so: a limiter's 429, a session's 401.
pub const fn classify(reply: Reply, is_write: bool) -> Outcome {
    match reply {
        Reply::Status { status, .. } if status < 300 => Outcome::Ok,
        Reply::Status { status, .. } if status >= 400 && status < 500 => Outcome::Refused,
        Reply::Status { promised_refused: true, .. } | Reply::NotConnected => Outcome::Refused,
        Reply::Status { .. } | Reply::Broken if is_write => Outcome::Unknown,
        Reply::Status { .. } | Reply::Broken => Outcome::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Reply {
        Reply::Status { status, promised_refused: false }
    }

    #[test]
    fn the_table_row_by_row() {
        let promised = Reply::Status { status: 503, promised_refused: true };
        for (reply, write, read) in [
            (status(202), Outcome::Ok, Outcome::Ok),
            (status(429), Outcome::Refused, Outcome::Refused),
            (status(101), Outcome::Ok, Outcome::Ok),
            (status(302), Outcome::Unknown, Outcome::Refused),
            (status(404), Outcome::Refused, Outcome::Refused),
            (promised, Outcome::Refused, Outcome::Refused),
            (status(503), Outcome::Unknown, Outcome::Refused),
            (Reply::NotConnected, Outcome::Refused, Outcome::Refused),
            (Reply::Broken, Outcome::Unknown, Outcome::Refused),
        ] {
            assert_eq!(classify(reply, true), write, "{reply:?} of a write");
            assert_eq!(classify(reply, false), read, "{reply:?} of a read");
        }
    }
}
