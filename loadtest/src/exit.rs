//! Exit codes, and the error that means "what you gave me cannot be used".

use redrill_history::Verdict;
use std::process::ExitCode;

/// How redrill ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every statement held, with evidence; or the command did what it was asked.
    Pass,
    /// A statement was broken, definitely.
    Fail,
    /// The input cannot be used, or something that must be there is not. Clap's own code.
    Unusable,
    /// There is not enough evidence to say, or the run was interrupted; its folder is complete.
    Inconclusive,
    /// The harness itself failed.
    Broken,
}

impl Exit {
    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Unusable => 2,
            Self::Inconclusive => 3,
            Self::Broken => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail => Self::Fail,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }
}

/// What the user gave cannot be used, or a prerequisite is missing: exit code 2. The message says
/// what, where, and what to do next.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

/// An [`Unusable`] as [`anyhow::Error`].
pub fn unusable(message: impl Into<String>) -> anyhow::Error {
    Unusable(message.into()).into()
}

/// The same error; an [`Unusable`] where an address cannot be listened on, which is the user's to
/// change.
pub fn of_listening(error: anyhow::Error) -> anyhow::Error {
    use std::io::ErrorKind;
    let kinds = [ErrorKind::AddrInUse, ErrorKind::AddrNotAvailable, ErrorKind::PermissionDenied];
    let is_address = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| kinds.contains(&error.kind()))
    };
    if error.chain().any(is_address) { unusable(format!("{error:#}")) } else { error }
}
