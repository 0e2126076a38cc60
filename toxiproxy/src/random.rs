//! The crate's only source of randomness: generators derived from the server's seed, so that two
//! runs with one seed and the same connections in the same order draw alike.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::SeedableRng;
use rand::rngs::SmallRng;

/// A seed for a server that was given none.
#[allow(clippy::disallowed_methods)]
pub(crate) fn fresh_seed() -> u64 {
    rand::random()
}

/// An id that no other request of this server has: 20 characters, as upstream's.
pub(crate) fn request_id() -> String {
    static SERVER: LazyLock<u64> = LazyLock::new(fresh_seed);
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    format!("{:04x}{number:016x}", *SERVER & 0xffff)
}

/// The seed of a part of what has this seed.
pub(crate) fn derived_seed(seed: u64, part: impl Hash) -> u64 {
    // DefaultHasher::new() has fixed keys: the same part gets the same seed in every run.
    let mut hasher = DefaultHasher::new();
    (seed, part).hash(&mut hasher);
    hasher.finish()
}

/// The generator of one toxic on one direction of one connection.
pub(crate) fn generator(seed: u64, place: impl Hash) -> SmallRng {
    SmallRng::seed_from_u64(derived_seed(seed, place))
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn one_seed_and_place_draw_alike_and_others_do_not() {
        let draw = |seed, place: &str| generator(seed, place).random::<u64>();
        assert_eq!(draw(7, "a"), draw(7, "a"));
        assert_ne!(draw(7, "a"), draw(8, "a"));
        assert_ne!(draw(7, "a"), draw(7, "b"));
    }
}
