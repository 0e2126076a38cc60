//! Durations as text (`250ms`, `1m 30s`), for plans and reports.

use std::time::Duration;

/// Reads `250ms`, `5s`, `1m 30s`.
///
/// # Errors
/// Says what was wrong and shows an example.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| {
        format!("'{text}' is no duration ({error}); write it like \"250ms\" or \"1m 30s\"")
    })
}

/// Writes a duration as [`parse_duration`] reads it.
pub fn print_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// `#[serde(with = …)]` for a duration as text.
pub mod serde_duration {
    use super::{Duration, parse_duration, print_duration};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

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
        parse_duration(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// `#[serde(with = …)]` for a duration as text that may be absent.
pub mod serde_duration_option {
    use super::{Duration, parse_duration, print_duration};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

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
        match Option::<String>::deserialize(from)? {
            Some(text) => parse_duration(&text).map(Some).map_err(D::Error::custom),
            None => Ok(None),
        }
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
        let message = parse_duration("soon").unwrap_err();
        assert!(message.contains("'soon'") && message.contains("250ms"), "{message}");
    }
}
