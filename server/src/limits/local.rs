//! A fixed window in this process, for the time that Redis is away.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::algorithm::Hit;
use crate::clock;
use crate::settings::LimitPolicy;

#[derive(Default)]
struct Window {
    number: u64,
    counts: HashMap<String, u64>,
}

/// Counts this instance's share of a limit: the limit divided by the instances, at least one.
pub(super) struct Local {
    limit: u64,
    length_ms: u64,
    current: Mutex<Window>,
}

impl Local {
    pub(super) fn new(policy: LimitPolicy, instances: u64) -> Self {
        Self {
            limit: (policy.limit / instances).max(1),
            length_ms: u64::try_from(policy.window.as_millis()).unwrap_or(u64::MAX).max(1),
            current: Mutex::default(),
        }
    }

    pub(super) fn hit(&self, who: &str) -> Hit {
        self.hit_at(who, clock::unix_ms())
    }

    fn hit_at(&self, who: &str, now_ms: u64) -> Hit {
        let window = now_ms / self.length_ms;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.number != window {
            *current = Window { number: window, counts: HashMap::new() };
        }
        let count = current.counts.entry(who.to_owned()).or_default();
        *count += 1;
        Hit {
            admitted: *count <= self.limit,
            limit: self.limit,
            count: *count,
            window: Some(window),
            reset: Duration::from_millis((window + 1) * self.length_ms - now_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_admits_its_share_and_no_more_until_the_window_ends() {
        let policy = LimitPolicy { limit: 5, window: Duration::from_secs(2) };
        let local = Local::new(policy, 2);
        let admitted = |now| local.hit_at("a", now).admitted;
        assert_eq!([2000, 2001, 3999, 4000].map(admitted), [true, true, false, true]);
        assert!(local.hit_at("b", 4001).admitted, "another's requests are not charged to b");
    }
}
