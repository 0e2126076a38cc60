//! Where the tests' chance comes from.

use rand::rngs::{OsRng, StdRng};
use rand::{SeedableRng as _, TryRngCore as _};

/// Set it to the seed that a failed test showed, to have its choices again.
const SEED: &str = "REDRILL_TEST_SEED";

/// A generator whose seed is shown when the test fails.
#[allow(clippy::print_stdout)]
pub(crate) fn random() -> StdRng {
    let given = std::env::var(SEED).ok().map(|seed| seed.parse().expect("a number"));
    let seed = given.unwrap_or_else(|| OsRng.try_next_u64().expect("the system has chance"));
    println!("{SEED}={seed}");
    StdRng::seed_from_u64(seed)
}
