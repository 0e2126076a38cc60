//! The capacity curve: goodput, latency and processors over the rate that was offered.

use crate::chart::{
    Align, Canvas, Painted, Plot, WIDTH, bold_words, fill, line, log_ticks, paint, power, ticks,
    words,
};
use crate::format;
use crate::theme::{
    BAND, DURING, EFFECT, FAIL, INTENDED, Ink, MUTED, OK, OUTLINE, P50, P99, STARTED, TEXT,
};
use redrill_history::capacity::{Answer, End, Step};
use std::ops::Range;

const PLOT_X: Range<i32> = 410..WIDTH - 30;
const HEAD: i32 = 40;
const ROW: i32 = 260;
const GAP: i32 = 46;
const AXIS: i32 = 90;
/// Half a mark's width.
const MARK: i32 = 8;

/// A number of a step; `None` where it is not known.
type Value = fn(&Step) -> Option<f64>;

/// A line of a row: its name, ink, and the number of a step.
type Line = (&'static str, &'static Ink, Value);

const SERVED: Line = ("served in time", &OK, |step| step.traffic.delivered_per_s());
const LATENCY: [Line; 2] = [
    ("p99", &P99, |step| step.traffic.quantile_ns(0.99).map(power)),
    ("p50", &P50, |step| step.traffic.quantile_ns(0.5).map(power)),
];
const PROCESSORS: [Line; 3] = [
    ("service", &OK, |step| cores(step, &["server"])),
    ("Redis", &EFFECT, |step| cores(step, &["node"])),
    ("generator", &DURING, |step| cores(step, &["harness", "proxy"])),
];

/// Draws the three rows.
pub(crate) fn draw(steps: &[Step], answer: Answer, machine: u32) -> String {
    let most = steps.iter().map(|step| step.rate_per_s).fold(1.0, f64::max);
    let bottom = HEAD + 3 * ROW + 2 * GAP;
    paint(bottom + AXIS, |canvas| {
        let rates = 0.0..most * 1.04;
        knee(canvas, answer, &rates, HEAD..bottom)?;
        goodput(canvas, steps, &rates, HEAD)?;
        latency(canvas, steps, &rates, HEAD + ROW + GAP)?;
        let plot = processors(canvas, steps, &rates, HEAD + 2 * (ROW + GAP), machine)?;
        axis(canvas, &plot, most)
    })
}

/// The tinted band in which the limit lies, and its two rates.
fn knee(canvas: &Canvas<'_>, answer: Answer, rates: &Range<f64>, y: Range<i32>) -> Painted {
    let plot = Plot::new(canvas, (rates.clone(), PLOT_X), (0.0..1.0, y.clone()));
    let at = |level: Option<redrill_history::capacity::Level>| {
        level.map(|level| (plot.point(level.rate_per_s, 0.0).0, format::rate(level.rate_per_s)))
    };
    let (held, broke) = (at(answer.held), at(answer.broke));
    if let (Some((left, _)), Some((right, _))) = (&held, &broke) {
        fill(canvas, [(*left, y.start), ((*right).max(left + 4), y.end)], &BAND, 0.16)?;
    }
    if let Some((x, rate)) = held {
        line(canvas, vec![(x, y.start), (x, y.end)], &OK, 2)?;
        words(canvas, &format!("held {rate}/s"), (x - 8, 14), Align::Right, &TEXT)?;
    }
    if let Some((x, rate)) = broke {
        line(canvas, vec![(x, y.start), (x, y.end)], &FAIL, 2)?;
        words(canvas, &format!("broke {rate}/s"), (x + 8, 14), Align::Left, &TEXT)?;
    }
    Ok(())
}

fn goodput(canvas: &Canvas<'_>, steps: &[Step], rates: &Range<f64>, top: i32) -> Painted {
    bold_words(canvas, "Goodput, a second", (0, top + 12), &TEXT)?;
    legend(canvas, top + 50, "offered", &INTENDED)?;
    legend(canvas, top + 84, SERVED.0, SERVED.1)?;
    let ticks = ticks(rates.end, 4.0);
    let plot = Plot::new(
        canvas,
        (rates.clone(), PLOT_X),
        (0.0..ticks.last().copied().unwrap_or(1.0), top..top + ROW),
    );
    let named: Vec<_> = ticks.into_iter().map(|at| (at, format::rate(at))).collect();
    plot.rules(canvas, &named)?;
    plot.line(vec![(0.0, 0.0), (rates.end, rates.end)], &INTENDED, 3)?;
    curve(canvas, &plot, steps, &SERVED)
}

