//! What became of a command that was not acknowledged.

use redis::RedisError;

/// Why a command has no answer, split by what is known of its effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// Redis did not execute the command, or never saw it: it definitely had no effect.
    #[error("Redis did not take the command: {0}")]
    Refused(String),
    /// The command was sent and its answer never came: it may have taken effect.
    #[error("Redis' answer did not come: {0}")]
    Unknown(String),
}

impl Failure {
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }
}

/// What an error says about the connection it came over and about the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not executed, and this node cannot execute it: use another connection.
    WrongNode,
    /// Not executed: the slot is another node's, for good.
    Moved,
    /// Not executed: another node has this key already, while its slot moves.
    Ask,
    /// Not executed: keys are on their way.
    TryAgain,
    /// Not executed, by a node that is the right one.
    Refused,
    /// The script is not known to this node; nothing was executed.
    NoScript,
    /// The connection is lost, or the node changed its role while the command was under way.
    Lost,
    /// The node answered with an error after it may have begun.
    Failed,
}

/// Reads an error. Codes as in Redis 7.0's `server.c` and `blocked.c`.
pub(crate) fn judge(error: &RedisError) -> Verdict {
    match error.code() {
        Some("READONLY" | "MASTERDOWN" | "LOADING" | "CLUSTERDOWN") => Verdict::WrongNode,
        Some("MOVED") => Verdict::Moved,
        Some("ASK") => Verdict::Ask,
        Some("TRYAGAIN") => Verdict::TryAgain,
        Some("OOM" | "MISCONF" | "NOREPLICAS" | "NOAUTH" | "NOPERM" | "BUSY" | "CROSSSLOT") => {
            Verdict::Refused
        }
        Some("NOSCRIPT") => Verdict::NoScript,
        Some("UNBLOCKED") | None => Verdict::Lost,
        Some(_) => Verdict::Failed,
    }
}
