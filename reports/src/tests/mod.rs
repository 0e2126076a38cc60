//! The page as a whole.

mod page;
mod random;
pub(crate) mod search;
pub(crate) mod synthetic;
