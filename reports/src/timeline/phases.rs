//! Row: which phase it was.

use super::{Row, Scene};
use crate::chart::{Align, Canvas, Painted, bold_words, line, words};
use crate::theme::{OUTLINE, TEXT};

const HEIGHT: i32 = 40;

pub(super) struct Phases;

impl Row for Phases {
    fn height(&self, _: &Scene<'_>) -> i32 {
        HEIGHT
    }

    fn paint(&self, canvas: &Canvas<'_>, scene: &Scene<'_>, top: i32) -> Painted {
        let middle = top + HEIGHT / 2;
        bold_words(canvas, "Phase", (0, middle), &TEXT)?;
        for span in scene.run.phases.spans.iter().filter(|span| !span.is_empty()) {
            let (left, right) = (scene.x(canvas, span.start_ns), scene.x(canvas, span.end_ns));
            line(canvas, vec![(left, top), (left, top + HEIGHT)], &OUTLINE, 3)?;
            line(canvas, vec![(right, top), (right, top + HEIGHT)], &OUTLINE, 3)?;
            let name = span.phase.name();
            let fits = right - left > name.len() as i32 * 14;
            if fits {
                words(canvas, name, ((left + right) / 2, middle), Align::Middle, &TEXT)?;
            }
        }
        Ok(())
    }
}
