//! The integration tests of the workspace, one module a subject.

mod dependencies;
mod drill;
mod readme;
mod setup;
mod tidy;
