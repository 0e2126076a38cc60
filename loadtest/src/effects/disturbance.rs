//! What is wrong with a played dependency for a while.

use super::{MAIL, MODEL};
use axum::http::StatusCode;
use redrill_scenarios::random::mix;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One of the played dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency {
    /// The model API.
    Model,
    /// The mail API.
    Mail,
}

impl Dependency {
    /// Its name in plans.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => MODEL,
            Self::Mail => MAIL,
        }
    }

    /// The one of that name.
    pub fn find(name: &str) -> Option<Self> {
        [Self::Model, Self::Mail].into_iter().find(|known| known.name() == name)
    }
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Disturbance {
    /// It takes so much longer.
    Slow(Duration),
    /// It answers this status to this share of its calls, and does nothing.
    Failing(StatusCode, f64),
    /// It answers 200 with something else than an answer, and does nothing.
    Wrong,
}

/// What is wrong now.
#[derive(Debug, Default)]
pub struct Disturbances {
    now: Mutex<Vec<(u64, Dependency, Disturbance)>>,
    next: AtomicU64,
    /// Calls that were drawn for: the same calls in the same order fail again.
    drawn: AtomicU64,
}

/// How a call is answered, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Fate {
    pub(super) later: Duration,
    pub(super) failing: Option<StatusCode>,
    pub(super) wrong: bool,
}

impl Disturbances {
    /// Disturbs a dependency until the number is given back.
    pub fn begin(&self, dependency: Dependency, disturbance: Disturbance) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.now().push((id, dependency, disturbance));
        id
    }

    /// Ends it.
    pub fn end(&self, id: u64) {
        self.now().retain(|(known, ..)| *known != id);
    }

    /// Whether anything is wrong with a dependency.
    pub fn disturb(&self, dependency: Dependency) -> bool {
        self.now().iter().any(|(_, disturbed, _)| *disturbed == dependency)
    }

    /// What becomes of a call now.
    pub(super) fn fate(&self, dependency: Dependency) -> Fate {
        let mut fate = Fate::default();
        for (_, disturbed, disturbance) in self.now().iter() {
            if *disturbed != dependency {
                continue;
            }
            match *disturbance {
                Disturbance::Slow(later) => fate.later += later,
                Disturbance::Failing(status, share) => {
                    fate.failing = self.draws(share).then_some(status).or(fate.failing);
                }
                Disturbance::Wrong => fate.wrong = true,
            }
        }
        fate
    }

    fn draws(&self, share: f64) -> bool {
        let draw = mix(0, self.drawn.fetch_add(1, Ordering::Relaxed));
        (draw as f64) < share * u64::MAX as f64
    }

    fn now(&self) -> MutexGuard<'_, Vec<(u64, Dependency, Disturbance)>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disturbances_add_up_and_end_one_by_one() {
        let all = Disturbances::default();
        let second = Duration::from_secs(1);
        let slow = all.begin(Dependency::Model, Disturbance::Slow(second));
        let slower = all.begin(Dependency::Model, Disturbance::Slow(second));
        let wrong = all.begin(Dependency::Model, Disturbance::Wrong);
        let both = Fate { later: 2 * second, failing: None, wrong: true };
        assert_eq!(all.fate(Dependency::Model), both);
        assert_eq!(all.fate(Dependency::Mail), Fate::default());
        [slow, wrong].into_iter().for_each(|id| all.end(id));
        assert_eq!(all.fate(Dependency::Model), Fate { later: second, ..Fate::default() });
        all.end(slower);
        assert!(!all.disturb(Dependency::Model));
    }

    #[test]
    fn a_share_of_the_calls_fails() {
        let all = Disturbances::default();
        let failing = Disturbance::Failing(StatusCode::BAD_GATEWAY, 0.25);
        all.begin(Dependency::Mail, failing);
        let fails = (0..10_000).filter(|_| all.fate(Dependency::Mail).failing.is_some()).count();
        assert!((2200..2800).contains(&fails), "{fails}");
    }
}
