//! An answer comes fast enough that a request can wait for it.

use std::time::Duration;

use super::{Check, Node, Opinion};

pub(super) struct Latency;

/// The longest that one answer in a hundred may take.
const P99: Duration = Duration::from_millis(20);

impl Check for Latency {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn examine(&self, node: &Node) -> Opinion {
        let at = |share: usize| node.pings.get((node.pings.len() - 1) * share / 100).copied();
        let (Some(median), Some(p99)) = (at(50), at(99)) else {
            return Opinion::unknown("there was no PING", "ask for at least one with --pings");
        };
        let found =
            format!("PING takes {median:.1?} at the median, {p99:.1?} at the 99th percentile");
        if p99 <= P99 {
            return Opinion::well(found);
        }
        Opinion::ill(
            found,
            "compare with `redis-cli --latency` on the node itself: if it is fast there, the \
             network is slow; if not, look at the slow log, at `LATENCY DOCTOR`, at forks and at \
             swapping",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn one_slow_answer_in_two_hundred_is_none_and_ten_are() {
        let examine = |slow: usize| {
            let fast = vec![Duration::from_micros(100); 200 - slow];
            let pings = [fast, vec![Duration::from_millis(80); slow]].concat();
            Latency.examine(&Node { pings, ..Node::default() }).state
        };
        assert_eq!((examine(1), examine(10)), (State::Well, State::Ill));
    }
}
