//! What an objective of a plan can bound in a finding.

use redrill_history::Bound;

/// The one kind of bound that says something of a checker's finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// Its definite violations, at most.
    Count,
    /// The time that it measures, at most.
    Time,
    /// The share that it measures, at least.
    Share,
    /// Nothing: it tells a number that no bound is held against, or is judged otherwise.
    None,
}

impl Objective {
    /// Whether a bound is of this kind.
    pub const fn takes(self, bound: &Bound) -> bool {
        matches!(
            (self, bound),
            (Self::Count, Bound::Count(_))
                | (Self::Time, Bound::Time(_))
                | (Self::Share, Bound::Share(_))
        )
    }

    /// What a plan can write, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Count => "a number of definite violations at most, such as 0",
            Self::Time => "a time at most, such as \"5s\"",
            Self::Share => "a share at least, such as \"95%\"",
            Self::None => "no objective",
        }
    }
}
