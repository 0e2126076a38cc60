//! Row: how many requests should have started, and how many did.

use super::{Row, Scene, legend};
use crate::chart::{Canvas, Painted, bold_words, fill, line, ticks};
use crate::format;
use crate::theme::{INTENDED, STARTED, TEXT};

const HEIGHT: i32 = 170;

pub(super) struct Arrivals;

impl Row for Arrivals {
    fn height(&self, _: &Scene<'_>) -> i32 {
        HEIGHT
    }

    fn paint(&self, canvas: &Canvas<'_>, scene: &Scene<'_>, top: i32) -> Painted {
        bold_words(canvas, &format!("Arrivals {}", scene.bin_name()), (0, top + 12), &TEXT)?;
        legend(canvas, (top + 50, "should start"), |[(left, above), (right, below)]| {
            let y = (above + below) / 2;
            line(canvas, vec![(left, y), (right, y)], &INTENDED, 4)
        })?;
        legend(canvas, (top + 84, "started"), |corners| fill(canvas, corners, &STARTED, 1.0))?;
        let bins = &scene.bins.bins;
        let most = bins
            .iter()
            .map(|bin| bin.per_s(bin.tally.intended.max(bin.tally.started)))
            .fold(0.0, f64::max);
        let ticks = ticks(most * 1.04, 2.5);
        let plot = scene.plot(canvas, 0.0..*ticks.last().unwrap_or(&1.0), top..top + HEIGHT);
        let labels: Vec<_> = ticks.iter().map(|tick| (*tick, format::decimals(*tick, 2))).collect();
        plot.rules(canvas, &labels)?;
        let mut intended = Vec::new();
        for bin in bins {
            let (from, to) = (scene.second(bin.start_ns), scene.second(bin.end_ns));
            let started = bin.per_s(bin.tally.started);
            if started > 0.0 {
                plot.fill([(from, 0.0), (to, started)], &STARTED, 1.0)?;
            }
            let rate = bin.per_s(bin.tally.intended);
            intended.extend([(from, rate), (to, rate)]);
        }
        plot.line(intended, &INTENDED, 4)
    }
}
