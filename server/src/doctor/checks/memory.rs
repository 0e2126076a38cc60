//! Memory suffices, and is used for data.

use super::super::node::size;
use super::{Check, Node, Opinion};

pub(super) struct Memory;

/// Percent of maxmemory above which it is tight.
const TIGHT: u64 = 90;
/// Resident by allocated memory above which much is wasted, and below which some is swapped.
const FRAGMENTED: f64 = 1.5;
const SWAPPED: f64 = 0.9;
/// In smaller nodes the ratio says nothing: what the program itself needs counts too.
const SMALL: u64 = 64_000_000;

impl Check for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn examine(&self, node: &Node) -> Opinion {
        let Some(used) = node.number("used_memory") else {
            return Opinion::unknown("INFO does not tell", "permit INFO to this user");
        };
        let most = node.number("maxmemory").unwrap_or(0);
        if most > 0 && used * 100 > most * TIGHT {
            let found = format!("{} of {} are used", size(used), size(most));
            return Opinion::ill(
                found,
                "give it more (maxmemory), shorten times to live, or split",
            );
        }
        let ratio = node.text("mem_fragmentation_ratio").parse().unwrap_or(1.0);
        let found = format!("{} are used, fragmentation {ratio:.2}", size(used));
        match ratio {
            _ if used < SMALL => Opinion::well(found),
            ratio if ratio > FRAGMENTED => Opinion::ill(
                found,
                "CONFIG SET activedefrag yes, or restart the node at a quiet time",
            ),
            ratio if ratio < SWAPPED => {
                Opinion::ill(found, "part of it is swapped: give the machine more memory")
            }
            _ => Opinion::well(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn large_nodes_must_not_be_fragmented_swapped_or_full() {
        let state = |used: u64, most: u64, ratio: f64| {
            let info =
                format!("used_memory:{used}\nmaxmemory:{most}\nmem_fragmentation_ratio:{ratio}\n");
            Memory.examine(&Node { info, ..Node::default() }).state
        };
        assert_eq!(state(1_000_000, 0, 9.0), State::Well);
        assert_eq!(state(100_000_000, 0, 1.2), State::Well);
        assert_eq!(state(100_000_000, 0, 1.6), State::Ill);
        assert_eq!(state(100_000_000, 0, 0.5), State::Ill);
        assert_eq!(state(95, 100, 1.0), State::Ill);
    }
}
