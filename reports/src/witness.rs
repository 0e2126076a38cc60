//! The picture of a witness: a bar for each operation, from its start to its answer.

use crate::chart::{
    Align, Canvas, LETTER, Painted, Plot, WIDTH, bold_words, fill, line, paint, ticks, words,
};
use crate::theme::{
    BAND, EFFECT, INTENDED, Ink, MUTED, OK, OUTLINE, PROMOTION, REFUSED, TEXT, UNKNOWN,
};
use crate::timeline::acts_until;
use crate::{format, text};
use redrill_history::{Operation, Outcome, RunView};
use std::ops::Range;

/// Bars lie here; their names stand to the left, their outcomes to the right.
const BARS_X: Range<i32> = 860..WIDTH - 480;
const WORDS_X: i32 = 220;
/// Letters that fit between the names and the bars.
const WORDS_MOST: usize = 44;
const LANE: i32 = 46;
const HEAD: i32 = 34;
const AXIS: i32 = 66;

/// What the picture is drawn from.
pub(crate) struct Scene<'a> {
    pub(crate) run: &'a RunView,
    /// The operations in order, each with whether it is an effect.
    pub(crate) operations: &'a [(bool, &'a Operation)],
}

/// `#12`, or `effect #3`.
pub(crate) fn name(is_effect: bool, op: &Operation) -> String {
    format!("{}#{}", if is_effect { "effect " } else { "" }, op.seq)
}

/// Draws the witness.
pub(crate) fn draw(scene: &Scene<'_>) -> String {
    let bottom = HEAD + LANE * scene.operations.len() as i32;
    paint(bottom + AXIS, |canvas| {
        let plot = Plot::new(canvas, (seconds(scene), BARS_X), (0.0..1.0, HEAD..bottom));
        background(canvas, scene, &plot)?;
        for (lane, (is_effect, op)) in scene.operations.iter().enumerate() {
            bar(canvas, scene, &plot, HEAD + LANE * lane as i32, (*is_effect, op))?;
        }
        axis(canvas, scene, &plot)
    })
}

/// The seconds of the axis, with some room at both ends: since the load began, as everywhere.
fn seconds(scene: &Scene<'_>) -> Range<f64> {
    let times = scene.operations.iter().flat_map(|(_, op)| [op.intended_ns, op.finished_ns]);
    let times = times.map(|at_ns| second(scene.run, at_ns));
    let (low, high) =
        times.fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(at), high.max(at)));
    let room = ((high - low) * 0.04).max(0.000_5);
    low - room..high + room
}

fn second(run: &RunView, at_ns: u64) -> f64 {
    (at_ns as f64 - run.load_start_ns as f64) / 1e9
}

fn background(canvas: &Canvas<'_>, scene: &Scene<'_>, plot: &Plot<'_>) -> Painted {
    let x = |at_ns| plot.point(second(scene.run, at_ns), 0.0).0.clamp(plot.left, plot.right);
    for window in &scene.run.windows {
        let (begun, healed) = (x(window.begun_ns), x(acts_until(scene.run, window)));
        if begun < healed {
            fill(canvas, [(begun, HEAD), (healed, plot.bottom)], &BAND, 0.10)?;
            words(canvas, "fault", (begun - 8, HEAD - 16), Align::Right, &MUTED)?;
        }
    }
    for (at_ns, node) in scene.run.promotions() {
        let at = x(at_ns);
        if at == plot.left || at == plot.right {
            continue;
        }
        line(canvas, vec![(at, HEAD - 4), (at, plot.bottom)], &PROMOTION, 4)?;
        let text = format!("{node} promoted");
        words(canvas, &text, (at, HEAD - 16), Align::Left, &PROMOTION)?;
    }
    Ok(())
}

fn bar(
    canvas: &Canvas<'_>,
    scene: &Scene<'_>,
    plot: &Plot<'_>,
    top: i32,
    (is_effect, op): (bool, &Operation),
) -> Painted {
    let middle = top + LANE / 2;
    let x = |at_ns| plot.point(second(scene.run, at_ns), 0.0).0;
    line(canvas, vec![(0, top + LANE), (WIDTH, top + LANE)], &crate::theme::LINE, 1)?;
    bold_words(canvas, &name(is_effect, op), (0, middle), &TEXT)?;
    let told = text::shortened(&text::operation(op, scene.run), WORDS_MOST);
    words(canvas, &told, (WORDS_X, middle), Align::Left, &TEXT)?;
    let (begun, ended) = (x(op.started_ns), x(op.finished_ns));
    // What took less time than the picture can show is still there.
    let ended = ended.max(begun + 8);
    if op.intended_ns < op.started_ns {
        line(canvas, vec![(x(op.intended_ns), middle), (begun, middle)], &INTENDED, 3)?;
    }
    let ink: &Ink = match op.outcome {
        _ if is_effect => &EFFECT,
        Outcome::Ok => &OK,
        Outcome::Refused => &REFUSED,
        Outcome::Unknown => &UNKNOWN,
    };
    let half = LETTER / 2;
    fill(canvas, [(begun, middle - half), (ended, middle + half)], ink, 1.0)?;
    let answer = if is_effect { text::outcome(op) } else { text::answer(op, scene.run) };
    words(canvas, &answer, (BARS_X.end + 24, middle), Align::Left, &TEXT)
}

fn axis(canvas: &Canvas<'_>, scene: &Scene<'_>, plot: &Plot<'_>) -> Painted {
    let y = plot.bottom;
    line(canvas, vec![(plot.left, y), (plot.right, y)], &OUTLINE, 3)?;
    let range = seconds(scene);
    let step = ticks(range.end - range.start, 6.0).get(1).copied().unwrap_or(1.0);
    let digits = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    let first = (range.start / step).ceil() as i64;
    for index in (first..).take(12) {
        let at = index as f64 * step;
        if at > range.end {
            break;
        }
        let (x, _) = plot.point(at, 0.0);
        line(canvas, vec![(x, y), (x, y + 9)], &OUTLINE, 3)?;
        words(canvas, &format::decimals(at, digits), (x, y + 26), Align::Middle, &MUTED)?;
    }
    words(canvas, "seconds since the load began", (plot.right, y + 53), Align::Right, &MUTED)
}
