//! The integration tests of the workspace, one module a subject.

mod setup;
mod tidy;
