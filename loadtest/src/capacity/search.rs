//! Which rate to try next: a pure function of what was seen.
//!
//! The rate doubles until a step breaks, then the gap between the highest rate that held and the
//! lowest that broke is halved until it is narrow enough, then both are tried again in an order
//! drawn from the seed. A step may be bad luck: a level counts by the majority of its steps, and
//! one that stands against a level above it is tried again.

use redrill_history::capacity::{Answer, End, Level};
use redrill_history::{CapacityPlan, SegmentRole};
use redrill_scenarios::random::mix;

/// The lowest rate that is tried, a second.
const LEAST_PER_S: f64 = 1.0;
/// How the rate grows before a step has broken, and after one has by bad luck.
const FAST: f64 = 2.0;
const SLOW: f64 = 1.25;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Next {
    /// A step at this rate.
    Try(f64, SegmentRole),
    /// Nothing: what can be told is told.
    Done,
}

/// The next step of a search that has seen `levels`.
pub(super) fn next(plan: &CapacityPlan, seed: u64, levels: &[Level]) -> Next {
    if levels.is_empty() {
        let first = plan.at_least_per_s.unwrap_or(plan.from_per_s);
        return Next::Try(first.min(plan.most_per_s), SegmentRole::Probe);
    }
    if let Some(level) = levels.iter().find(|level| level.end().is_none()) {
        return again(*level);
    }
    let answer = Answer::of(levels);
    if let Some(asked) = plan.at_least_per_s
        && let Some(next) = decide(asked, answer)
    {
        return next;
    }
    let Answer { held, broke } = answer;
    match (held, broke) {
        (_, Some(broke)) if broke.steps() == 1 && held_above(levels, broke) => again(broke),
        (Some(held), Some(broke))
            if broke.rate_per_s > held.rate_per_s * (1.0 + plan.precision) =>
        {
            Next::Try((held.rate_per_s * broke.rate_per_s).sqrt(), SegmentRole::Probe)
        }
        (Some(held), Some(broke)) => confirm(seed, held, broke),
        (Some(held), None) if held.rate_per_s >= plan.most_per_s => Next::Done,
        (Some(held), None) => {
            let factor = if levels.iter().any(|level| level.broke > 0) { SLOW } else { FAST };
            Next::Try((held.rate_per_s * factor).min(plan.most_per_s), SegmentRole::Probe)
        }
        (None, Some(broke)) if broke.rate_per_s <= LEAST_PER_S => Next::Done,
        (None, Some(broke)) => {
            Next::Try((broke.rate_per_s / FAST).max(LEAST_PER_S), SegmentRole::Probe)
        }
        (None, None) => Next::Done,
    }
}

/// What a check does at the rate that it asks for: a step there is tried again before it is
/// believed, and two that agree are all that was asked.
fn decide(asked_per_s: f64, answer: Answer) -> Option<Next> {
    if answer.decides(asked_per_s).is_some() {
        return Some(Next::Done);
    }
    answer.reaches(asked_per_s).or(answer.falls_short(asked_per_s)).map(again)
}

fn again(level: Level) -> Next {
    Next::Try(level.rate_per_s, SegmentRole::Confirm)
}

fn held_above(levels: &[Level], broke: Level) -> bool {
    let above = |level: &&Level| level.rate_per_s > broke.rate_per_s;
    levels.iter().filter(above).any(|level| level.end() == Some(End::Held))
}

