//! Where the tests' chance comes from.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// A generator that differs from run to run: a test says in its failures what was chosen.
pub(crate) fn random() -> StdRng {
    StdRng::from_os_rng()
}
