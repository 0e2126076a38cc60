//! Durations as text (`250ms`, `1m 30s`), for plans and reports.

use humantime::DurationError;
use serde::de::{Error, Visitor};
use std::fmt;
use std::time::Duration;

/// The longest duration that can be written: 366 days. No promise of a service is longer, and sums
/// of a few such are far from what a clock in nanoseconds can hold.
pub const LONGEST_DURATION: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads `250ms`, `5s`, `1m 30s`.
///
/// # Errors
/// Says what was wrong and shows an example: text that is no duration, or one that is longer than
/// [`LONGEST_DURATION`].
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= LONGEST_DURATION => Ok(duration),
        Ok(_) => Err(format!("'{text}' is too long: no duration can be longer than 366d")),
        Err(error) => {
            let why = match error {
                DurationError::NumberOverflow => ": the number is too large or too fine".to_owned(),
                DurationError::UnknownUnit { unit, .. } if unit.is_empty() => {
                    ": its unit is missing".to_owned()
                }
                DurationError::UnknownUnit { unit, .. } => format!(": there is no unit '{unit}'"),
                _ => String::new(),
            };
            Err(format!("'{text}' is no duration{why}; write it like \"250ms\" or \"1m 30s\""))
        }
    }
}

/// A duration as text; the message of anything else shows how it is written.
struct Written;

impl Visitor<'_> for Written {
    type Value = Duration;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a duration in quotation marks, like \"250ms\" or \"1m 30s\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse_duration(text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Duration, E> {
        Err(E::custom(format!(
            "{number} has no unit; write a duration like \"{}s\" or \"250ms\"",
            number.unsigned_abs()
        )))
    }
}

/// Writes a duration as [`parse_duration`] reads it.
pub fn print_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// `#[serde(with = …)]` for a duration as text.
pub mod serde_duration {
    use super::{Duration, Written, print_duration};
    use serde::{Deserializer, Serializer};

    /// Writes the text.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&print_duration(*value))
    }

    /// Reads the text.
    ///
    /// # Errors
    /// A text that is no duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        from.deserialize_str(Written)
    }
}

/// `#[serde(with = …)]` for a duration as text that may be absent.
pub mod serde_duration_option {
    use super::{Duration, print_duration, serde_duration};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the text, or nothing.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(duration) => to.serialize_some(&print_duration(*duration)),
            None => to.serialize_none(),
        }
    }

    /// Reads the text where there is one.
    ///
    /// # Errors
    /// A text that is no duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        #[derive(Deserialize)]
        struct Text(#[serde(with = "serde_duration")] Duration);
        Ok(Option::<Text>::deserialize(from)?.map(|Text(duration)| duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_a_round_trip() {
        for text in ["250ms", "5s", "1m 30s"] {
            assert_eq!(print_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn nonsense_names_itself_and_an_example() {
        for (text, words) in [
            ("soon", "'soon' is no duration; write it like \"250ms\""),
            ("", "'' is no duration"),
            ("5", "its unit is missing"),
            ("5 parsecs", "no unit 'parsecs'"),
            ("-1s", "no duration"),
        ] {
            let message = parse_duration(text).unwrap_err();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn what_no_clock_could_hold_is_refused() {
        for text in ["366d", "1year", "0s"] {
            assert!(parse_duration(text).is_ok(), "{text}");
        }
        for text in ["367d", "1000000d", "18446744073709551615s"] {
            assert!(parse_duration(text).unwrap_err().contains("366d"), "{text}");
        }
        assert!(parse_duration("99999999999999999999s").unwrap_err().contains("too large"));
    }

    #[test]
    fn a_number_without_a_unit_is_told_to_have_one() {
        #[derive(Debug, serde::Deserialize)]
        struct Plan {
            #[serde(default, with = "serde_duration_option")]
            duration: Option<Duration>,
        }
        let read = |text: &str| toml::from_str::<Plan>(text).map(|plan| plan.duration);
        assert_eq!(read("duration = \"40s\"").unwrap(), Some(Duration::from_secs(40)));
        assert_eq!(read("").unwrap(), None);
        let told = read("duration = 40").unwrap_err();
        assert!(told.message().contains("\"40s\""), "{told}");
        let told = read("duration = true").unwrap_err();
        assert!(told.message().contains("\"250ms\""), "{told}");
    }
}
