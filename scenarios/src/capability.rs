//! A capability: how to exercise it, and what must hold.

use crate::checker::Checker;
use crate::load::{Arrivals, Context, VirtualUser};
use crate::visit::Fleet;
use redrill_history::Role;
use std::sync::Arc;

/// How a use of Redis is exercised, and what must hold of it.
pub trait Capability: Sync {
    /// Which one it is.
    fn kind(&self) -> redrill_history::Capability;
    /// The Redis in which its data is, by the role that targets give it.
    fn lives_in(&self) -> Role;
    /// The service's other dependencies that it needs: `model`, `mail`.
    fn calls(&self) -> &'static [&'static str] {
        &[]
    }
    /// One sentence: what virtual users do.
    fn doc(&self) -> &'static str;
    /// A virtual user.
    fn user(&self, context: &Arc<Context>, vu: u32) -> Box<dyn VirtualUser>;
    /// What must hold.
    fn checkers(&self) -> &'static [&'static dyn Checker];

    /// The capability's name.
    fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// `count` virtual users that take their arrivals from `arrivals`.
    fn fleet(&self, context: &Arc<Context>, count: u32, arrivals: Arrivals) -> Fleet {
        let users = (0..count).map(|vu| self.user(context, vu)).collect();
        Fleet::new(self.name(), users, arrivals)
    }
}

/// Every capability, in the order in which reports show them.
pub const CAPABILITIES: &[&dyn Capability] = &[
    &crate::cache::Cache,
    &crate::sessions::Sessions,
    &crate::limiter::Limiter,
    &crate::queue::Queue,
    &crate::presence::Presence,
];
