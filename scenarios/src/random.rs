//! The one place where randomness comes from: a mixing function of numbers that the plan's seed
//! and the caller give, so that the same seed gives the same run.

/// A well mixed 64-bit number of `seed` and `index`: SplitMix64 (Steele, Lea, Flood, "Fast
/// splittable pseudorandom number generators", OOPSLA 2014), at position `index` of the stream.
pub const fn mix(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `bound` (which must not be zero) from a mixed number.
pub const fn below(mixed: u64, bound: u64) -> u64 {
    // The high half of the product: uniform up to bound / 2^64.
    ((mixed as u128 * bound as u128) >> 64) as u64
}
