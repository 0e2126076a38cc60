//! Numbers as people read them. A unit is never parted from its number by a line break.

use redrill_history::{Measure, Unit};

/// A space at which no line breaks.
const SPACE: char = '\u{a0}';

/// A count with thousands separators: `12,345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun: `1 operation`, `2,000 operations`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{}{SPACE}{noun}{plural}", count(number))
}

/// A length of time in nanoseconds, to about three digits: `0.42 ms`, `12.3 ms`, `1.23 s`.
pub(crate) fn duration(ns: f64) -> String {
    let ms = ns / 1e6;
    let (number, unit) = match ms.abs() {
        below if below < 0.0005 => ("0".to_owned(), "ms"),
        below if below < 9.995 => (decimals(ms, 2), "ms"),
        below if below < 99.95 => (decimals(ms, 1), "ms"),
        below if below < 999.5 => (decimals(ms, 0), "ms"),
        below if below < 9_995.0 => (decimals(ms / 1e3, 2), "s"),
        below if below < 600_000.0 => (decimals(ms / 1e3, 1), "s"),
        _ => return minutes(ns),
    };
    format!("{number}{SPACE}{unit}")
}

/// As [`duration`]; a dash where there is none.
pub(crate) fn duration_or_dash(ns: Option<u64>) -> String {
    ns.map_or_else(|| "–".to_owned(), |ns| duration(ns as f64))
}

fn minutes(ns: f64) -> String {
    let seconds = (ns / 1e9).round();
    let rest = seconds.rem_euclid(60.0);
    let whole = (seconds - rest) / 60.0;
    if whole >= 600.0 {
        return format!("{}{SPACE}h", decimals(whole / 60.0, 1));
    }
    format!("{}{SPACE}min {}{SPACE}s", decimals(whole, 0), decimals(rest, 0))
}

/// A share of one in percent. Never rounded up to 100 %, nor down to 0 %: the one lost operation
/// of a million is what the reader looks for.
pub(crate) fn share(share: f64) -> String {
    if !share.is_finite() {
        return "–".to_owned();
    }
    let percent = share * 100.0;
    let text = if percent > 0.0 && percent < 0.01 {
        "< 0.01".to_owned()
    } else if percent < 100.0 && percent > 99.99 {
        "> 99.99".to_owned()
    } else {
        decimals(percent, 2)
    };
    format!("{text}{SPACE}%")
}

/// A part of a whole in percent; a dash when the whole is nothing.
pub(crate) fn part(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { share(part as f64 / whole as f64) }
}

/// A rate: one decimal below a hundred.
pub(crate) fn rate(per_s: f64) -> String {
    if !per_s.is_finite() {
        return "–".to_owned();
    }
    decimals(per_s, usize::from(per_s.abs() < 99.95))
}

/// A moment in seconds since the start of the load: `12.345 s`.
pub(crate) fn moment(at_ns: u64, load_start_ns: u64) -> String {
    let seconds = (at_ns as f64 - load_start_ns as f64) / 1e9;
    let fixed = format!("{:.3}", seconds.abs());
    let sign = if seconds < 0.0 && fixed != "0.000" { "−" } else { "" };
    format!("{sign}{fixed}{SPACE}s")
}

/// A time of RFC 3339 in UTC as people write it: `2026-11-24 10:03:11 UTC`.
pub(crate) fn utc(time: &str) -> String {
    match time.strip_suffix('Z').and_then(|time| time.split_once('T')) {
        Some((date, time)) => format!("{date} {time}{SPACE}UTC"),
        None if time.is_empty() => "not known".to_owned(),
        None => time.to_owned(),
    }
}

/// A measure's value with its unit.
pub(crate) fn measure(measure: &Measure) -> String {
    let Some(value) = measure.value.filter(|value| value.is_finite()) else {
        return "not known".to_owned();
    };
    match measure.unit {
        Unit::Nanoseconds => duration(value),
        Unit::Ratio => share(value),
        Unit::PerSecond => format!("{}/s", rate(value)),
        Unit::Count => decimals(value, if value.fract() == 0.0 { 0 } else { 2 }),
    }
}

/// A number with at most so many decimals, no trailing zeros, and thousands separators.
pub(crate) fn decimals(number: f64, digits: usize) -> String {
    let fixed = format!("{:.digits$}", number.abs());
    let (whole, fraction) = fixed.split_once('.').unwrap_or((&fixed, ""));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count);
    let fraction = fraction.trim_end_matches('0');
    let sign = if number < 0.0 && (whole != "0" || !fraction.is_empty()) { "−" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        text.replace(SPACE, " ")
    }

    #[test]
    fn counts_have_thousands_separators() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")]
        {
            assert_eq!(count(number), text);
        }
        assert_eq!(plain(&counted(1, "job")), "1 job");
        assert_eq!(plain(&counted(2_000, "job")), "2,000 jobs");
    }

    #[test]
    fn durations_change_units_where_a_reader_would() {
        for (ns, text) in [
            (0.0, "0 ms"),
            (420_000.0, "0.42 ms"),
            (12_340_000.0, "12.3 ms"),
            (999_600_000.0, "1 s"),
            (1_234_000_000.0, "1.23 s"),
            (75e9, "75 s"),
            (3_599.7e9, "60 min 0 s"),
            (-2_000_000.0, "−2 ms"),
        ] {
            assert_eq!(plain(&duration(ns)), text);
        }
    }

    #[test]
    fn one_lost_in_a_million_is_not_hidden_by_rounding() {
        assert_eq!(plain(&part(999_999, 1_000_000)), "> 99.99 %");
        assert_eq!(plain(&part(1, 1_000_000)), "< 0.01 %");
        assert_eq!(plain(&part(10, 10)), "100 %");
        assert_eq!(plain(&part(0, 10)), "0 %");
        assert_eq!(part(0, 0), "–");
    }

    #[test]
    fn moments_count_from_the_start_of_the_load() {
        assert_eq!(plain(&moment(13_345_000_000, 1_000_000_000)), "12.345 s");
        assert_eq!(plain(&moment(500_000_000, 1_000_000_000)), "−0.500 s");
    }

    #[test]
    fn a_date_is_written_as_people_do() {
        assert_eq!(plain(&utc("2026-11-24T10:03:11Z")), "2026-11-24 10:03:11 UTC");
        assert_eq!(utc("yesterday"), "yesterday");
        assert_eq!(utc(""), "not known");
    }

    #[test]
    fn an_unknown_measure_says_so() {
        let of = |value, unit| plain(&measure(&Measure { name: String::new(), value, unit }));
        assert_eq!(of(None, Unit::Ratio), "not known");
        assert_eq!(of(Some(f64::NAN), Unit::Count), "not known");
        assert_eq!(of(Some(0.5), Unit::Ratio), "50 %");
        assert_eq!(of(Some(1_500.0), Unit::PerSecond), "1,500/s");
    }
}
