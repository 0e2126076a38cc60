//! The whole of it against blocks whose truth is known: requests that follow each other's luck,
//! with heavy tails, on a machine that drifts.

use super::{Evidence, Family, Member, quantile};
use crate::random::mix;
use redrill_history::Verdict;

/// Pairs of blocks in one comparison.
const PAIRS: u64 = 12;
/// Requests in one block.
const REQUESTS: u64 = 250;

/// A number above 0 and below 1.
fn uniform(seed: u64, index: u64) -> f64 {
    (mix(seed, index) >> 11) as f64 / (1_u64 << 53) as f64 + f64::EPSILON
}

/// About normal, by the sum of twelve.
fn bell(seed: u64, index: u64) -> f64 {
    (0..12).map(|part| uniform(seed, index * 12 + part)).sum::<f64>() - 6.0
}

/// The sorted latencies of a block: a level of its own, luck that lasts over several requests, and
/// now and then a Pareto tail.
fn block(seed: u64, level: f64) -> Vec<f64> {
    let mut luck = 0.0;
    let level = level + 0.1 * bell(mix(seed, 1), 0);
    let one = |index| {
        luck = 0.9 * luck + 0.1 * bell(seed, index);
        let tail = uniform(mix(seed, 2), index).powf(-0.6);
        (level + luck).exp() * tail
    };
    let mut latencies: Vec<f64> = (0..REQUESTS).map(one).collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}

/// A comparison of p50, p90 and p99, where the candidate is slower by `slower` (in logarithms).
fn family(seed: u64, slower: f64, tolerated: f64) -> Vec<Member> {
    let mut pairs = [Vec::new(), Vec::new(), Vec::new()];
    for pair in 0..PAIRS {
        let seed = mix(seed, pair);
        // The machine drifts by half over the run.
        let drift = 0.5 * pair as f64 / PAIRS as f64;
        let (base, candidate) = (block(mix(seed, 3), drift), block(mix(seed, 4), drift + slower));
        for (differences, at) in pairs.iter_mut().zip([0.5, 0.9, 0.99]) {
            let of = |block: &[f64]| quantile(block, at).unwrap().ln();
            differences.push(of(&candidate) - of(&base));
        }
    }
    let member = |differences| {
        let evidence = Evidence::Paired(differences);
        Member { evidence, tolerated, chance: 0.0 }
    };
    pairs.into_iter().map(member).collect()
}

fn verdict(family: &Family, index: usize) -> Verdict {
    family.judge(index).unwrap().verdict
}

/// Among so many comparisons, the share in which a metric has this verdict.
fn share(runs: u64, members: impl Fn(u64) -> Vec<Member>, wanted: Verdict) -> f64 {
    let has = |seed: &u64| {
        let family = Family::new(members(*seed), *seed);
        (0..family.len()).any(|index| verdict(&family, index) == wanted)
    };
    (0..runs).filter(has).count() as f64 / runs as f64
}

#[test]
fn equal_sides_alarm_no_more_often_than_they_may() {
    // Nothing tolerated, so that the level itself is tested: 5 % and three standard errors.
    let alarms = share(400, |seed| family(seed, 0.0, 0.0), Verdict::Fail);
    assert!(alarms <= 0.05 + 3.0 * (0.05 * 0.95 / 400.0_f64).sqrt(), "{alarms}");
    // With a tolerated effect there is hardly one.
    assert!(share(400, |seed| family(seed, 0.0, 0.1), Verdict::Fail) <= 0.005);
}

#[test]
fn a_side_that_is_just_worse_than_tolerated_seldom_passes() {
    let median = |seed: u64| family(seed, 0.1, 0.1).swap_remove(0);
    let passes = share(400, |seed| vec![median(seed)], Verdict::Pass);
    assert!(passes <= 0.05 + 3.0 * (0.05 * 0.95 / 400.0_f64).sqrt(), "{passes}");
}

#[test]
fn the_smallest_effect_is_seen_with_the_chance_it_states_and_twice_it_always() {
    let tolerated = 0.05;
    let compared = |seed: u64, slower: f64| {
        Family::new(family(seed, slower, tolerated), seed).judge(0).unwrap()
    };
    let stated = |seed: u64| compared(seed, 0.0).smallest.unwrap();
    let mean = (0..50).map(|run| stated(mix(1, run))).sum::<f64>() / 50.0;
    let seen = |slower: f64| {
        let fails = |run: &u64| compared(mix(2, *run), slower).verdict == Verdict::Fail;
        (0..200).filter(fails).count() as f64 / 200.0
    };
    let at_once = seen(mean);
    assert!((0.65..=0.95).contains(&at_once), "{at_once} at {mean}");
    assert!(seen(2.0 * mean) >= 0.99);
}
