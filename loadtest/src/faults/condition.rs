//! What a fault makes of the processes that it hits.

/// How a process is left while a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It runs and answers.
    Well,
    /// It runs and answers nobody.
    Still,
    /// It answers, and nobody reaches it.
    Unreached,
    /// It does not run.
    Gone,
    /// It comes and goes.
    Flapping,
    /// It takes no more clients than it has.
    Full,
    /// What would write waits.
    Unwritten,
}

impl Condition {
    /// In words.
    pub fn told(self) -> &'static str {
        match self {
            Self::Well => "answers",
            Self::Still => "answers nobody",
            Self::Unreached => "is reached by nobody",
            Self::Gone => "does not run",
            Self::Flapping => "comes and goes",
            Self::Full => "takes no more clients",
            Self::Unwritten => "lets writes wait",
        }
    }
}
