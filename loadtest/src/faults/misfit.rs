//! What of a plan's fault cannot be.

use std::fmt;

/// A part of a fault as plans write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// `kind`, or what is missing beside it.
    Kind,
    /// `for`.
    For,
    /// `target`.
    Target,
    /// `from`.
    From,
    /// A setting in `with`, by its name.
    Setting(String),
}

/// Why a fault cannot be injected as it is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The part that is wrong.
    pub part: Part,
    /// What is wrong with it, and what may be written.
    pub message: String,
}

impl Misfit {
    /// A misfit of a part.
    pub fn new(part: Part, message: impl fmt::Display) -> Self {
        Self { part, message: message.to_string() }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl From<anyhow::Error> for Misfit {
    /// One that is none already is of the kind as a whole.
    fn from(error: anyhow::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(|error| Self::new(Part::Kind, error))
    }
}

/// Refuses a part unless something holds.
pub(super) fn require(
    holds: bool,
    part: Part,
    message: impl FnOnce() -> String,
) -> Result<(), Misfit> {
    if holds { Ok(()) } else { Err(Misfit { part, message: message() }) }
}
