//! No key is so large that touching it holds others up.

use super::super::node::size;
use super::{Check, Node, Opinion};

pub(super) struct Keys;

/// The largest that a key may be, in bytes.
const LARGE: u64 = 1024 * 1024;

impl Check for Keys {
    fn name(&self) -> &'static str {
        "big keys"
    }

    fn examine(&self, node: &Node) -> Opinion {
        let keys = &node.keys;
        if let Some(why) = &keys.failed {
            let advice = "permit SCAN and MEMORY USAGE to this user";
            return Opinion::unknown(format!("the keys cannot be looked at: {why}"), advice);
        }
        let seen = if keys.complete { "all" } else { "the first" };
        let seen = format!("of {seen} {} keys", keys.seen);
        match &keys.largest {
            Some((key, bytes)) if *bytes > LARGE => Opinion::ill(
                format!("{key:?} has {}, the most {seen}", size(*bytes)),
                "split it, bound it (LTRIM, ZREMRANGEBYRANK, a time to live), and delete it with \
                 UNLINK, not DEL",
            ),
            Some((_, bytes)) => Opinion::well(format!("the largest {seen} has {}", size(*bytes))),
            None => Opinion::well("there are no keys"),
        }
    }
}
