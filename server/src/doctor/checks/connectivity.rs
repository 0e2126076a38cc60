//! The node answers, and is not still reading its data.

use super::{Check, Node, Opinion};

pub(super) struct Connectivity;

impl Check for Connectivity {
    fn name(&self) -> &'static str {
        "connectivity"
    }

    fn examine(&self, node: &Node) -> Opinion {
        if node.text("loading") == "1" {
            let left = node.text("loading_eta_seconds");
            let found = format!("it is loading its data, for {left} s more");
            return Opinion::ill(found, "wait; if that is too long, keep less data on one node");
        }
        let (version, days) =
            (node.text("redis_version"), node.number("uptime_in_days").unwrap_or(0));
        Opinion::well(format!("Redis {version} answers, up for {days} days"))
    }
}
