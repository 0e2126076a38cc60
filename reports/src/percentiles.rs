//! The picture of latency by percentile, one line a phase. Both scales are of powers of ten: what
//! one request in a thousand feels has as much room as what every second one feels.

use crate::chart::{
    Align, Canvas, Painted, Plot, WIDTH, bold_words, line, log_ticks, paint, power, words,
};
use crate::series::PhaseTally;
use crate::theme::{AFTER, BASELINE, DURING, Ink, MUTED, OUTLINE, RECOVERING, TEXT};
use redrill_history::{Latency, Phase};
use std::ops::Range;

const PLOT_X: Range<i32> = 410..WIDTH - 330;
const PLOT_Y: Range<i32> = 30..430;
/// Points of a line between two powers of ten.
const STEPS: i32 = 10;
/// The percentiles that are named on the axis, by the power of ten of `1 / (1 - p)`.
const NAMED: [(f64, &str); 5] =
    [(0.0, "least"), (0.301, "50 %"), (1.0, "90 %"), (2.0, "99 %"), (3.0, "99.9 %")];

/// Draws a line for each phase that has acknowledged requests.
pub(crate) fn draw(phases: &[PhaseTally]) -> String {
    let lines: Vec<_> = phases
        .iter()
        .map(|phase| (phase.span.phase, points(&phase.tally.latency)))
        .filter(|(_, points)| !points.is_empty())
        .collect();
    let values = || lines.iter().flat_map(|(_, points)| points.iter().map(|(_, y)| *y));
    let low = values().fold(f64::MAX, f64::min).min(9.0).floor();
    let high = values().fold(f64::MIN, f64::max).max(low + 1.0).ceil();
    paint(PLOT_Y.end + 80, |canvas| {
        let plot = Plot::new(canvas, (0.0..3.0, PLOT_X), (low..high, PLOT_Y));
        bold_words(canvas, "Latency of ok", (0, PLOT_Y.start + 12), &TEXT)?;
        plot.rules(canvas, &log_ticks(low, high))?;
        axis(canvas, &plot)?;
        for (phase, points) in &lines {
            plot.line(points.clone(), ink(*phase), 5)?;
        }
        names(canvas, &plot, &lines)
    })
}

const fn ink(phase: Phase) -> &'static Ink {
    match phase {
        Phase::Baseline => &BASELINE,
        Phase::Fault => &DURING,
        Phase::Recovery => &RECOVERING,
        Phase::After => &AFTER,
    }
}

/// The line of a histogram, up to the last percentile that a single request can stand for.
fn points(latency: &Latency) -> Vec<(f64, f64)> {
    let at = |step: i32| {
        let x = f64::from(step) / f64::from(STEPS);
        let share = 10_f64.powf(-x);
        let is_told = latency.count() as f64 * share >= 1.0;
        is_told.then(|| Some((x, power(latency.quantile_ns(1.0 - share)?)))).flatten()
    };
    (0..=3 * STEPS).map_while(at).collect()
}

fn axis(canvas: &Canvas<'_>, plot: &Plot<'_>) -> Painted {
    let y = plot.bottom;
    line(canvas, vec![(plot.left, y), (plot.right, y)], &OUTLINE, 3)?;
    for (at, name) in NAMED {
        let (x, _) = plot.point(at, 0.0);
        line(canvas, vec![(x, y), (x, y + 9)], &OUTLINE, 3)?;
        words(canvas, name, (x, y + 26), Align::Middle, &MUTED)?;
    }
    let what = "share of the acknowledged requests that took at most so long";
    words(canvas, what, (plot.right, y + 56), Align::Right, &MUTED)
}

/// The phases' names, to the right, each beside a piece of its line.
fn names(canvas: &Canvas<'_>, plot: &Plot<'_>, lines: &[(Phase, Vec<(f64, f64)>)]) -> Painted {
    for (row, (phase, _)) in lines.iter().enumerate() {
        let y = PLOT_Y.start + 14 + 36 * row as i32;
        let x = plot.right + 40;
        line(canvas, vec![(x, y), (x + 70, y)], ink(*phase), 5)?;
        words(canvas, phase.name(), (x + 86, y), Align::Left, &TEXT)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_where_less_than_one_request_would_stand_for_it() {
        let mut latency = Latency::default();
        assert!(points(&latency).is_empty());
        (0..100).for_each(|_| latency.record(1_000_000));
        let line = points(&latency);
        assert_eq!(line.last().map(|(x, _)| *x), Some(2.0));
        assert!(line.iter().all(|(_, y)| (5.999..6.001).contains(y)), "{line:?}");
    }
}