fn latency(canvas: &Canvas<'_>, steps: &[Step], rates: &Range<f64>, top: i32) -> Painted {
    bold_words(canvas, "Latency", (0, top + 12), &TEXT)?;
    for (row, (name, ink, _)) in LATENCY.iter().enumerate() {
        legend(canvas, top + 50 + 34 * row as i32, name, ink)?;
    }
    let values = || LATENCY.iter().flat_map(|(_, _, value)| steps.iter().filter_map(value));
    let low = values().fold(9.0, f64::min).floor();
    let high = values().fold(low + 1.0, f64::max).ceil();
    let plot = Plot::new(canvas, (rates.clone(), PLOT_X), (low..high, top..top + ROW));
    plot.rules(canvas, &log_ticks(low, high))?;
    LATENCY.iter().try_for_each(|one| curve(canvas, &plot, steps, one))
}

fn processors<'a>(
    canvas: &Canvas<'a>,
    steps: &[Step],
    rates: &Range<f64>,
    top: i32,
    machine: u32,
) -> Result<Plot<'a>, plotters::prelude::DrawingAreaErrorKind<std::io::Error>> {
    bold_words(canvas, "Processors in use", (0, top + 12), &TEXT)?;
    for (row, (name, ink, _)) in PROCESSORS.iter().enumerate() {
        legend(canvas, top + 50 + 34 * row as i32, name, ink)?;
    }
    let values = || PROCESSORS.iter().flat_map(|(_, _, value)| steps.iter().filter_map(value));
    let most = values().fold(f64::from(machine.max(1)), f64::max);
    let ticks = ticks(most, 4.0);
    let plot = Plot::new(
        canvas,
        (rates.clone(), PLOT_X),
        (0.0..ticks.last().copied().unwrap_or(1.0), top..top + ROW),
    );
    let named: Vec<_> = ticks.into_iter().map(|at| (at, format!("{at:.1}"))).collect();
    plot.rules(canvas, &named)?;
    PROCESSORS.iter().try_for_each(|one| curve(canvas, &plot, steps, one))?;
    Ok(plot)
}

/// A line through the medians at each rate, and a mark for each step.
fn curve(canvas: &Canvas<'_>, plot: &Plot<'_>, steps: &[Step], of: &Line) -> Painted {
    let (_, ink, value) = of;
    let points = medians(steps, *value);
    if points.len() > 1 {
        plot.line(points, ink, 4)?;
    }
    for step in steps {
        let Some(y) = value(step) else { continue };
        mark(canvas, plot.point(step.rate_per_s, y), step.end, ink)?;
    }
    Ok(())
}

fn mark(canvas: &Canvas<'_>, (x, y): (i32, i32), end: End, ink: &Ink) -> Painted {
    if end == End::Held {
        return fill(canvas, [(x - MARK, y - MARK), (x + MARK, y + MARK)], ink, 1.0);
    }
    let ink = if end == End::Broke { &FAIL } else { &STARTED };
    line(canvas, vec![(x - MARK, y - MARK), (x + MARK, y + MARK)], ink, 5)?;
    line(canvas, vec![(x - MARK, y + MARK), (x + MARK, y - MARK)], ink, 5)
}

/// The rates with the median of what the steps at each came to.
fn medians(steps: &[Step], value: Value) -> Vec<(f64, f64)> {
    let known = |step: &Step| Some((step.rate_per_s, value(step)?));
    let mut points: Vec<(f64, f64)> = steps.iter().filter_map(known).collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    let same = |one: &(f64, f64), other: &(f64, f64)| other.0 - one.0 <= one.0 * 1e-3;
    points.chunk_by(same).map(|level| level[level.len() / 2]).collect()
}

fn legend(canvas: &Canvas<'_>, y: i32, name: &str, ink: &Ink) -> Painted {
    line(canvas, vec![(0, y), (60, y)], ink, 5)?;
    words(canvas, name, (76, y), Align::Left, &MUTED)
}

fn cores(step: &Step, groups: &[&str]) -> Option<f64> {
    let mine = |process: &str| groups.contains(&process.split('[').next().unwrap_or_default());
    let its = step.usage.iter().filter(|usage| mine(&usage.process));
    its.map(|usage| usage.cores).reduce(|sum, cores| sum + cores)
}

fn axis(canvas: &Canvas<'_>, plot: &Plot<'_>, most: f64) -> Painted {
    let y = plot.bottom;
    line(canvas, vec![(plot.left, y), (plot.right, y)], &OUTLINE, 3)?;
    for at in ticks(most, 8.0).into_iter().filter(|at| *at <= most * 1.04) {
        let (x, _) = plot.point(at, 0.0);
        line(canvas, vec![(x, y), (x, y + 9)], &OUTLINE, 3)?;
        words(canvas, &format::rate(at), (x, y + 28), Align::Middle, &MUTED)?;
    }
    words(canvas, "offered, requests a second", (plot.right, y + 64), Align::Right, &MUTED)
}
