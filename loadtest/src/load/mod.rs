//! The load: when arrivals come, and the virtual users that answer them.

pub mod attack;
pub mod pacemaker;
pub mod pacer;
