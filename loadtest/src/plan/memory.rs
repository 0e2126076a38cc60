//! How much memory a Redis may use, and what goes when it is used.

use super::environment::one_of;
use super::place::Source;
use crate::faults::POLICIES;
use anyhow::Result;
use toml::Spanned;

/// Redis' units; those with a b are powers of 2 (`memtoull` in its `util.c`).
const UNITS: &[(&str, u64)] = &[
    ("kb", 1 << 10),
    ("mb", 1 << 20),
    ("gb", 1 << 30),
    ("k", 1_000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
    ("b", 1),
    ("", 1),
];
/// An empty Redis with its replicas' buffers uses about as much; with less it takes no write.
const LEAST: u64 = 4 << 20;

/// The bound, as Redis' configuration writes it.
pub(super) fn bound(
    written: Option<&Spanned<String>>,
    source: &Source<'_>,
) -> Result<Option<String>> {
    let Some(written) = written else { return Ok(None) };
    match bytes(written.get_ref()) {
        Some(bytes) if bytes >= LEAST => Ok(Some(written.get_ref().clone())),
        Some(_) => Err(source.at(&written.span(), "maxmemory must be 4mb or more")),
        None => {
            let message = "maxmemory is a size such as \"64mb\": a whole number and kb, mb or gb";
            Err(source.at(&written.span(), message))
        }
    }
}

/// The policy.
pub(super) fn policy(written: Option<&Spanned<String>>, source: &Source<'_>) -> Result<String> {
    one_of("maxmemory_policy", written, POLICIES, source)
}

fn bytes(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.to_ascii_lowercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_redis_reads_them() {
        for (text, expected) in [
            ("64mb", Some(64 << 20)),
            ("64M", Some(64_000_000)),
            ("1gb", Some(1 << 30)),
            ("5000000", Some(5_000_000)),
            ("5b", Some(5)),
            ("", None),
            ("mb", None),
            ("-1mb", None),
            ("1.5mb", None),
            ("64 mb", None),
            ("99999999999gb", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
