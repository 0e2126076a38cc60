//! The timeline: rows of one time axis, in seconds since the load began. Fault bands and the
//! promotion run through all rows.

mod arrivals;
mod faults;
mod latency;
mod outcomes;
mod phases;
mod roles;

use crate::chart::{Align, Canvas, LETTER, Painted, Plot, WIDTH, fill, line, paint, ticks, words};
use crate::format;
use crate::series::Bins;
use crate::theme::{BAND, INCONCLUSIVE, MUTED, OUTLINE, PROMOTION};
use redrill_history::{EventKind, RunView, SECOND_NS, Window};
use std::ops::Range;

/// Where rows begin and end; their names stand to the left.
const PLOT_X: Range<i32> = 410..WIDTH - 30;
const GAP: i32 = 34;
const AXIS: i32 = 66;
const HEAD: i32 = 36;

/// What a row is drawn from.
pub(crate) struct Scene<'a> {
    pub(crate) run: &'a RunView,
    pub(crate) bins: &'a Bins,
    /// Seconds since the load began that the axis shows.
    seconds: Range<f64>,
}

/// One row of the timeline.
trait Row: Sync {
    /// Height in units of the picture; nought leaves the row out.
    fn height(&self, scene: &Scene<'_>) -> i32;
    /// Paints the row from `top` on.
    fn paint(&self, canvas: &Canvas<'_>, scene: &Scene<'_>, top: i32) -> Painted;
}

/// Every row, from top to bottom.
const ROWS: &[&dyn Row] = &[
    &phases::Phases,
    &faults::Faults,
    &roles::Roles,
    &arrivals::Arrivals,
    &outcomes::Outcomes,
    &latency::Latencies,
];

/// The whole timeline.
pub(crate) fn draw(run: &RunView, bins: &Bins) -> String {
    picture(run, bins, ROWS)
}

/// The outcomes alone: what a capability went through.
pub(crate) fn draw_outcomes(run: &RunView, bins: &Bins) -> String {
    picture(run, bins, &[&outcomes::Outcomes])
}

fn picture(run: &RunView, bins: &Bins, rows: &[&dyn Row]) -> String {
    let scene = Scene { run, bins, seconds: 0.0..length_s(run).max(1.0) };
    let rows: Vec<(&dyn Row, i32)> = rows
        .iter()
        .map(|row| (*row, row.height(&scene)))
        .filter(|(_, height)| *height > 0)
        .collect();
    let body: i32 = rows.iter().map(|(_, height)| height + GAP).sum();
    paint(HEAD + body + AXIS, |canvas| {
        bands(canvas, &scene, HEAD..HEAD + body)?;
        let mut top = HEAD;
        for (row, height) in rows {
            row.paint(canvas, &scene, top)?;
            top += height + GAP;
        }
        promotions(canvas, &scene, HEAD + body)?;
        cut(canvas, &scene, HEAD + body)?;
        axis(canvas, &scene, HEAD + body)
    })
}

/// Seconds of the load; of the planned load where the run was cut off in it.
fn length_s(run: &RunView) -> f64 {
    let seen = run.load_end_ns.saturating_sub(run.load_start_ns) as f64 / SECOND_NS as f64;
    if load_ended(run) { seen } else { seen.max(run.plan.load.duration.as_secs_f64()) }
}

fn load_ended(run: &RunView) -> bool {
    run.events.iter().any(|event| matches!(event.kind, EventKind::LoadEnded { .. }))
}

impl Scene<'_> {
    /// Seconds since the load began, held within the axis.
    fn second(&self, at_ns: u64) -> f64 {
        let second = (at_ns as f64 - self.run.load_start_ns as f64) / SECOND_NS as f64;
        second.clamp(self.seconds.start, self.seconds.end)
    }

    /// A row's box in which `y` has places.
    fn plot<'a>(&self, canvas: &Canvas<'a>, y: Range<f64>, y_px: Range<i32>) -> Plot<'a> {
        Plot::new(canvas, (self.seconds.clone(), PLOT_X), (y, y_px))
    }

    /// The place of a time on the axis.
    fn x(&self, canvas: &Canvas<'_>, at_ns: u64) -> i32 {
        self.plot(canvas, 0.0..1.0, 0..1).point(self.second(at_ns), 0.0).0
    }

    /// What a bin is called: `second`, or `5 s`.
    fn bin_name(&self) -> String {
        match self.bins.width_ns {
            SECOND_NS => "per second".to_owned(),
            width => format!("per second, by {}", format::duration(width as f64)),
        }
    }
}

