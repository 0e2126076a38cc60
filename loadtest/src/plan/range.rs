//! Numbers and durations within the bounds in which they make sense.

use super::file::Time;
use super::place::Source;
use anyhow::Result;
use redrill_history::print_duration;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::Spanned;

/// One second.
pub(super) const SECOND: Duration = Duration::from_secs(1);
/// What Redis and most services count in.
pub(super) const MILLISECOND: Duration = Duration::from_millis(1);
/// No run and no part of one is longer: a history of a week fills a disk.
pub(super) const LONGEST_RUN: Duration = Duration::from_secs(7 * DAY_S);

const DAY_S: u64 = 24 * 60 * 60;

/// A whole number, or the default where nothing is written.
///
/// # Errors
/// [`crate::exit::Unusable`] at the number that is out of range.
pub(super) fn whole<T: TryFrom<i64>>(
    what: &str,
    written: Option<&Spanned<i64>>,
    default: T,
    range: RangeInclusive<i64>,
    source: &Source<'_>,
) -> Result<T> {
    let Some(written) = written else { return Ok(default) };
    let number = Some(*written.get_ref()).filter(|number| range.contains(number));
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| outside(what, written, range.start(), range.end(), source))
}

/// A number that may have decimals, or the default where nothing is written.
///
/// # Errors
/// [`crate::exit::Unusable`] at the number that is out of range.
pub(super) fn number(
    what: &str,
    written: Option<&Spanned<f64>>,
    default: f64,
    range: RangeInclusive<f64>,
    source: &Source<'_>,
) -> Result<f64> {
    match written {
        // NaN is in no range.
        Some(written) if !range.contains(written.get_ref()) => {
            Err(outside(what, written, range.start(), range.end(), source))
        }
        written => Ok(written.map_or(default, |written| *written.get_ref())),
    }
}

/// A duration, or the default where nothing is written.
///
/// # Errors
/// [`crate::exit::Unusable`] at the duration that is out of range.
pub(super) fn time(
    what: &str,
    written: Option<&Spanned<Time>>,
    default: Duration,
    range: RangeInclusive<Duration>,
    source: &Source<'_>,
) -> Result<Duration> {
    match written {
        Some(written) if !range.contains(&written.get_ref().0) => {
            let (least, most) = (in_words(*range.start()), in_words(*range.end()));
            Err(outside(what, written, &least, &most, source))
        }
        written => Ok(written.map_or(default, |written| written.get_ref().0)),
    }
}

fn outside<T>(
    what: &str,
    written: &Spanned<T>,
    least: &dyn Display,
    most: &dyn Display,
    source: &Source<'_>,
) -> anyhow::Error {
    source.at(&written.span(), &format!("{what} must be from {least} to {most}"))
}

/// `7d`, where text for machines says `7days`.
fn in_words(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds > 0 && seconds.is_multiple_of(DAY_S) => format!("{}d", seconds / DAY_S),
        _ => print_duration(duration),
    }
}
