//! One colour for each meaning, in light and dark, and the style sheet that follows from them.
//!
//! The drawing library writes colours as attributes. Each ink therefore has a colour of its own in
//! the SVG (the light one, so that a picture cut out of the page still looks right), and the style
//! sheet maps the attribute to the ink's variable, which the reader's theme decides.

use plotters::style::{RGBAColor, RGBColor};
use std::fmt::Write;

/// A colour with one meaning.
#[derive(Clone, Copy)]
pub(crate) struct Ink {
    /// Name of the style sheet's variable.
    name: &'static str,
    light: u32,
    dark: u32,
    /// Dashes of a line in units of the picture, so that a line is known without its colour.
    dashes: &'static str,
    /// The pattern that fills an area of this ink, so that it is known without its colour.
    pattern: Option<Pattern>,
}

/// A pattern that tells an area without its colour.
#[derive(Clone, Copy)]
enum Pattern {
    Rising,
    Crossed,
    Falling,
}

const fn ink(name: &'static str, light: u32, dark: u32) -> Ink {
    Ink { name, light, dark, dashes: "", pattern: None }
}

const fn dashed(ink: Ink, dashes: &'static str) -> Ink {
    Ink { dashes, ..ink }
}

const fn patterned(ink: Ink, pattern: Pattern) -> Ink {
    Ink { pattern: Some(pattern), ..ink }
}

pub(crate) const PAGE: Ink = ink("page", 0xFB_FB_FA, 0x15_17_1B);
pub(crate) const SURFACE: Ink = ink("surface", 0xFF_FF_FF, 0x1C_1F_25);
pub(crate) const LINE: Ink = ink("line", 0xDC_DE_E3, 0x36_3A_44);
pub(crate) const TEXT: Ink = ink("text", 0x1B_1D_22, 0xE9_EA_ED);
pub(crate) const MUTED: Ink = ink("muted", 0x59_5E_69, 0xA6_AB_B6);
pub(crate) const LINK: Ink = ink("link", 0x1D_5C_A8, 0x8A_BE_F5);
pub(crate) const PASS: Ink = ink("pass", 0x1A_74_46, 0x62_C8_93);
pub(crate) const FAIL: Ink = ink("fail", 0xB8_22_2B, 0xFF_8A_86);
pub(crate) const INCONCLUSIVE: Ink = ink("inconclusive", 0x85_57_00, 0xE5_B6_56);
pub(crate) const OK: Ink = ink("ok", 0x4C_84_B8, 0x5F_9F_D8);
pub(crate) const REFUSED: Ink = patterned(ink("refused", 0xC7_62_06, 0xF0_A0_4E), Pattern::Rising);
pub(crate) const UNKNOWN: Ink = patterned(ink("unknown", 0xB5_1A_76, 0xFF_80_BD), Pattern::Crossed);
pub(crate) const FAULT: Ink = patterned(ink("fault", 0x6A_4D_A3, 0xB0_95_E8), Pattern::Falling);
/// The tint behind the curves while a fault acts.
pub(crate) const BAND: Ink = ink("band", 0x6C_4F_A5, 0xAE_93_E6);
pub(crate) const PLANNED: Ink = dashed(ink("planned", 0x69_4C_A2, 0xB1_96_E9), "10 7");
pub(crate) const PROMOTION: Ink = dashed(ink("promotion", 0x0B_6B_62, 0x5C_CF_C0), "14 8");
pub(crate) const STARTED: Ink = ink("started", 0x86_8E_9D, 0x78_81_91);
pub(crate) const INTENDED: Ink = dashed(ink("intended", 0x2B_30_3A, 0xDD_E0_E6), "9 6");
pub(crate) const P50: Ink = ink("p50", 0x2A_5F_96, 0x7D_B8_F0);
pub(crate) const P99: Ink = dashed(ink("p99", 0x2B_60_97, 0x7E_B9_F1), "16 7");
pub(crate) const MAX: Ink = ink("max", 0x5C_7F_A8, 0x8F_AF_D6);
pub(crate) const MASTER: Ink = ink("master", 0x2C_3A_54, 0xCA_D5_EA);
pub(crate) const ON_MASTER: Ink = ink("on-master", 0xFE_FE_FE, 0x1A_1D_23);
pub(crate) const REPLICA: Ink = ink("replica", 0xE6_EA_F1, 0x2F_35_41);
pub(crate) const OUTLINE: Ink = ink("outline", 0x6E_7A_90, 0x8D_98_AC);
pub(crate) const DOWN: Ink = dashed(ink("down", 0xB7_21_2A, 0xFF_89_85), "8 6");
pub(crate) const EFFECT: Ink = ink("effect", 0x0A_6A_61, 0x5B_CE_BF);
/// The lines of the phases.
pub(crate) const BASELINE: Ink = ink("baseline", 0x5A_5F_6A, 0xA7_AC_B7);
pub(crate) const DURING: Ink = dashed(ink("during", 0x6B_4E_A4, 0xAF_94_E7), "18 7");
pub(crate) const RECOVERING: Ink = dashed(ink("recovering", 0xA8_5F_00, 0xE4_B5_55), "5 6");
pub(crate) const AFTER: Ink = dashed(ink("after", 0x0C_6C_63, 0x5A_CD_BE), "26 6 5 6");

const INKS: &[&Ink] = &[
    &PAGE,
    &SURFACE,
    &LINE,
    &TEXT,
    &MUTED,
    &LINK,
    &PASS,
    &FAIL,
    &INCONCLUSIVE,
    &OK,
    &REFUSED,
    &UNKNOWN,
    &FAULT,
    &BAND,
    &PLANNED,
    &PROMOTION,
    &STARTED,
    &INTENDED,
    &P50,
    &P99,
    &MAX,
    &MASTER,
    &ON_MASTER,
    &REPLICA,
    &OUTLINE,
    &DOWN,
    &EFFECT,
    &BASELINE,
    &DURING,
    &RECOVERING,
    &AFTER,
];

