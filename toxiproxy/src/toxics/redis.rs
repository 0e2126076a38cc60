//! Redis: an extension. Acts on commands rather than on bytes: delays them, answers them with an
//! error, or makes the outcomes that a network makes once in a million: a command that was executed
//! and whose reply is lost. Acts on connections opened while the proxy has such a toxic; see
//! [`crate::redis`] for what a connection is then.

use bytes::Bytes;

use super::attributes::{MOST_MS, Range};
use super::{Attribute, Attributes, Kind, Problem, Removal, Runs};
use crate::redis::Action;

/// Whose commands.
pub(crate) const COMMANDS: Attribute = Attribute {
    name: "commands",
    about: "names of commands, separated by commas; none means all",
    range: Range::Text,
};
/// On which keys.
pub(crate) const KEYS: Attribute = Attribute {
    name: "keys",
    about: "pattern of keys with * and ?; empty means any command",
    range: Range::Text,
};
/// How often.
pub(crate) const SHARE: Attribute = Attribute {
    name: "share",
    about: "share of the matching commands on which it acts",
    range: Range::Share(1.0),
};
const ACTION: Attribute = Attribute {
    name: "action",
    about: "what happens to a command",
    range: Range::Choice(&["delay", "error", "drop", "lose_reply", "close_before", "close_after"]),
};
const DELAY: Attribute = Attribute {
    name: "delay",
    about: "for the action delay: how long the command waits, in ms",
    range: Range::Whole(0..=MOST_MS, "int64"),
};
const ERROR: Attribute = Attribute {
    name: "error",
    about: "for the action error: the text, such as READONLY You can't write against a replica.",
    range: Range::Text,
};

/// The registry's entry.
pub(super) const KIND: Kind = Kind {
    name: "redis",
    struct_name: "toxics.RedisToxic",
    attributes: &[COMMANDS, KEYS, SHARE, ACTION, DELAY, ERROR],
    check,
    runs: Runs::OnCommands,
    removal: Removal::Flush,
};

fn check(attributes: &Attributes) -> Result<(), Problem> {
    let is_one_line = !attributes.text(&ERROR).contains(['\r', '\n']);
    is_one_line.then_some(()).ok_or_else(|| Problem("error must be a single line".into()))
}

/// What the attributes say is to happen.
pub(crate) fn action(attributes: &Attributes) -> Action {
    match attributes.text(&ACTION) {
        "error" => Action::Error(Bytes::from(error(attributes.text(&ERROR)))),
        "drop" => Action::Drop,
        "lose_reply" => Action::LoseReply,
        "close_before" => Action::CloseBefore,
        "close_after" => Action::CloseAfter,
        _ => Action::Delay(attributes.millis(&DELAY)),
    }
}

fn error(text: &str) -> String {
    match text.trim_start_matches('-') {
        "" => "-ERR refused by the proxy\r\n".to_owned(),
        text => format!("-{text}\r\n"),
    }
}
