//! A fixed window in this process, for the time that Redis is away.
//!
//! A window may be a day, and users are whoever clients say they are: so only those that were seen
//! last are remembered. One that is forgotten begins anew. To refuse newcomers instead would let
//! one client shut out all others with names that it made up.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::algorithm::Hit;
use crate::clock;
use crate::settings::LimitPolicy;

/// So many users and addresses are remembered at least, and at most twice as many: two tables of
/// 65536 places with 25 bytes each, which is 3.3 MB a policy.
const REMEMBERED: usize = 32_768;

/// Of a fixed size, however long the name.
type Id = [u8; 16];

#[derive(Default)]
struct Window {
    number: u64,
    /// Those that were seen since `before` was what this is now.
    latest: HashMap<Id, u64>,
    before: HashMap<Id, u64>,
}

impl Window {
    /// Counts a hit and says how many there were.
    fn count(&mut self, id: Id) -> u64 {
        let known = self.latest.get(&id).or_else(|| self.before.get(&id)).copied();
        if self.latest.len() == REMEMBERED && !self.latest.contains_key(&id) {
            self.before = std::mem::take(&mut self.latest);
        }
        let count = known.unwrap_or(0) + 1;
        self.latest.insert(id, count);
        count
    }
}

/// Counts this instance's share of a limit: the limit divided by the instances, at least one.
pub(super) struct Local {
    share: LimitPolicy,
    length_ms: u64,
    current: Mutex<Window>,
}

impl Local {
    pub(super) fn new(policy: LimitPolicy, instances: u64) -> Self {
        Self {
            share: LimitPolicy { limit: (policy.limit / instances).max(1), ..policy },
            length_ms: u64::try_from(policy.window.as_millis()).unwrap_or(u64::MAX).max(1),
            current: Mutex::default(),
        }
    }

    /// The policy that this instance holds to by itself.
    pub(super) fn share(&self) -> LimitPolicy {
        self.share
    }

    pub(super) fn hit(&self, who: &str) -> Hit {
        self.hit_at(who, clock::unix_ms())
    }

    fn hit_at(&self, who: &str, now_ms: u64) -> Hit {
        let window = now_ms / self.length_ms;
        let mut id = Id::default();
        id.copy_from_slice(&Sha256::digest(who)[..16]);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.number != window {
            *current = Window { number: window, ..Window::default() };
        }
        let count = current.count(id);
        Hit {
            admitted: count <= self.share.limit,
            limit: self.share.limit,
            count,
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
    #[test]
    fn of_made_up_users_few_are_remembered_and_those_that_come_back_are_among_them() {
        let day = Duration::from_secs(24 * 60 * 60);
        let local = Local::new(LimitPolicy { limit: 5, window: day }, 1);
        let visits = (0..8 * REMEMBERED).map(|number| {
            local.hit_at(&number.to_string(), 0);
            let remembered = local.current.lock().map(|it| it.latest.len() + it.before.len());
            assert!(remembered.is_ok_and(|count| count <= 2 * REMEMBERED));
            // Ada comes as often as it takes not to be forgotten.
            (number % (REMEMBERED - 1) == 0).then(|| local.hit_at("ada", 0).admitted)
        });
        let visits: Vec<bool> = visits.flatten().collect();
        assert_eq!(visits[..6], [true, true, true, true, true, false], "her limit holds");
        assert!(visits.len() > 6 && visits[6..].iter().all(|admitted| !admitted));
        assert!(local.hit_at("0", 0).admitted, "one that was forgotten begins anew");
    }
}
