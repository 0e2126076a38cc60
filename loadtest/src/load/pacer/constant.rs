//! `constant`: equal gaps.

use super::{Model, Pacer};
use redrill_history::CapabilityLoad;
use std::time::Duration;

/// Arrivals with equal gaps.
#[derive(Debug)]
pub struct Constant;

impl Model for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }

    fn doc(&self) -> &'static str {
        "rate_per_s arrivals a second, with equal gaps"
    }

    fn pacer(&self, load: &CapabilityLoad, duration: Duration) -> Box<dyn Pacer> {
        Box::new(Schedule { rate_per_s: load.rate_per_s, duration, next: 0 })
    }
}

struct Schedule {
    rate_per_s: f64,
    duration: Duration,
    next: u64,
}

impl Pacer for Schedule {
    fn next(&mut self) -> Option<Duration> {
        // From the number, not from the last arrival: rounding does not add up.
        let at = Duration::from_secs_f64(self.next as f64 / self.rate_per_s);
        self.next += 1;
        (at < self.duration).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn schedule(rate_per_s: f64, duration: Duration) -> Vec<Duration> {
        let load = CapabilityLoad { model: "constant".to_owned(), rate_per_s, vus: 1, keys: 1 };
        let mut pacer = Constant.pacer(&load, duration);
        std::iter::from_fn(|| pacer.next()).collect()
    }

    proptest! {
        #[test]
        fn at_any_time_the_arrivals_are_rate_times_time(
            rate in 0.1_f64..5000.0,
            milliseconds in 1_u64..5000,
        ) {
            let arrivals = schedule(rate, Duration::from_secs(5));
            let time = Duration::from_millis(milliseconds);
            let seen = arrivals.iter().filter(|at| **at < time).count() as f64;
            prop_assert!((seen - rate * time.as_secs_f64()).abs() <= 1.0);
        }
    }

    #[test]
    fn no_arrival_at_or_after_the_end() {
        let arrivals = schedule(10.0, Duration::from_secs(1));
        assert_eq!(arrivals.len(), 10);
        assert_eq!(arrivals[9], Duration::from_millis(900));
    }
}