/// The end of a fault: healed, or the moment of its injection where it needs no healing, or the end
/// of the load where nobody healed it.
pub(crate) fn acts_until(run: &RunView, window: &Window) -> u64 {
    let lasts = run.plan.faults.get(window.fault).is_some_and(|planned| planned.lasts.is_some());
    match (window.healed_ns, window.injected_ns) {
        (Some(healed_ns), _) => healed_ns,
        (None, Some(_)) if lasts => run.load_end_ns,
        (None, injected_ns) => injected_ns.unwrap_or(window.begun_ns),
    }
}

/// A name and its sample, to the left of a row.
fn legend(
    canvas: &Canvas<'_>,
    (y, name): (i32, &str),
    sample: impl FnOnce([(i32, i32); 2]) -> Painted,
) -> Painted {
    sample([(0, y - LETTER / 3), (36, y + LETTER / 3)])?;
    words(canvas, name, (48, y), Align::Left, &MUTED)
}

fn bands(canvas: &Canvas<'_>, scene: &Scene<'_>, rows: Range<i32>) -> Painted {
    for window in &scene.run.windows {
        let begun = scene.x(canvas, window.begun_ns);
        let healed = scene.x(canvas, acts_until(scene.run, window)).max(begun + 2);
        fill(canvas, [(begun, rows.start), (healed, rows.end)], &BAND, 0.10)?;
    }
    Ok(())
}

/// Pixels that the words beside a promotion take.
const PROMOTION_WORDS: i32 = 420;

fn promotions(canvas: &Canvas<'_>, scene: &Scene<'_>, bottom: i32) -> Painted {
    let mut free = i32::MIN;
    for (at_ns, node) in scene.run.promotions() {
        let x = scene.x(canvas, at_ns);
        line(canvas, vec![(x, HEAD - 6), (x, bottom)], &PROMOTION, 4)?;
        let text = format!("{node} promoted at {}", format::moment(at_ns, scene.run.load_start_ns));
        let is_late = x > (PLOT_X.start + PLOT_X.end) / 2;
        let begins = if is_late { x - PROMOTION_WORDS } else { x };
        // One that follows closely has its line, and its words in the list of what followed.
        if begins < free {
            continue;
        }
        free = begins + PROMOTION_WORDS;
        let (align, x) = if is_late { (Align::Right, x + 4) } else { (Align::Left, x - 4) };
        words(canvas, &text, (x, HEAD - 20), align, &PROMOTION)?;
    }
    Ok(())
}

/// Where a run that was cut off in its load has its last record.
fn cut(canvas: &Canvas<'_>, scene: &Scene<'_>, bottom: i32) -> Painted {
    if load_ended(scene.run) {
        return Ok(());
    }
    let x = scene.x(canvas, scene.run.load_end_ns);
    line(canvas, vec![(x, HEAD), (x, bottom)], &INCONCLUSIVE, 4)?;
    let is_late = x > (PLOT_X.start + PLOT_X.end) / 2;
    let (align, x) = if is_late { (Align::Right, x - 12) } else { (Align::Left, x + 12) };
    words(canvas, "cut off here", (x, bottom - 20), align, &INCONCLUSIVE)
}

fn axis(canvas: &Canvas<'_>, scene: &Scene<'_>, y: i32) -> Painted {
    line(canvas, vec![(PLOT_X.start, y), (PLOT_X.end, y)], &OUTLINE, 3)?;
    let plot = scene.plot(canvas, 0.0..1.0, y..y + 1);
    for second in ticks(scene.seconds.end, 12.0) {
        if second > scene.seconds.end {
            continue;
        }
        let (x, _) = plot.point(second, 0.0);
        line(canvas, vec![(x, y), (x, y + 9)], &OUTLINE, 3)?;
        let label = format::decimals(second, 2);
        words(canvas, &label, (x, y + 26), Align::Middle, &MUTED)?;
    }
    words(canvas, "seconds since the load began", (PLOT_X.end, y + 53), Align::Right, &MUTED)
}
