//! Slicer: chunks leave in small pieces, with a pause after each.

use std::collections::VecDeque;
use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;
use tokio::time::Instant;

use super::attributes::{MOST_BYTES, Range};
use super::{Attribute, Attributes, Context, Input, Kind, Problem, Removal, Runs, Stage, Step};

const AVERAGE_SIZE: Attribute = Attribute {
    name: "average_size",
    about: "average size of a piece, in bytes",
    range: Range::Whole(1..=MOST_BYTES, "int"),
};
const SIZE_VARIATION: Attribute = Attribute {
    name: "size_variation",
    about: "variation of the size, in bytes, not above average_size",
    range: Range::Whole(0..=MOST_BYTES, "int"),
};
const DELAY: Attribute = Attribute {
    name: "delay",
    about: "pause after each piece, in µs, at most an hour",
    range: Range::Whole(0..=3_600_000_000, "int"),
};

/// The registry's entry.
pub(super) const KIND: Kind = Kind {
    name: "slicer",
    struct_name: "toxics.SlicerToxic",
    attributes: &[AVERAGE_SIZE, SIZE_VARIATION, DELAY],
    check,
    runs: Runs::OnBytes(|| Box::new(Slicer::default())),
    removal: Removal::Flush,
};

fn check(attributes: &Attributes) -> Result<(), Problem> {
    let (average, variation) = (attributes.whole(&AVERAGE_SIZE), attributes.whole(&SIZE_VARIATION));
    let problem = || format!("size_variation {variation} must not be above average_size {average}");
    (variation <= average).then_some(()).ok_or_else(|| Problem(problem()))
}

#[derive(Default)]
struct Slicer {
    /// The sizes of the pieces of the oldest chunk that have not left.
    pieces: VecDeque<usize>,
    /// When the last piece left.
    left: Option<Instant>,
}

impl Stage for Slicer {
    fn pull(&mut self, input: &mut Input, context: &mut Context<'_>) -> Step {
        let Some(length) = input.front().map(|chunk| chunk.data.len()) else { return input.pass() };
        let pause = Duration::from_micros(context.attributes.whole(&DELAY));
        let due = self.left.map(|left| left + pause).filter(|due| context.now < *due);
        if due.is_some() {
            return Step::Wait(due);
        }
        if self.pieces.is_empty() {
            let size = |attribute| {
                usize::try_from(context.attributes.whole(attribute)).unwrap_or(usize::MAX)
            };
            let (average, variation) = (size(&AVERAGE_SIZE), size(&SIZE_VARIATION));
            slice(length, average, variation, context.random, &mut self.pieces);
        }
        self.left = Some(context.now);
        input.split(self.pieces.pop_front().unwrap_or(length))
    }
}

/// Halves a length, give or take the variation, until each piece is near the average.
fn slice(
    length: usize,
    average: usize,
    variation: usize,
    random: &mut SmallRng,
    pieces: &mut VecDeque<usize>,
) {
    if length.saturating_sub(average) <= variation {
        pieces.push_back(length);
        return;
    }
    let mut middle = length / 2;
    if variation > 0 {
        middle = (middle + random.random_range(0..2 * variation)).saturating_sub(variation);
    }
    // Where the variation equals the average, a half may come out empty.
    let middle = middle.clamp(1, length - 1);
    slice(middle, average, variation, random, pieces);
    slice(length - middle, average, variation, random, pieces);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Upstream's changelog #71 and #359.
    #[test]
    fn pieces_add_up_and_stay_near_the_average() {
        let mut random = crate::random::generator(1, "slicer");
        for (length, average, variation) in
            [(10_000, 100, 0), (10_000, 64, 64), (10_000, 50, 25), (1, 1, 0), (5, 1, 1), (3, 9, 9)]
        {
            let mut pieces = VecDeque::new();
            slice(length, average, variation, &mut random, &mut pieces);
            assert_eq!(pieces.iter().sum::<usize>(), length);
            assert!(pieces.iter().all(|piece| (1..=average + variation).contains(piece)));
            assert!(pieces.len() >= length / (average + variation));
        }
    }
}