/// Both levels once more, in an order that nobody chose.
fn confirm(seed: u64, held: Level, broke: Level) -> Next {
    let held_first = mix(seed, 0xca9).is_multiple_of(2);
    match (held.steps() < 2, broke.steps() < 2) {
        (true, true) if held_first => again(held),
        (_, true) => again(broke),
        (true, false) => again(held),
        (false, false) => Next::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrill_history::capacity::levels;
    use redrill_scenarios::random::below;

    /// Steps after which a search is given up: four minutes of six-second steps.
    const MOST_STEPS: usize = 30;

    fn plan() -> CapacityPlan {
        CapacityPlan { from_per_s: 100.0, ..CapacityPlan::default() }
    }

    /// Searches a service of which `holds` says whether a step of a number at a rate holds.
    fn search(plan: &CapacityPlan, seed: u64, holds: impl Fn(u64, f64) -> bool) -> (Answer, usize) {
        let mut seen = Vec::new();
        for number in 0..MOST_STEPS {
            let Next::Try(rate, _) = next(plan, seed, &levels(seen.clone())) else { break };
            let end = if holds(number as u64, rate) { End::Held } else { End::Broke };
            seen.push((rate, end));
        }
        (Answer::of(&levels(seen.clone())), seen.len())
    }

    /// A draw of 0 to 1.
    fn draw(seed: u64, number: u64) -> f64 {
        below(mix(seed ^ 0x5eed, number), 1_000_000) as f64 / 1e6
    }

    #[test]
    fn a_sharp_limit_is_bracketed_and_confirmed() {
        for limit in [1.5, 37.0, 100.0, 416.0, 1_000.0, 7_777.0] {
            let (answer, steps) = search(&plan(), 1, |_, rate| rate <= limit);
            let (held, broke) = (answer.held.unwrap(), answer.broke.unwrap());
            assert!(held.rate_per_s <= limit && limit < broke.rate_per_s, "{limit}: {answer:?}");
            assert!(answer.is_confirmed(0.05), "{limit}: {answer:?}");
            assert!(steps <= 15, "{limit}: {steps} steps");
        }
    }

    #[test]
    fn a_blurred_limit_is_found_within_a_tenth_nine_times_in_ten() {
        // From 5 % below the limit to 5 % above it chance decides more and more often.
        let holds =
            |seed: u64| move |number, rate: f64| draw(seed, number) > (rate / 500.0 - 0.95) / 0.10;
        let near = |seed: &u64| {
            let (answer, _) = search(&plan(), *seed, holds(*seed));
            let rate = answer.held.map_or(0.0, |level| level.rate_per_s);
            (rate / 500.0 - 1.0).abs() <= 0.1
        };
        let hits = (0..300).filter(near).count();
        assert!(hits >= 285, "{hits} of 300");
    }

    #[test]
    fn one_bad_step_in_twenty_does_not_lead_astray() {
        let holds = |seed: u64| move |number, rate: f64| rate <= 500.0 && draw(seed, number) > 0.05;
        let near = |seed: &u64| {
            let (answer, _) = search(&plan(), *seed, holds(*seed));
            let rate = answer.held.map_or(0.0, |level| level.rate_per_s);
            (rate / 500.0 - 1.0).abs() <= 0.1
        };
        let hits = (0..300).filter(near).count();
        assert!(hits >= 285, "{hits} of 300");
    }

    #[test]
    fn a_check_begins_at_its_rate_and_decides_it() {
        let asked = CapacityPlan { at_least_per_s: Some(800.0), ..plan() };
        assert_eq!(next(&asked, 1, &[]), Next::Try(800.0, SegmentRole::Probe));
        let (carried, steps) = search(&asked, 1, |_, rate| rate <= 820.0);
        assert_eq!((carried.decides(800.0), steps), (Some(End::Held), 2));
        let (not_carried, steps) = search(&asked, 1, |_, rate| rate <= 790.0);
        assert_eq!((not_carried.decides(800.0), steps), (Some(End::Broke), 2));
        let (unlucky, steps) = search(&asked, 1, |number, rate| number > 0 && rate <= 820.0);
        assert_eq!((unlucky.decides(800.0), steps), (Some(End::Held), 3));
    }

    #[test]
    fn a_service_without_a_limit_or_without_any_rate_ends_the_search() {
        let (unlimited, _) = search(&plan(), 1, |_, _| true);
        assert_eq!(unlimited.broke, None);
        assert_eq!(unlimited.held.unwrap().rate_per_s, plan().most_per_s);
        let (dead, _) = search(&plan(), 1, |_, _| false);
        assert_eq!((dead.held, dead.broke.unwrap().rate_per_s), (None, LEAST_PER_S));
    }

    #[test]
    fn the_order_of_the_confirming_steps_is_drawn() {
        let narrow = levels([(100.0, End::Held), (104.0, End::Broke)]);
        let firsts: Vec<Next> = (0..20).map(|seed| next(&plan(), seed, &narrow)).collect();
        assert!(firsts.contains(&Next::Try(100.0, SegmentRole::Confirm)));
        assert!(firsts.contains(&Next::Try(104.0, SegmentRole::Confirm)));
    }
}
