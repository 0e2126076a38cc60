//! Comparing two sides by blocks: short runs of one and of the other, interleaved.
//!
//! The unit is the block, never the request: requests of one block share its luck and follow each
//! other's, so that a test on requests calls every two blocks different. Everything here is a pure
//! function of numbers and a seed.

mod decision;
mod evidence;
mod holm;
mod quantile;
mod rank_sum;
mod ranks;
mod signed_rank;
#[cfg(test)]
mod simulation;

pub use decision::{Compared, FAMILY_ALPHA, Family, Member, SIDE_ALPHA};
pub use evidence::Evidence;
pub use holm::holm;
pub use quantile::quantile;
