//! The `redrill` binary.
fn main() {}
