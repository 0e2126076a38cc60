//! The blocks of a run by side, and by pair.

use super::blocks::Block;
use redrill_history::{GatePlan, RunView, Segment, SegmentRole};

/// The blocks of both sides. Where both were run, those of one place are a pair.
pub(super) struct Sides<'a> {
    pub(super) base: Vec<Block<'a>>,
    pub(super) candidate: Vec<Block<'a>>,
}

impl<'a> Sides<'a> {
    /// Reads the blocks; one that was cut short counts for nothing, and its pair with it.
    pub(super) fn of(run: &'a RunView) -> Self {
        let mut sides = Self { base: Vec::new(), candidate: Vec::new() };
        let both = run.plan.gate.as_ref().is_some_and(|gate| gate.base.is_some());
        let is_block = |segment: &&Segment| segment.plan.role == SegmentRole::Block;
        let segments: Vec<&Segment> = run.segments.iter().filter(is_block).collect();
        for segments in segments.chunks(if both { 2 } else { 1 }) {
            let found = |side: &str| {
                let is_its = |segment: &&&Segment| {
                    segment.plan.side.as_deref() == Some(side) && segment.is_complete
                };
                let segment = segments.iter().find(is_its)?;
                Some(Block::new(run, segment, side, next_start_ns(run, segment)))
            };
            match (found(GatePlan::BASE), found(GatePlan::CANDIDATE)) {
                (Some(base), Some(candidate)) => {
                    sides.base.push(base);
                    sides.candidate.push(candidate);
                }
                (None, Some(candidate)) if !both => sides.candidate.push(candidate),
                _ => {}
            }
        }
        sides
    }
}

fn next_start_ns(run: &RunView, segment: &Segment) -> u64 {
    let later = run.segments.iter().map(|other| other.start_ns);
    later.filter(|start_ns| *start_ns > segment.start_ns).min().unwrap_or(u64::MAX)
}
