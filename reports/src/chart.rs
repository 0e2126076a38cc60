//! Drawing with plotters: one picture is a string of SVG in units of half a pixel, because the
//! backend knows whole numbers only.

use crate::format;
use crate::theme::{Ink, LINE, MUTED};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    Cartesian2d, DrawingArea, DrawingAreaErrorKind, IntoDrawingArea, IntoFont, PathElement,
    Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, ShapeStyle, TextStyle};
use std::ops::Range;

/// Width of every picture.
pub(crate) const WIDTH: i32 = 2_080;
/// Height of a letter of ordinary size.
pub(crate) const LETTER: i32 = 24;

/// What painting returns; the backend writes into a string and has no error of its own.
pub(crate) type Painted = Result<(), DrawingAreaErrorKind<std::io::Error>>;
/// The whole picture.
pub(crate) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// A part of the picture with a scale on both sides.
type Scaled<'a> = DrawingArea<SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Paints a picture and returns its SVG.
pub(crate) fn paint(height: i32, painter: impl FnOnce(&Canvas<'_>) -> Painted) -> String {
    let mut svg = String::new();
    let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
    let canvas = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    let painted = painter(&canvas).and_then(|()| canvas.present());
    drop(canvas);
    match painted {
        Ok(()) => svg,
        // An error value of the library's coordinate arithmetic: the data table still tells all.
        Err(_) => String::new(),
    }
}

/// Where a word stands relative to its point.
#[derive(Clone, Copy)]
pub(crate) enum Align {
    Left,
    Middle,
    Right,
}

/// Writes words, their middle at the height of the point.
pub(crate) fn words(
    canvas: &Canvas<'_>,
    text: &str,
    (x, y): (i32, i32),
    align: Align,
    ink: &Ink,
) -> Painted {
    canvas.draw(&Text::new(text.to_owned(), (x, y), style(align, ink, FontStyle::Normal)))
}

/// As [`words`], in bold.
pub(crate) fn bold_words(canvas: &Canvas<'_>, text: &str, at: (i32, i32), ink: &Ink) -> Painted {
    canvas.draw(&Text::new(text.to_owned(), at, style(Align::Left, ink, FontStyle::Bold)))
}

fn style(align: Align, ink: &Ink, weight: FontStyle) -> TextStyle<'static> {
    let horizontal = match align {
        Align::Left => HPos::Left,
        Align::Middle => HPos::Center,
        Align::Right => HPos::Right,
    };
    // The backend divides the size that it is given by 1.24.
    ("sans-serif", f64::from(LETTER) * 1.24, weight)
        .into_font()
        .color(&ink.colour())
        .pos(Pos::new(horizontal, VPos::Center))
}

/// A filled box between two corners.
pub(crate) fn fill(
    canvas: &Canvas<'_>,
    corners: [(i32, i32); 2],
    ink: &Ink,
    opacity: f64,
) -> Painted {
    canvas.draw(&Rectangle::new(corners, ink.faint(opacity).filled()))
}

/// A box's outline.
pub(crate) fn outline(canvas: &Canvas<'_>, corners: [(i32, i32); 2], ink: &Ink) -> Painted {
    let [(left, top), (right, bottom)] = corners;
    let path = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
    line(canvas, path.to_vec(), ink, 3)
}

/// A line through points.
pub(crate) fn line(canvas: &Canvas<'_>, path: Vec<(i32, i32)>, ink: &Ink, width: u32) -> Painted {
    canvas.draw(&PathElement::new(path, ink.colour().stroke_width(width)))
}

/// A box of the picture in which numbers have places.
pub(crate) struct Plot<'a> {
    scaled: Scaled<'a>,
    pub(crate) left: i32,
    pub(crate) right: i32,
    pub(crate) bottom: i32,
}

