//! `redrill` with a reference server that has deliberate defects, those that `PLANTED_DEFECT`
//! names (see server/src/defects.rs): what a drill must find.

use std::process::ExitCode;

fn main() -> ExitCode {
    redrill::run(std::env::args_os()).into()
}
