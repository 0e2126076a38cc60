//! Row: how the requests ended, stacked.

use super::{Row, Scene, legend};
use crate::chart::{Canvas, Painted, bold_words, fill, ticks};
use crate::format;
use crate::theme::{Ink, OK, REFUSED, TEXT, UNKNOWN};

const HEIGHT: i32 = 200;
const STACK: [(&str, &Ink); 3] = [("ok", &OK), ("refused", &REFUSED), ("unknown", &UNKNOWN)];

pub(super) struct Outcomes;

impl Row for Outcomes {
    fn height(&self, _: &Scene<'_>) -> i32 {
        HEIGHT
    }

    fn paint(&self, canvas: &Canvas<'_>, scene: &Scene<'_>, top: i32) -> Painted {
        bold_words(canvas, &format!("Outcomes {}", scene.bin_name()), (0, top + 12), &TEXT)?;
        for (line, (name, ink)) in STACK.iter().rev().enumerate() {
            let y = top + 50 + 34 * line as i32;
            legend(canvas, (y, name), |corners| fill(canvas, corners, ink, 1.0))?;
        }
        let bins = &scene.bins.bins;
        let most = bins.iter().map(|bin| bin.per_s(bin.tally.intended)).fold(0.0, f64::max);
        let ticks = ticks(most * 1.04, 2.5);
        let plot = scene.plot(canvas, 0.0..*ticks.last().unwrap_or(&1.0), top..top + HEIGHT);
        let labels: Vec<_> = ticks.iter().map(|tick| (*tick, format::decimals(*tick, 2))).collect();
        plot.rules(canvas, &labels)?;
        for bin in bins {
            let (from, to) = (scene.second(bin.start_ns), scene.second(bin.end_ns));
            let counts = [bin.tally.ok, bin.tally.refused, bin.tally.unknown];
            let mut below = 0.0;
            for ((_, ink), count) in STACK.iter().zip(counts).filter(|(_, count)| *count > 0) {
                let above = below + bin.per_s(count);
                plot.fill([(from, below), (to, above)], ink, 1.0)?;
                below = above;
            }
        }
        Ok(())
    }
}