impl Ink {
    /// The colour to draw with.
    pub(crate) const fn colour(&self) -> RGBColor {
        let [_, red, green, blue] = self.light.to_be_bytes();
        RGBColor(red, green, blue)
    }

    /// The colour with an opacity of 0 to 1.
    pub(crate) const fn faint(&self, opacity: f64) -> RGBAColor {
        let RGBColor(red, green, blue) = self.colour();
        RGBAColor(red, green, blue, opacity)
    }
}

/// The page's style sheet: the variables of both themes, the mapping of the pictures' colours, and
/// the rules that do not depend on colours.
pub(crate) fn style_sheet() -> String {
    let mut css = String::new();
    let light = variables(|ink| ink.light);
    let dark = variables(|ink| ink.dark);
    // Writing into a string cannot fail.
    let _ = write!(
        css,
        ":root{{color-scheme:light dark;{light}}}\
         @media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    );
    for ink in INKS {
        let Ink { name, light, dashes, .. } = ink;
        let fill = match ink.pattern {
            Some(_) => format!("url(#pattern-{name})"),
            None => format!("var(--{name})"),
        };
        let _ = write!(css, ".chart [fill=\"#{light:06X}\"]{{fill:{fill}}}");
        let _ = write!(css, ".chart [stroke=\"#{light:06X}\"]{{stroke:var(--{name})");
        if !dashes.is_empty() {
            let _ = write!(css, ";stroke-dasharray:{dashes}");
        }
        css.push('}');
    }
    css.push_str(include_str!("page.css"));
    css
}

fn variables(colour: fn(&Ink) -> u32) -> String {
    INKS.iter().map(|ink| format!("--{}:#{:06X};", ink.name, colour(ink))).collect()
}

/// The patterns, to be defined once in the page.
pub(crate) fn patterns() -> String {
    let mut defs = String::new();
    for (ink, pattern) in INKS.iter().filter_map(|ink| Some((ink, ink.pattern?))) {
        let path = match pattern {
            Pattern::Rising => "M-2,12 L12,-2 M6,16 L16,6 M-6,4 L4,-6",
            Pattern::Falling => "M-2,-2 L16,16 M8,-4 L18,6 M-4,8 L6,18",
            Pattern::Crossed => "M0,0 L12,12 M12,0 L0,12",
        };
        let size = if matches!(pattern, Pattern::Crossed) { 12 } else { 14 };
        let _ = write!(
            defs,
            "<pattern id=\"pattern-{name}\" width=\"{size}\" height=\"{size}\" \
             patternUnits=\"userSpaceOnUse\">\
             <rect width=\"{size}\" height=\"{size}\" style=\"fill:var(--{name});opacity:.55\"/>\
             <path d=\"{path}\" style=\"stroke:var(--{name});stroke-width:4;fill:none\"/>\
             </pattern>",
            name = ink.name
        );
    }
    format!("<svg class=\"defs\" aria-hidden=\"true\"><defs>{defs}</defs></svg>")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast ratio of WCAG 2.2 between two colours.
    fn contrast(one: u32, other: u32) -> f64 {
        let luminance = |colour: u32| {
            let [_, red, green, blue] = colour.to_be_bytes();
            let linear = |value: u8| {
                let value = f64::from(value) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// Words: 4.5 to 1.
    const TEXTS: &[&Ink] = &[&TEXT, &MUTED, &LINK, &PASS, &FAIL, &INCONCLUSIVE, &PROMOTION, &DOWN];
    /// What carries a meaning in a picture: 3 to 1.
    const MARKS: &[&Ink] = &[
        &OK,
        &REFUSED,
        &UNKNOWN,
        &FAULT,
        &PLANNED,
        &STARTED,
        &INTENDED,
        &P50,
        &P99,
        &MAX,
        &MASTER,
        &OUTLINE,
        &EFFECT,
        &BASELINE,
        &DURING,
        &RECOVERING,
        &AFTER,
    ];
    /// Grounds, and what helps the eye without carrying a meaning.
    const QUIET: &[&Ink] = &[&PAGE, &SURFACE, &LINE, &BAND, &ON_MASTER, &REPLICA];

    #[test]
    fn every_ink_stands_out_on_both_grounds_of_both_themes() {
        assert_eq!(TEXTS.len() + MARKS.len() + QUIET.len(), INKS.len(), "an ink is in no list");
        for (inks, least) in [(TEXTS, 4.5), (MARKS, 3.0)] {
            for (ink, ground) in inks.iter().flat_map(|ink| [(ink, &PAGE), (ink, &SURFACE)]) {
                let light = contrast(ink.light, ground.light);
                let dark = contrast(ink.dark, ground.dark);
                assert!(light >= least, "{} in light: {light:.2}", ink.name);
                assert!(dark >= least, "{} in dark: {dark:.2}", ink.name);
            }
        }
    }

    #[test]
    fn words_in_lanes_can_be_read() {
        assert!(contrast(ON_MASTER.light, MASTER.light) >= 4.5);
        assert!(contrast(ON_MASTER.dark, MASTER.dark) >= 4.5);
        assert!(contrast(TEXT.light, REPLICA.light) >= 4.5);
        assert!(contrast(TEXT.dark, REPLICA.dark) >= 4.5);
    }

    #[test]
    fn no_two_inks_share_a_key_or_a_name() {
        for ink in INKS {
            assert_eq!(INKS.iter().filter(|other| other.light == ink.light).count(), 1);
            assert_eq!(INKS.iter().filter(|other| other.name == ink.name).count(), 1);
        }
    }
}
