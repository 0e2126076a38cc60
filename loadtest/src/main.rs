//! The `redrill` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    redrill::run(std::env::args_os()).into()
}
