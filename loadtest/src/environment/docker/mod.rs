//! Nodes and Sentinels in containers, so that a team drills the Redis that it runs, whether or not
//! this machine has it.
//!
//! A container shares the machine's network, and the environment's folder under the same name, as
//! the harness's own user. So all that is not the starting, signalling and awaiting of a process is
//! as it is with child processes: ports, source addresses, proxies, probes, `/proc`.
//!
//! Docker's API is spoken over its socket, by the few calls that this takes. Clients that insist on
//! their own version of it are refused by every older daemon, a distribution's own among them.

mod api;
mod container;
mod frames;
mod redis;
mod socket;

pub(super) use api::Docker;
pub(super) use container::{Containers, remove_all};
pub(super) use redis::redis_in;

/// The image that is run where a plan names none.
pub const DEFAULT_IMAGE: &str = "redis:7";
