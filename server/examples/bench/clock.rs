//! The only place in the benchmark that reads a clock.

#![allow(clippy::disallowed_methods)]

use std::time::Instant;

pub(crate) fn now() -> Instant {
    Instant::now()
}
