//! No command holds all others up.

use std::time::Duration;

use super::{Check, Node, Opinion, no_config};

pub(super) struct SlowLog;

/// A command that takes longer is felt by everybody.
const LONG: Duration = Duration::from_millis(10);
/// What is longer ago is history.
const LATELY: Duration = Duration::from_secs(24 * 3600);

impl Check for SlowLog {
    fn name(&self) -> &'static str {
        "slow log"
    }

    fn examine(&self, node: &Node) -> Opinion {
        let Some(entries) = &node.slow else {
            let advice = "permit it to this user (`ACL SETUSER … +slowlog|get`)";
            return Opinion::unknown("SLOWLOG GET is not permitted", advice);
        };
        let slow = entries.iter().filter(|entry| entry.took >= LONG && entry.age <= LATELY);
        let count = slow.clone().count();
        if let Some(slowest) = slow.max_by_key(|entry| entry.took) {
            let (took, ago, command) = (slowest.took, slowest.age, &slowest.command);
            let found = format!(
                "{count} commands of 10 ms or longer in a day; the longest took {took:.0?}, \
                 {ago:?} ago: {command}"
            );
            let advice = "replace KEYS by SCAN, and commands on large collections by several on \
                          parts of them; split large keys";
            return Opinion::ill(found, advice);
        }
        let Some(threshold) = node.set("slowlog-log-slower-than") else { return no_config() };
        match threshold.parse::<i64>() {
            Ok(micros) if (0..=1_000_000).contains(&micros) => {
                Opinion::well(format!("no command took 10 ms in a day; {micros} µs are recorded"))
            }
            _ => Opinion::ill(
                format!("slow commands are not recorded: slowlog-log-slower-than is {threshold}"),
                "CONFIG SET slowlog-log-slower-than 10000",
            ),
        }
    }
}
