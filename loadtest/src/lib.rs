//! redrill: what a failure of Redis costs a service that lives on it.
//!
//! A plan is resolved, an environment started, the service loaded while faults are injected; the
//! run folder that is left is examined by checkers and drawn as a page. Each step is a module.

pub mod capacity;
pub mod commands;
pub mod drill;
pub mod effects;
pub mod environment;
pub mod exit;
pub mod faults;
pub mod gate;
mod input;
pub mod instances;
pub mod interrupt;
pub mod load;
mod near;
pub mod output;
pub mod plan;
pub mod progress;
pub mod run;

use exit::{Exit, Unusable};
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the command line and says how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // A panic is the harness's own failure, not a finding: 4, and never Rust's 101.
    match catch_unwind(AssertUnwindSafe(|| commands::dispatch(arguments))) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            output::error(&format!("{error:#}"));
            if error.is::<Unusable>() { Exit::Unusable } else { Exit::Broken }
        }
        Err(_) => Exit::Broken,
    }
}
