//! The integration tests of the workspace, one module a subject.

mod byhand;
mod ci;
mod cluster;
mod damaged;
mod defects;
mod dependencies;
mod docker;
mod drill;
mod environment;
mod every_fault;
mod external;
mod faults;
mod gate;
mod killed;
mod left;
mod others;
mod random;
mod readme;
mod rerender;
mod roles;
mod saturated;
mod setup;
mod survey;
mod tidy;
mod unusable;
