//! The toxics: one file each, listed in [`KINDS`]. A toxic is a [`Stage`] that decides when the
//! chunks queued before it go on. Stages touch neither sockets nor clocks: the link gives them the
//! time, so they cannot block a call, and what they hold is flushed by the link when they go.

mod attributes;
mod bandwidth;
mod chunk;
mod latency;
mod limit_data;
mod noop;
mod packet_loss;
pub(crate) mod redis;
mod reset_peer;
mod slicer;
mod slow_close;
mod timeout;

use std::time::Duration;

use rand::rngs::SmallRng;
use tokio::time::Instant;

use crate::api::body::Problem;
pub(crate) use attributes::{Attribute, Attributes};
pub(crate) use chunk::{Chunk, End, Input};

/// Every kind of toxic, in the order of the documentation.
pub(crate) const KINDS: &[Kind] = &[
    latency::KIND,
    bandwidth::KIND,
    slow_close::KIND,
    timeout::KIND,
    reset_peer::KIND,
    slicer::KIND,
    limit_data::KIND,
    packet_loss::KIND,
    noop::KIND,
    redis::KIND,
];

/// A kind of toxic: what the API knows of it and how a connection runs it.
pub(crate) struct Kind {
    /// The `type` of the API.
    pub(crate) name: &'static str,
    /// The type in upstream's messages.
    pub(crate) struct_name: &'static str,
    /// The attributes in the order in which they are shown.
    pub(crate) attributes: &'static [Attribute],
    /// What the range of each attribute alone does not say.
    pub(crate) check: fn(&Attributes) -> Result<(), Problem>,
    /// How it runs.
    pub(crate) runs: Runs,
    /// What removing the toxic does to the connections on which it acted.
    pub(crate) removal: Removal,
}

/// How a kind of toxic runs.
pub(crate) enum Runs {
    /// As a stage, made afresh for its direction of each connection.
    OnBytes(fn() -> Box<dyn Stage>),
    /// As a rule of the connection's conversation, which has both directions.
    OnCommands,
}

/// What removing a toxic does to a connection on which it acted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    /// What is queued goes on at once; no byte is lost.
    Flush,
    /// The connection is closed, because bytes were dropped.
    Close,
}

/// One toxic on one direction of one connection.
pub(crate) trait Stage: Send {
    /// What goes on now. Called again when something was queued, when the time it waits for has
    /// come, and when the attributes changed, so nothing derived from attributes may be kept.
    fn pull(&mut self, input: &mut Input, context: &mut Context<'_>) -> Step;

    /// Whether it keeps bytes beyond those that queue before it.
    fn holds_bytes(&self) -> bool {
        false
    }

    /// How many bytes may queue before it; above that the source is no longer read.
    fn capacity_bytes(&self) -> usize {
        64 * 1024
    }
}

/// What a stage may know.
pub(crate) struct Context<'a> {
    /// The attributes as they are now.
    pub(crate) attributes: &'a Attributes,
    /// The time.
    pub(crate) now: Instant,
    /// The stage's own generator.
    pub(crate) random: &'a mut SmallRng,
}

impl Context<'_> {
    /// An attribute in milliseconds.
    fn millis(&self, attribute: &Attribute) -> Duration {
        self.attributes.millis(attribute)
    }
}

/// What a stage does next.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// This chunk goes on.
    Chunk(Chunk),
    /// The stream ends here; nothing follows.
    End(End),
    /// Nothing before this time, or before something changes.
    Wait(Option<Instant>),
}

/// The kind of this name.
pub(crate) fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_toxic_of_the_folder_is_registered_once() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/toxics");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder of the toxics")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
            .filter(|name| !["mod", "attributes", "chunk"].contains(&name.as_str()))
            .collect();
        files.sort();
        let mut names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        names.sort_unstable();
        assert_eq!(files, names);
    }
}
