//! Row: what was broken, planned (dashed outline) and done (hatched).

use super::{PLOT_X, Row, Scene, acts_until};
use crate::chart::{Align, Canvas, Painted, bold_words, fill, outline, words};
use crate::text::{fault_name, shortened};
use crate::theme::{FAULT, MUTED, PLANNED, TEXT};
use redrill_history::{EventKind, PlannedFault, RunView};

const LANE: i32 = 42;
/// Letters of a name that fit beside a lane.
const NAME_MOST: usize = 24;

pub(super) struct Faults;

impl Row for Faults {
    fn height(&self, scene: &Scene<'_>) -> i32 {
        lanes(scene.run) as i32 * LANE
    }

    fn paint(&self, canvas: &Canvas<'_>, scene: &Scene<'_>, top: i32) -> Painted {
        for lane in 0..lanes(scene.run) {
            let top = top + lane as i32 * LANE;
            let middle = top + LANE / 2;
            let planned = scene.run.plan.faults.get(lane);
            let windows = || scene.run.windows.iter().filter(|window| window.fault == lane);
            let unplanned = || windows().next().map(|window| window.kind.clone());
            let name = planned.map(fault_name).or_else(unplanned).unwrap_or_default();
            bold_words(canvas, &shortened(&name, NAME_MOST), (0, middle), &TEXT)?;
            let (mut begin, mut end) = (PLOT_X.end, PLOT_X.start);
            for window in windows() {
                let begun = scene.x(canvas, window.begun_ns);
                let healed = scene.x(canvas, acts_until(scene.run, window)).max(begun + 12);
                fill(canvas, [(begun, top + 9), (healed, top + LANE - 9)], &FAULT, 1.0)?;
                (begin, end) = (begin.min(begun), end.max(healed));
            }
            if let Some(planned) = planned {
                let [from, to] = planned_span(scene, planned);
                let (left, right) = (scene.x(canvas, from), scene.x(canvas, to));
                let right = right.max(left + 12);
                outline(canvas, [(left - 3, top + 4), (right + 3, top + LANE - 4)], &PLANNED)?;
                (begin, end) = (begin.min(left), end.max(right));
            }
            if let Some(note) = note(scene.run, lane) {
                let fits = end + 20 + note.len() as i32 * 14 < PLOT_X.end;
                let (x, align) = if fits { (end, Align::Left) } else { (begin, Align::Right) };
                let x = if fits { x + 20 } else { x - 20 };
                words(canvas, note, (x, middle), align, &MUTED)?;
            }
        }
        Ok(())
    }
}

fn lanes(run: &RunView) -> usize {
    let begun = run.windows.iter().map(|window| window.fault.saturating_add(1)).max();
    // An event with a torn index must not make a picture of a million lanes.
    begun.unwrap_or(0).max(run.plan.faults.len()).min(12)
}

/// When the plan would have it, in nanoseconds of the run.
fn planned_span(scene: &Scene<'_>, planned: &PlannedFault) -> [u64; 2] {
    let ns = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let begin = scene.run.load_start_ns.saturating_add(ns(planned.at));
    [begin, begin.saturating_add(planned.lasts.map_or(0, ns))]
}

/// What is worth saying of a fault that did not go as planned.
fn note(run: &RunView, fault: usize) -> Option<&'static str> {
    let failed = run.events.iter().any(|event| {
        matches!(&event.kind, EventKind::FaultFailed { fault: index, .. } if *index == fault)
    });
    let window = run.windows.iter().find(|window| window.fault == fault);
    let needs_healing = run.plan.faults.get(fault).is_some_and(|planned| planned.lasts.is_some());
    match window {
        _ if failed => Some("the injection failed"),
        None => Some("not injected"),
        Some(window) if window.healed_ns.is_none() && needs_healing => Some("not healed"),
        Some(_) => None,
    }
}
