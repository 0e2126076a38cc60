//! When a thread lets others run before it goes on.
//!
//! Many connections at work have few threads behind them: the server's, and a load generator's.
//! Letting them run first means that more has come from them at the next turn, and that more is
//! handed over in it at once. On two cores this halves the CPU time of a command. Where others
//! never come to an end by themselves (a compiler, say), it would cost a whole slice of time each
//! turn: then it is not done for a while.

use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock;

/// So many events in a turn make it a busy one.
const BUSY_EVENTS: usize = 4;
/// Others that take longer are not waiting for this thread.
const PATIENCE: Duration = Duration::from_millis(1);
/// How long it is not done again: doubled each time, up to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// What was learnt about others.
#[derive(Default)]
pub(super) struct Pace {
    pause: Duration,
    until: Option<Instant>,
}

impl Pace {
    /// Lets others run after a busy turn.
    pub(super) fn let_others_run(&mut self, events: usize) {
        if events < BUSY_EVENTS {
            return;
        }
        let began = clock::now();
        if self.is_due(began) {
            thread::yield_now();
            self.learn(began, clock::now());
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    fn learn(&mut self, began: Instant, ended: Instant) {
        if ended - began > PATIENCE {
            self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LAST_PAUSE);
            self.until = Some(ended + self.pause);
        } else if self.until.is_some_and(|until| ended > until + LAST_PAUSE) {
            *self = Pace::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_long_is_not_waited_for_again_soon() {
        let mut pace = Pace::default();
        let began = clock::now();
        pace.learn(began, began + PATIENCE);
        assert!(pace.is_due(began), "others were quick");
        let mut now = began;
        for pause_ms in [20, 40, 80, 160, 320, 640, 1000, 1000] {
            let ended = now + PATIENCE * 3;
            pace.learn(now, ended);
            now = ended + Duration::from_millis(pause_ms);
            assert!(!pace.is_due(now - Duration::from_millis(1)));
            assert!(pace.is_due(now));
        }
        pace.learn(now + LAST_PAUSE, now + LAST_PAUSE + PATIENCE / 2);
        let later = now + LAST_PAUSE + PATIENCE;
        pace.learn(later, later + PATIENCE * 3);
        assert!(pace.is_due(later + PATIENCE * 3 + FIRST_PAUSE), "a quiet second forgives");
    }
}
