//! The life of every socket, as far as it is known.

use redrill_history::{Action, Operation, Outcome, RunView};
use std::collections::BTreeMap;

/// A socket that the service may have taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Socket<'a> {
    /// How it was opened, with or without an answer.
    pub(super) online: &'a Operation,
    /// The first record of its end: closed by its user, or by the other side.
    pub(super) end: Option<&'a Operation>,
}

impl Socket<'_> {
    /// When it was closed for certain; `None` while it may be open. A close without an answer
    /// proves nothing.
    pub(super) fn closed_ns(&self) -> Option<u64> {
        self.end.filter(|end| end.is_ok()).map(|end| end.finished_ns)
    }

    /// True when it may have been open at some time between.
    pub(super) fn may_overlap(&self, from_ns: u64, to_ns: u64) -> bool {
        self.online.started_ns <= to_ns && self.closed_ns().is_none_or(|at_ns| at_ns >= from_ns)
    }
}

/// The sockets of every user, in order of their opening; refused ones never were.
pub(super) fn sockets(run: &RunView) -> BTreeMap<u64, Vec<Socket<'_>>> {
    let mut ends: BTreeMap<(u64, u64), &Operation> = BTreeMap::new();
    for op in &run.operations {
        if matches!(op.action, Action::Offline | Action::Dropped) {
            let end = ends.entry((op.key, op.value)).or_insert(op);
            if op.started_ns < end.started_ns {
                *end = op;
            }
        }
    }
    let mut users: BTreeMap<u64, Vec<Socket<'_>>> = BTreeMap::new();
    for online in run.operations.iter().filter(|op| op.action == Action::Online) {
        if online.outcome != Outcome::Refused {
            let end = ends.get(&(online.key, online.value)).copied();
            users.entry(online.key).or_default().push(Socket { online, end });
        }
    }
    for sockets in users.values_mut() {
        sockets.sort_by_key(|socket| socket.online.started_ns);
    }
    users
}

/// Answered questions about users.
pub(super) fn lookups(run: &RunView) -> impl Iterator<Item = &Operation> {
    run.operations.iter().filter(|op| op.action == Action::Lookup && op.is_ok())
}
