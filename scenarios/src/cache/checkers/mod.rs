//! What must hold of the cache.

mod calls;
mod hit_ratio;
mod lying_hits;
mod origin_amplification;
#[cfg(test)]
mod simulation;
mod stale;
mod stampede;
mod wrong;

use crate::checker::Checker;

/// The checkers, in the order of reports.
pub const CHECKERS: &[&dyn Checker] = &[
    &wrong::Wrong,
    &stale::Stale,
    &lying_hits::LyingHits,
    &hit_ratio::HitRatio,
    &stampede::Stampede,
    &origin_amplification::OriginAmplification,
];
