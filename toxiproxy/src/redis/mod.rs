//! Conversations with Redis: what the redis toxics act on.
//!
//! A connection that is opened while its proxy has a redis toxic is followed command by command and
//! reply by reply, so that a reply is known to belong to its command, also in pipelines. What no
//! toxic acts on goes on byte for byte. After a command or a reply has vanished nothing behind it
//! is delivered either, because a client would take a later reply for the lost one.
//!
//! A transaction is acted on as a whole, at its EXEC, if a rule meant EXEC or any command that was
//! queued. From a command on whose replies cannot be counted (SUBSCRIBE and its like, MONITOR,
//! PSYNC, CLIENT REPLY), and from the first bytes that are no RESP command (inline commands
//! included), the connection passes untouched.

mod command;
mod conversation;
mod line;
mod reply;
mod rule;
mod stages;

pub(crate) use conversation::Conversation;
pub(crate) use rule::Action;
pub(crate) use stages::{Commands, Replies, lock};

/// What is no RESP.
#[derive(Debug, PartialEq, Eq)]
struct Malformed;

#[cfg(test)]
mod tests;
