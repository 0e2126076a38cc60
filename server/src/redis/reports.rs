//! What the Sentinels of one group say, and whom to follow.
//!
//! At once: the report with the highest configuration epoch, where that is higher than the one that
//! is followed (Redis' `sentinel.c`: the epoch of a promotion is the one its failover was elected
//! with, so a later promotion always has a higher one). A promotion that was seen before any
//! Sentinel told of it thus stays while they do not know of it, and one Sentinel is enough that
//! knows of a failover.
//!
//! In the end: nothing that no Sentinel stands by. Epochs begin anew where a master is removed from
//! the Sentinels and another one is named to them (`SENTINEL REMOVE`, `SENTINEL MONITOR`), and
//! where they are made anew. Once more than half of them are there and none of those has stood by
//! the one that is followed for [`SETTLED`], the others are believed as by somebody who just came.
//! A minority cannot do that: it may be cut off, with an old master on its side.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::place::Named;

/// Longer than a promotion needs to be known to all of them: they tell each other every 2 s.
const SETTLED: Duration = Duration::from_secs(5);

/// The latest report of each Sentinel that is there.
pub(super) struct Reports {
    /// How many there are at all.
    sentinels: usize,
    all: BTreeMap<usize, Named>,
    /// Since when no Sentinel has stood by whom is followed.
    deserted: Option<Instant>,
    /// Who was followed until nobody stood by it any more. A Sentinel that slept through that and
    /// still says so, with a high epoch of before, is not news.
    overruled: Option<Named>,
}

impl Reports {
    pub(super) fn of(sentinels: usize) -> Self {
        Self { sentinels, all: BTreeMap::new(), deserted: None, overruled: None }
    }

    /// Files what Sentinel `index` says now; nothing where it is away or knows of no master.
    pub(super) fn file(&mut self, index: usize, says: Option<Named>) {
        match says {
            Some(named) => self.all.insert(index, named),
            None => self.all.remove(&index),
        };
    }

    /// Whom to follow from `now` on instead of `current`, if another one.
    pub(super) fn next(&mut self, current: Option<&Named>, now: Instant) -> Option<Named> {
        let Some(current) = current else { return newest(self.all.values()) };
        let is_newer =
            |it: &&Named| it.epoch > current.epoch && self.overruled.as_ref() != Some(*it);
        let newer = newest(self.all.values().filter(is_newer));
        let stands_by = |it: &Named| it.address == current.address && it.epoch >= current.epoch;
        let is_deserted = self.all.len() * 2 > self.sentinels && !self.all.values().any(stands_by);
        if newer.is_some() || !is_deserted {
            self.deserted = None;
            return newer;
        }
        let since = *self.deserted.get_or_insert(now);
        if now - since < SETTLED {
            return None;
        }
        self.deserted = None;
        self.overruled = Some(current.clone());
        newest(self.all.values())
    }
}

/// The report with the highest epoch; of equal ones, such as a name and an address of one host, the
/// first one.
fn newest<'a>(reports: impl DoubleEndedIterator<Item = &'a Named>) -> Option<Named> {
    reports.rev().max_by_key(|named| named.epoch).cloned()
}

#[cfg(test)]
mod tests {
    use super::super::address::Address;
    use super::*;
    use crate::clock;

    fn named(port: u16, epoch: u64) -> Named {
        Named { address: Address { host: "127.0.0.1".to_owned(), port }, epoch }
    }

    /// Three Sentinels, and whom they make one follow.
    struct Case {
        reports: Reports,
        now: Instant,
        current: Option<Named>,
    }

    impl Case {
        fn of(reports: [Option<(u16, u64)>; 3]) -> Self {
            let mut case = Self { reports: Reports::of(3), now: clock::now(), current: None };
            case.say(reports);
            case
        }

        /// All say so, one after the other.
        fn say(&mut self, reports: [Option<(u16, u64)>; 3]) -> Option<Named> {
            for (index, says) in reports.into_iter().enumerate() {
                self.reports.file(index, says.map(|(port, epoch)| named(port, epoch)));
                if let Some(next) = self.reports.next(self.current.as_ref(), self.now) {
                    self.current = Some(next);
                }
            }
            self.current.clone()
        }

        /// They go on saying so for longer than it takes them to settle.
        fn insist(&mut self, reports: [Option<(u16, u64)>; 3]) -> Option<Named> {
            for _ in 0..=SETTLED.as_secs() {
                self.say(reports);
                self.now += Duration::from_secs(1);
            }
            self.say(reports)
        }
    }

