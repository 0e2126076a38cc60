//! Row: how long the acknowledged requests took from their intended start, on a scale of powers of
//! ten.

use super::{PLOT_X, Row, Scene, legend};
use crate::chart::{Align, Canvas, Painted, bold_words, fill, line, log_ticks, power, words};
use crate::series::Tally;
use crate::theme::{Ink, MAX, MUTED, P50, P99, TEXT};

const HEIGHT: i32 = 260;
const MARK: i32 = 5;

pub(super) struct Latencies;

impl Row for Latencies {
    fn height(&self, _: &Scene<'_>) -> i32 {
        HEIGHT
    }

    fn paint(&self, canvas: &Canvas<'_>, scene: &Scene<'_>, top: i32) -> Painted {
        bold_words(canvas, "Latency of ok", (0, top + 12), &TEXT)?;
        legend(canvas, (top + 50, "largest"), |[(_, above), (right, below)]| {
            mark(canvas, (right / 2, (above + below) / 2))
        })?;
        for (y, name, ink) in [(top + 84, "p99", &P99), (top + 118, "p50", &P50)] {
            legend(canvas, (y, name), |[(left, _), (right, _)]| {
                line(canvas, vec![(left, y), (right, y)], ink, 5)
            })?;
        }
        let bins = &scene.bins.bins;
        let p50 = |tally: &Tally| tally.latency.quantile_ns(0.5);
        let least = bins.iter().filter_map(|bin| p50(&bin.tally)).min().unwrap_or(1_000_000);
        let most = bins.iter().filter_map(|bin| bin.tally.latency.max_ns()).max();
        if most.is_none() {
            let place = (PLOT_X.start + 20, top + HEIGHT / 2);
            words(canvas, "no request was acknowledged", place, Align::Left, &MUTED)?;
        }
        let (low, high) = (power(least).floor(), power(most.unwrap_or(1_000_000_000)).ceil());
        let high = high.max(low + 1.0);
        let plot = scene.plot(canvas, low..high, top..top + HEIGHT);
        plot.rules(canvas, &log_ticks(low, high))?;
        let middle =
            |at: usize| (scene.second(bins[at].start_ns) + scene.second(bins[at].end_ns)) / 2.0;
        for (quantile, ink, width) in [(0.99, &P99, 4), (0.5, &P50, 5)] {
            let value = |tally: &Tally| tally.latency.quantile_ns(quantile);
            let values = bins.iter().enumerate();
            let points = values.map(|(at, bin)| Some((middle(at), power(value(&bin.tally)?))));
            for run in runs(points) {
                piece(&plot, run, ink, width)?;
            }
        }
        for (at, bin) in bins.iter().enumerate() {
            if let Some(largest) = bin.tally.latency.max_ns() {
                mark(canvas, plot.point(middle(at), power(largest)))?;
            }
        }
        Ok(())
    }
}

fn mark(canvas: &Canvas<'_>, (x, y): (i32, i32)) -> Painted {
    fill(canvas, [(x - MARK, y - MARK), (x + MARK, y + MARK)], &MAX, 1.0)
}

/// A line through points that follow each other; a single point becomes a short dash.
fn piece(
    plot: &crate::chart::Plot<'_>,
    mut points: Vec<(f64, f64)>,
    ink: &Ink,
    width: u32,
) -> Painted {
    if let [(x, y)] = points[..] {
        points = vec![(x - 0.3, y), (x + 0.3, y)];
    }
    plot.line(points, ink, width)
}

/// The points in pieces: a time without a value is a gap, never a line drawn across it.
fn runs(points: impl Iterator<Item = Option<(f64, f64)>>) -> Vec<Vec<(f64, f64)>> {
    let mut runs = vec![Vec::new()];
    for point in points {
        match (point, runs.last_mut()) {
            (Some(point), Some(run)) => run.push(point),
            (None, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
            _ => {}
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_value_is_a_gap() {
        let points = [Some((0.0, 1.0)), None, None, Some((3.0, 1.0)), Some((4.0, 2.0))];
        assert_eq!(runs(points.into_iter()), [vec![(0.0, 1.0)], vec![(3.0, 1.0), (4.0, 2.0)]]);
    }
}