impl<'a> Plot<'a> {
    /// The box from `x_px` and `y_px` shows the numbers of `x` and `y`, low numbers at the bottom.
    pub(crate) fn new(
        canvas: &Canvas<'a>,
        (x, x_px): (Range<f64>, Range<i32>),
        (y, y_px): (Range<f64>, Range<i32>),
    ) -> Self {
        let spec = Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(
            x,
            y,
            (x_px.clone(), y_px.end..y_px.start),
        );
        let scaled = canvas.apply_coord_spec(spec);
        Self { scaled, left: x_px.start, right: x_px.end, bottom: y_px.end }
    }

    /// The point of the picture at which the numbers stand.
    pub(crate) fn point(&self, x: f64, y: f64) -> (i32, i32) {
        self.scaled.map_coordinate(&(x, y))
    }

    /// A box between two pairs of numbers.
    pub(crate) fn fill(&self, corners: [(f64, f64); 2], ink: &Ink, opacity: f64) -> Painted {
        self.scaled.draw(&Rectangle::new(corners, ink.faint(opacity).filled()))
    }

    /// A line through pairs of numbers.
    pub(crate) fn line(&self, path: Vec<(f64, f64)>, ink: &Ink, width: u32) -> Painted {
        let style: ShapeStyle = ink.colour().stroke_width(width);
        self.scaled.draw(&PathElement::new(path, style))
    }

    /// A line across at each tick, its label to the left.
    pub(crate) fn rules(&self, canvas: &Canvas<'_>, ticks: &[(f64, String)]) -> Painted {
        for (at, label) in ticks {
            let (_, y) = self.point(0.0, *at);
            line(canvas, vec![(self.left, y), (self.right, y)], &LINE, 2)?;
            words(canvas, label, (self.left - 14, y), Align::Right, &MUTED)?;
        }
        Ok(())
    }
}

/// Round numbers from nought to at least `most`, about `parts` of them beside nought.
pub(crate) fn ticks(most: f64, parts: f64) -> Vec<f64> {
    if !most.is_finite() || most <= 0.0 {
        return vec![0.0, 1.0];
    }
    let rough = most / parts;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = steps.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(10.0 * power);
    let count = (most / step).ceil() as u32;
    (0..=count).map(|index| f64::from(index) * step).collect()
}

/// The place of a time on a scale of powers of ten.
pub(crate) fn power(ns: u64) -> f64 {
    (ns.max(1) as f64).log10()
}

/// The powers of ten from `low` to `high`, named as times.
pub(crate) fn log_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let name = |power: i32| (f64::from(power), format::duration(10_f64.powi(power)));
    (low as i32..=high as i32).map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_largest_number() {
        assert_eq!(ticks(310.0, 3.0), [0.0, 200.0, 400.0]);
        assert_eq!(ticks(60.0, 12.0), (0..=12).map(|n| f64::from(n) * 5.0).collect::<Vec<_>>());
        assert_eq!(ticks(0.0, 3.0), [0.0, 1.0]);
        assert_eq!(ticks(f64::NAN, 3.0), [0.0, 1.0]);
        for most in [0.001, 1.0, 7.3, 99.0, 1e15] {
            assert!(ticks(most, 3.0).last().is_some_and(|last| *last >= most), "{most}");
        }
    }

    #[test]
    fn low_numbers_stand_at_the_bottom() {
        let mut places = None;
        paint(100, |canvas| {
            let plot = Plot::new(canvas, (0.0..10.0, 0..1_000), (0.0..1.0, 0..100));
            places = Some((plot.point(0.0, 0.0), plot.point(10.0, 1.0)));
            Ok(())
        });
        let ((left, bottom), (right, top)) = places.unwrap();
        assert!(left < right && top < bottom);
    }

    #[test]
    fn words_are_escaped() {
        let svg = paint(100, |canvas| words(canvas, "<b>&", (0, 0), Align::Left, &MUTED));
        assert!(svg.contains("&lt;b&gt;&amp;") && !svg.contains("<b>"), "{svg}");
    }
}
