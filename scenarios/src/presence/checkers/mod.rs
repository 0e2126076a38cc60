//! What must hold of presence.

mod convergence;
mod ghosts;
mod messages;
mod missing;
#[cfg(test)]
mod simulation;
mod sockets;

use crate::checker::Checker;

/// The checkers, in the order of reports.
pub const CHECKERS: &[&dyn Checker] =
    &[&ghosts::Ghosts, &missing::Missing, &messages::Messages, &convergence::Convergence];
