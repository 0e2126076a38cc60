//! Which rate the steps of a search tell.

use super::{End, Step};

/// Rates that differ by less than this share are the same level.
const SAME: f64 = 1e-3;

/// A rate and what the steps at it came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// The rate.
    pub rate_per_s: f64,
    /// Steps in which every objective held.
    pub held: u32,
    /// Steps in which one was broken.
    pub broke: u32,
}

impl Level {
    /// How the majority of the steps ended; `None` when there is none.
    pub fn end(&self) -> Option<End> {
        match self.held.cmp(&self.broke) {
            std::cmp::Ordering::Greater => Some(End::Held),
            std::cmp::Ordering::Less => Some(End::Broke),
            std::cmp::Ordering::Equal => None,
        }
    }

    /// Steps at this rate.
    pub const fn steps(&self) -> u32 {
        self.held + self.broke
    }

    /// True for the rate of this level.
    pub fn is_at(&self, rate_per_s: f64) -> bool {
        (self.rate_per_s - rate_per_s).abs() <= SAME * self.rate_per_s
    }
}

/// The levels of rates and ends, lowest rate first.
pub fn levels(seen: impl IntoIterator<Item = (f64, End)>) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    for (rate_per_s, end) in seen {
        let at = levels.iter().position(|level| level.is_at(rate_per_s)).unwrap_or_else(|| {
            levels.push(Level { rate_per_s, held: 0, broke: 0 });
            levels.len() - 1
        });
        match end {
            End::Held => levels[at].held += 1,
            End::Broke => levels[at].broke += 1,
            End::Void => {}
        }
    }
    levels.retain(|level| level.steps() > 0);
    levels.sort_by(|one, other| one.rate_per_s.total_cmp(&other.rate_per_s));
    levels
}

/// What a search found so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The highest level that held, below every level that broke.
    pub held: Option<Level>,
    /// The lowest level that broke.
    pub broke: Option<Level>,
}

impl Answer {
    /// The answer that the levels give. A level broke when most of its steps did, and so did one
    /// whose steps are divided; what held above a level that broke does not count.
    pub fn of(levels: &[Level]) -> Self {
        let broke = levels.iter().find(|level| level.end() != Some(End::Held)).copied();
        let below = |level: &&Level| broke.is_none_or(|broke| level.rate_per_s < broke.rate_per_s);
        Self { held: levels.iter().rfind(below).copied(), broke }
    }

    /// The answer of measured steps.
    pub fn of_steps(steps: &[Step]) -> Self {
        Self::of(&levels(steps.iter().map(|step| (step.rate_per_s, step.end))))
    }

    /// The last step that held at the rate that is carried.
    pub fn carried<'a>(&self, steps: &'a [Step]) -> Option<&'a Step> {
        last(steps, self.held?, End::Held)
    }

    /// The last step that broke at the lowest rate that is not: where something was full.
    pub fn knee<'a>(&self, steps: &'a [Step]) -> Option<&'a Step> {
        last(steps, self.broke?, End::Broke)
    }

    /// How far apart the two levels are, as a share of the lower.
    pub fn width(&self) -> Option<f64> {
        Some(self.broke?.rate_per_s / self.held?.rate_per_s - 1.0)
    }

    /// Whether `least_per_s` is carried, once two steps or more say so.
    pub fn decides(&self, least_per_s: f64) -> Option<End> {
        let is_told = |level: &Level, end| level.steps() > 1 && level.end() == Some(end);
        if self.reaches(least_per_s).is_some_and(|held| is_told(&held, End::Held)) {
            return Some(End::Held);
        }
        let broke = self.falls_short(least_per_s);
        broke.is_some_and(|broke| is_told(&broke, End::Broke)).then_some(End::Broke)
    }

    /// The level that held, where that is no less than `least_per_s`.
    pub fn reaches(&self, least_per_s: f64) -> Option<Level> {
        self.held.filter(|held| held.rate_per_s >= least_per_s * (1.0 - SAME))
    }

    /// The level that broke, where that is no more than `least_per_s`.
    pub fn falls_short(&self, least_per_s: f64) -> Option<Level> {
        self.broke.filter(|broke| broke.rate_per_s <= least_per_s * (1.0 + SAME))
    }

    /// True when both levels are no further apart than `precision` and each was tried again.
    pub fn is_confirmed(&self, precision: f64) -> bool {
        let again = |level: Option<Level>, end| {
            level.is_some_and(|level| level.steps() > 1 && level.end() == Some(end))
        };
        let near = self.width().is_some_and(|width| width <= precision + SAME);
        near && again(self.held, End::Held) && again(self.broke, End::Broke)
    }
}

fn last(steps: &[Step], level: Level, end: End) -> Option<&Step> {
    steps.iter().rfind(|step| level.is_at(step.rate_per_s) && step.end == end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_lies_below_the_lowest_level_that_broke() {
        use End::{Broke, Held, Void};
        let seen = [(100.0, Held), (200.0, Held), (400.0, Broke), (283.0, Held), (800.0, Held)];
        let answer = Answer::of(&levels(seen));
        assert_eq!(answer.held.unwrap().rate_per_s, 283.0);
        assert_eq!(answer.broke.unwrap().rate_per_s, 400.0);
        let divided = Answer::of(&levels([(100.0, Held), (200.0, Held), (200.0, Broke)]));
        assert_eq!(divided.held.unwrap().rate_per_s, 100.0);
        let nothing = Answer::of(&levels([(100.0, Void)]));
        assert_eq!((nothing.held, nothing.broke, nothing.width()), (None, None, None));
    }

    #[test]
    fn a_rate_is_decided_by_two_steps_that_agree() {
        use End::{Broke, Held};
        let decided = |seen: &[(f64, End)]| Answer::of(&levels(seen.to_vec())).decides(100.0);
        assert_eq!(decided(&[(100.0, Held)]), None);
        assert_eq!(decided(&[(100.0, Held), (100.0, Held)]), Some(Held));
        assert_eq!(decided(&[(120.0, Held), (120.0, Held), (200.0, Broke)]), Some(Held));
        assert_eq!(decided(&[(90.0, Held), (90.0, Held)]), None);
        assert_eq!(decided(&[(100.0, Broke)]), None);
        assert_eq!(decided(&[(100.0, Broke), (100.0, Held)]), None);
        assert_eq!(decided(&[(90.0, Broke), (90.0, Broke)]), Some(Broke));
        assert_eq!(decided(&[(50.0, Held), (120.0, Broke), (120.0, Broke)]), None);
    }

    #[test]
    fn only_what_was_tried_again_is_confirmed() {
        use End::{Broke, Held};
        let once = [(100.0, Held), (104.0, Broke)];
        assert!(!Answer::of(&levels(once)).is_confirmed(0.05));
        let twice = [once, once].concat();
        assert!(Answer::of(&levels(twice.clone())).is_confirmed(0.05));
        assert!(!Answer::of(&levels(twice)).is_confirmed(0.03));
    }
}