    #[test]
    fn the_highest_epoch_wins_at_once_whoever_speaks_last() {
        let mut case = Case::of([Some((1, 1)); 3]);
        assert_eq!(case.say([Some((1, 1)), Some((2, 2)), Some((1, 1))]), Some(named(2, 2)));
        assert_eq!(case.say([Some((2, 2)), Some((2, 2)), Some((1, 1))]), Some(named(2, 2)));
    }

    #[test]
    fn of_equal_reports_the_first_one_stays_while_anybody_says_so() {
        let mut reports = Reports::of(2);
        reports.file(0, Some(named(1, 1)));
        reports.file(1, Some(named(2, 1)));
        assert_eq!(reports.next(None, clock::now()), Some(named(1, 1)));
        let mut case = Case::of([Some((1, 1)), Some((2, 1)), Some((2, 1))]);
        assert_eq!(case.insist([Some((1, 1)), Some((2, 1)), None]), Some(named(1, 1)));
        assert_eq!(case.insist([Some((2, 1)); 3]), Some(named(2, 1)));
    }

    #[test]
    fn epochs_that_begin_anew_are_followed_once_all_have_settled() {
        let mut case = Case::of([Some((2, 7)); 3]);
        assert_eq!(case.say([Some((3, 0)); 3]), Some(named(2, 7)), "they may not know better yet");
        assert_eq!(case.insist([Some((3, 0)); 3]), Some(named(3, 0)));
        assert_eq!(case.say([Some((4, 1)), Some((3, 0)), Some((3, 0))]), Some(named(4, 1)));
    }

    #[test]
    fn epochs_of_the_same_master_that_begin_anew_count_too() {
        let mut case = Case::of([Some((2, 7)); 3]);
        assert_eq!(case.insist([Some((2, 0)); 3]), Some(named(2, 0)));
        assert_eq!(case.say([Some((4, 1)), None, None]), Some(named(4, 1)), "at once");
    }

    #[test]
    fn who_knows_of_a_failover_is_enough_and_who_does_not_is_too_few() {
        for others in [
            // The one that led it told of it, the others have yet to hear.
            [Some((2, 2)), Some((1, 1)), Some((1, 1))],
            // A minority that is cut off with the old master, and nobody at all.
            [None, None, Some((1, 1))],
            [None; 3],
        ] {
            let mut case = Case::of([Some((1, 1)); 3]);
            assert_eq!(case.say([Some((2, 2)), Some((1, 1)), Some((1, 1))]), Some(named(2, 2)));
            assert_eq!(case.insist(others), Some(named(2, 2)), "{others:?}");
        }
    }

    #[test]
    fn a_promotion_that_no_sentinel_confirms_is_forgotten() {
        let mut case = Case::of([Some((1, 1)); 3]);
        case.current = Some(named(2, 1));
        assert_eq!(case.say([Some((1, 1)); 3]), Some(named(2, 1)));
        assert_eq!(case.insist([Some((1, 1)); 3]), Some(named(1, 1)));
        case.current = Some(named(2, 1));
        assert_eq!(case.say([Some((2, 2)), Some((1, 1)), Some((1, 1))]), Some(named(2, 2)));
    }

    #[test]
    fn a_sentinel_that_slept_through_it_does_not_bring_the_old_master_back() {
        let mut case = Case::of([Some((2, 7)); 3]);
        let two = [Some((3, 0)), Some((3, 0)), None];
        assert_eq!(case.insist(two), Some(named(3, 0)));
        let late = [Some((3, 0)), Some((3, 0)), Some((2, 7))];
        assert_eq!(case.insist(late), Some(named(3, 0)));
        assert_eq!(case.insist([Some((2, 7)); 3]), Some(named(2, 7)), "unless all say so");
    }

    #[test]
    fn a_doubt_begins_anew_with_everybody_who_stands_by_the_one_that_is_followed() {
        let mut case = Case::of([Some((2, 7)); 3]);
        for _ in 0..5 {
            case.say([Some((3, 0)); 3]);
            case.now += SETTLED - Duration::from_secs(1);
            case.say([Some((3, 0)), Some((2, 7)), Some((3, 0))]);
        }
        assert_eq!(case.current, Some(named(2, 7)));
    }
}
