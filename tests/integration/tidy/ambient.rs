//! Time and chance come from outside, or a test cannot own them and a seed replays nothing.

use super::tree::{File, Tree};
use super::{Complaint, Rule};

pub(super) const CLOCK: Rule = Rule {
    says: "The time is read in clock.rs alone: take it as a value, or from the crate's clock.",
    check: clocks,
};

pub(super) const RANDOMNESS: Rule = Rule {
    says: "Chance is drawn in random.rs alone: take a seeded generator as a value.",
    check: randomness,
};

const CLOCKS: &[&str] = &["Instant :: now", "SystemTime :: now", "Utc :: now", "Local :: now"];

const SOURCES: &[&str] = &[
    "rand :: rng",
    "thread_rng",
    "rand :: random",
    "random ( )",
    "random ::",
    "RandomState",
    "from_os_rng",
    "OsRng",
    "getrandom",
    "Uuid :: new_v4",
    "fastrand",
];

fn clocks(tree: &Tree) -> Vec<Complaint> {
    tree.sources().flat_map(|file| outside(file, "clock.rs", CLOCKS)).collect()
}

fn randomness(tree: &Tree) -> Vec<Complaint> {
    tree.sources().flat_map(|file| outside(file, "random.rs", SOURCES)).collect()
}

/// Where one of `patterns` stands in a file that is not called `home`.
fn outside(file: &File, home: &str, patterns: &[&str]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for pattern in patterns.iter().filter(|_| file.name() != home) {
        let places = file.tokens.find(pattern).into_iter();
        complaints.extend(places.filter(|&at| !is_own(file, at, pattern)).map(|at| Complaint {
            path: file.path.clone(),
            line: file.tokens.line(at),
            what: pattern.replace(' ', ""),
        }));
    }
    complaints
}

/// Whether `random` is a generator's method, the crate's own module or a function of its own.
fn is_own(file: &File, at: usize, pattern: &str) -> bool {
    if !pattern.starts_with("random") {
        return false;
    }
    let before = |n: usize| at.checked_sub(n).map_or("", |at| file.tokens.text(at));
    let is_module = pattern == "random ::" && file.tokens.text(at + 2) != "<";
    let is_other_path = before(1) == "::" && before(2) != "rand";
    is_module || is_other_path || matches!(before(1), "fn" | ".")
}

#[test]
fn an_ambient_clock_is_found_but_not_in_clock_rs_or_in_words() {
    let planted = "fn a() -> Instant { std::time::Instant::now() }
        fn b() { let _ = x.unwrap_or_else(SystemTime::now); }
        fn c() { select! { _ = t => tokio::time::Instant :: now() } }
        fn d() { chrono::Utc::now(); }";
    let expected = [
        "a.rs:1: Instant::now",
        "a.rs:3: Instant::now",
        "a.rs:2: SystemTime::now",
        "a.rs:4: Utc::now",
    ];
    assert_eq!(CLOCK.complaints(&[("a.rs", planted)]), expected);
    let clean = "/// Like Instant::now().\nfn a(now: Instant) { clock::now(); \"Instant::now\"; }";
    assert!(CLOCK.complaints(&[("a.rs", clean), ("b/clock.rs", planted)]).is_empty());
}

#[test]
fn ambient_randomness_is_found_but_a_seeded_generator_is_not() {
    let planted = "fn a() { rand::rng(); }\nfn b() -> u8 { random() }\nfn c() { random::<u8>(); }
        fn d() { RandomState::new(); }\nfn e() { SmallRng::from_os_rng(); }";
    let mut found = RANDOMNESS.complaints(&[("a.rs", planted)]);
    found.sort();
    let expected = [
        "a.rs:1: rand::rng",
        "a.rs:2: random()",
        "a.rs:3: random::",
        "a.rs:4: RandomState",
        "a.rs:5: from_os_rng",
    ];
    assert_eq!(found, expected);
    let clean = "mod random; use rand::rngs::SmallRng; // thread_rng\n
        fn a(rng: &mut SmallRng) -> u8 { crate::random::seed(7); rng.random::<u8>() }";
    assert!(RANDOMNESS.complaints(&[("random.rs", planted), ("a.rs", clean)]).is_empty());
}
