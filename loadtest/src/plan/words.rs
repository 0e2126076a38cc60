//! What the TOML reader says, in the words of somebody who writes a plan and no Rust.

use crate::near;

/// The message with serde's phrases put into plain words; anything else is left as it is.
pub(super) fn plain(message: &str) -> String {
    for (phrase, says) in PHRASES {
        if let Some(rest) = message.strip_prefix(phrase)
            && let Some(said) = says(rest)
        {
            return said;
        }
    }
    message.to_owned()
}

/// How a message begins, and what is made of the rest.
type Phrase = (&'static str, fn(&str) -> Option<String>);

const PHRASES: &[Phrase] = &[
    ("invalid type: ", misplaced),
    ("invalid value: ", misplaced),
    ("missing field ", |name| Some(format!("{} is missing here", bare(name)))),
    ("unknown field ", |rest| unknown("key", rest)),
    ("unknown variant ", |rest| unknown("name", rest)),
    ("duplicate key", |_| Some("this is already given above".to_owned())),
];

fn misplaced(rest: &str) -> Option<String> {
    // What was seen may be a text with these words in it; what is expected is never.
    let (seen, expected) = rest.rsplit_once(", expected ")?;
    let (what, wanted) = (seen_in_words(seen), in_words(expected));
    // A number that the kind of number does not hold.
    let is_whole = seen.starts_with("integer ") && wanted.starts_with("a whole number");
    let wrong = if is_whole { "is out of range" } else { "cannot stand" };
    Some(format!("{what} {wrong} here; write {wanted}"))
}

/// The rest of "unknown field" and "unknown variant": a name, and those that there are.
fn unknown(what: &str, rest: &str) -> Option<String> {
    let (name, known) = rest.split_once("`, expected ")?;
    let known = known.trim_start_matches("one of ").replace("` or `", ", ").replace('`', "");
    let name = bare(name);
    let hint = near::hint(name, known.split(", "));
    Some(format!("there is no {what} '{name}' here; {hint}what there is: {known}"))
}

fn bare(name: &str) -> &str {
    name.trim_matches('`')
}

/// serde's word for what stands there.
fn seen_in_words(seen: &str) -> String {
    match seen {
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        _ => match seen.strip_prefix("string ") {
            Some(text) => format!("the text {text}"),
            None => seen.split('`').nth(1).unwrap_or(seen).to_owned(),
        },
    }
}

/// serde's word for what should.
fn in_words(expected: &str) -> &str {
    match expected {
        "f32" | "f64" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a string" | "string" => "a text in quotation marks",
        "a boolean" => "true or false",
        "a sequence" => "a list in square brackets",
        "a map" => "a table",
        expected if expected.starts_with("struct ") => "a table",
        expected => expected,
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn serdes_phrases_become_plain_words() {
        for (said, expected) in [
            (
                "invalid type: string \"x\", expected f64",
                "the text \"x\" cannot stand here; write a number",
            ),
            (
                "invalid type: integer `40`, expected a string",
                "40 cannot stand here; write a text in quotation marks",
            ),
            (
                "invalid value: integer `-1`, expected u64",
                "-1 is out of range here; write a whole number, 0 or more",
            ),
            (
                "invalid type: integer `4`, expected struct LoadFile",
                "4 cannot stand here; write a table",
            ),
            (
                "invalid type: string \", expected u8\", expected a sequence",
                "the text \", expected u8\" cannot stand here; write a list in square brackets",
            ),
            ("missing field `at`", "at is missing here"),
            (
                "unknown field `x`, expected one of `a`, `b`, `c`",
                "there is no key 'x' here; what there is: a, b, c",
            ),
            (
                "unknown field `x`, expected `a` or `b`",
                "there is no key 'x' here; what there is: a, b",
            ),
            (
                "unknown field `durration`, expected `drain` or `duration`",
                "there is no key 'durration' here; did you mean 'duration'? what there is: drain, \
                 duration",
            ),
            ("unknown field `x`, expected `a`", "there is no key 'x' here; what there is: a"),
            (
                "unknown variant `x`, expected one of `a`, `b`",
                "there is no name 'x' here; what there is: a, b",
            ),
            ("duplicate key", "this is already given above"),
            ("string values must be quoted", "string values must be quoted"),
        ] {
            assert_eq!(plain(said), expected);
        }
    }
}
