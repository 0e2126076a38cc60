//! Which job a number stands for: a pure function, so that the scenario, the played dependencies
//! and the checkers agree without a word between them.

use crate::random::{below, mix};
use std::time::Duration;

/// The queue of jobs that call the model API.
pub const MODEL_QUEUE: u64 = 0;
/// The queue of jobs that send a mail.
pub const MAIL_QUEUE: u64 = 1;

/// What a job asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// [`MODEL_QUEUE`] or [`MAIL_QUEUE`].
    pub queue: u64,
    /// How long it must wait before its first attempt.
    pub delay: Option<Duration>,
    /// 1 goes before 10; none goes before all.
    pub priority: Option<u32>,
    /// How many of its attempts the played dependency answers with an error.
    pub fails: u32,
}

impl Job {
    /// The job with that number. One in ten is delayed by 1 to 2 s, two in ten have a priority,
    /// one in ten fails once, and one in fifty fails at every one of its `attempts`.
    pub fn of(seed: u64, number: u64, attempts: u32) -> Self {
        let draw = |salt: u64, bound: u64| below(mix(seed ^ (salt << 56), number), bound);
        let delayed = draw(1, 10) == 0;
        let fails = match draw(4, 50) {
            0 => attempts,
            1..=5 => 1.min(attempts.saturating_sub(1)),
            _ => 0,
        };
        Self {
            queue: number % 2,
            delay: delayed.then(|| Duration::from_millis(1000 + draw(2, 1001))),
            priority: (draw(3, 5) == 0).then(|| if draw(5, 2) == 0 { 1 } else { 10 }),
            fails,
        }
    }

    /// True for one job in `one_in` (0 for none): the played dependency takes longer for it than a
    /// lease lasts.
    pub fn is_long(seed: u64, number: u64, one_in: u64) -> bool {
        one_in > 0 && below(mix(seed ^ (6 << 56), number), one_in) == 0
    }

    /// True when every attempt is answered with an error, so that the job must end as failed.
    pub const fn must_fail(&self, attempts: u32) -> bool {
        self.fails >= attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_is_the_same_job_and_every_kind_occurs() {
        let jobs: Vec<Job> = (1..2000).map(|number| Job::of(7, number, 3)).collect();
        assert_eq!(jobs[41], Job::of(7, 42, 3));
        let long = (1..2000).filter(|number| Job::is_long(7, *number, 100)).count();
        assert!((5..40).contains(&long) && !Job::is_long(7, 1, 0), "{long} long jobs");
        let share = |wanted: fn(&Job) -> bool| jobs.iter().filter(|job| wanted(job)).count();
        for (kind, seen, expected) in [
            ("delayed", share(|job| job.delay.is_some()), 200),
            ("prioritised", share(|job| job.priority.is_some()), 400),
            ("failing once", share(|job| job.fails == 1), 200),
            ("failing always", share(|job| job.must_fail(3)), 40),
            ("mail", share(|job| job.queue == MAIL_QUEUE), 1000),
        ] {
            assert!(seen > expected / 2 && seen < expected * 2, "{kind}: {seen} of {expected}");
        }
    }
}
