//! The picture of a comparison: a row a metric, every row in units of what is tolerated of it, so
//! that one line down the picture parts what passes from what fails.

use crate::chart::{Align, Canvas, Painted, WIDTH, fill, line, paint, words};
use crate::format;
use crate::theme::{FAIL, INCONCLUSIVE, INTENDED, Ink, LINE, MAX, MUTED, OUTLINE, PASS, TEXT};
use redrill_history::{Comparison, Verdict};
use std::ops::Range;

const PLOT_X: Range<i32> = 520..WIDTH - 560;
/// Where the words about the estimate begin.
const WORDS_X: i32 = WIDTH - 530;
const TOP: i32 = 84;
const ROW: i32 = 46;
/// What the picture shows, in units of what is tolerated; what lies beyond stands at the edge.
const SHOWN: Range<f64> = -2.0..3.0;
const DOT: i32 = 5;

/// Draws the comparisons in the order given.
pub(crate) fn draw(comparisons: &[&Comparison]) -> String {
    let height = TOP + ROW * i32::try_from(comparisons.len()).unwrap_or(0) + 30;
    paint(height, |canvas| {
        axis(canvas, height - 30)?;
        for (index, one) in comparisons.iter().enumerate() {
            let y = TOP + ROW * i32::try_from(index).unwrap_or(0) + ROW / 2;
            row(canvas, one, y)?;
        }
        Ok(())
    })
}

/// The metric and its operation.
pub(crate) fn name(one: &Comparison) -> String {
    match one.subject.as_str() {
        "" => one.metric.clone(),
        subject => format!("{} of {subject}", one.metric),
    }
}

fn axis(canvas: &Canvas<'_>, bottom: i32) -> Painted {
    for (units, ink, width) in [(0.0, &OUTLINE, 3), (1.0, &INTENDED, 4)] {
        let x = place(units);
        line(canvas, vec![(x, TOP - 14), (x, bottom)], ink, width)?;
    }
    words(canvas, "no difference", (place(0.0), TOP - 32), Align::Middle, &MUTED)?;
    words(canvas, "tolerated", (place(1.0), TOP - 32), Align::Middle, &TEXT)?;
    words(canvas, "candidate better", (PLOT_X.start, TOP - 68), Align::Left, &TEXT)?;
    words(canvas, "candidate worse", (PLOT_X.end, TOP - 68), Align::Right, &TEXT)?;
    words(canvas, "worse by (from, to)", (WORDS_X, TOP - 32), Align::Left, &MUTED)
}

fn row(canvas: &Canvas<'_>, one: &Comparison, y: i32) -> Painted {
    let ink = ink(one.verdict);
    line(canvas, vec![(0, y + ROW / 2), (WIDTH, y + ROW / 2)], &LINE, 1)?;
    words(canvas, &name(one), (0, y), Align::Left, &TEXT)?;
    for (index, pair) in one.pairs.iter().enumerate() {
        let (x, up) = (place(units(one, *pair)), [-9, 9, 0][index % 3]);
        fill(canvas, [(x - DOT, y + up - DOT), (x + DOT, y + up + DOT)], &MAX, 0.55)?;
    }
    let end = |bound: Option<f64>, edge: f64| place(bound.map_or(edge, |bound| units(one, bound)));
    let (low, high) = (end(one.low, SHOWN.start), end(one.high, SHOWN.end));
    line(canvas, vec![(low, y), (high, y)], ink, 7)?;
    let middle = place(units(one, one.estimate));
    fill(canvas, [(middle - 4, y - 15), (middle + 4, y + 15)], ink, 1.0)?;
    let word = format!("{} {}", crate::text::mark(one.verdict), one.verdict.name());
    words(canvas, &told(one), (WORDS_X, y), Align::Left, &TEXT)?;
    words(canvas, &word, (WIDTH - 4, y), Align::Right, ink)
}

const fn ink(verdict: Verdict) -> &'static Ink {
    match verdict {
        Verdict::Pass => &PASS,
        Verdict::Inconclusive => &INCONCLUSIVE,
        Verdict::Fail => &FAIL,
    }
}

/// A difference in units of what is tolerated; of a metric that tolerates nothing, its sign.
fn units(one: &Comparison, difference: f64) -> f64 {
    if one.tolerated > 0.0 { difference / one.tolerated } else { 2.0 * difference.signum() }
}

/// Where a number of units stands; what lies beyond the picture stands at its edge.
fn place(units: f64) -> i32 {
    let shown = if units.is_finite() { units.clamp(SHOWN.start, SHOWN.end) } else { SHOWN.end };
    let part = (shown - SHOWN.start) / (SHOWN.end - SHOWN.start);
    PLOT_X.start + (part * f64::from(PLOT_X.end - PLOT_X.start)) as i32
}

/// `3.1 % (−2 to 8)`.
fn told(one: &Comparison) -> String {
    let number =
        |share: f64| format::decimals(share * 100.0, if share.abs() < 0.1 { 2 } else { 0 });
    let bound = |bound: Option<f64>| bound.map_or_else(|| "?".to_owned(), number);
    format!("{}\u{a0}% ({} to {})", number(one.estimate), bound(one.low), bound(one.high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrill_history::Unit;

    fn comparison(estimate: f64) -> Comparison {
        Comparison {
            metric: "p50".to_owned(),
            subject: "sessions.read".to_owned(),
            unit: Unit::Nanoseconds,
            base: vec![1e6; 3],
            candidate: vec![1.2e6; 3],
            pairs: vec![estimate - 0.1, estimate, estimate + 0.1],
            estimate,
            low: Some(estimate - 0.05),
            high: None,
            tolerated: 0.25,
            smallest: Some(0.4),
            p_worse: 0.5,
            verdict: Verdict::Inconclusive,
        }
    }

    #[test]
    fn the_tolerated_line_parts_the_rows_and_nothing_leaves_the_picture() {
        assert!(place(0.0) < place(1.0));
        assert_eq!(place(units(&comparison(0.0), 0.25)), place(1.0));
        assert_eq!(place(-1e9), PLOT_X.start);
        assert_eq!(place(f64::NAN), place(f64::INFINITY));
        let nothing = Comparison { tolerated: 0.0, ..comparison(0.0) };
        assert!(place(units(&nothing, 0.001)) > place(1.0));
    }

    #[test]
    fn each_row_has_its_name_its_numbers_and_its_verdict() {
        let svg = draw(&[&comparison(0.2)]);
        for text in ["p50 of sessions.read", "20\u{a0}% (15 to ?)", "inconclusive", "tolerated"] {
            assert!(svg.contains(text), "{text} is not in\n{svg}");
        }
    }
}
