//! Malformed JSON, told in the words of Go's `encoding/json`.

/// What is wrong with a body that `serde_json` refuses.
pub(super) fn explain(bytes: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected EOF".into();
    }
    let at = offset(bytes, error.line(), error.column());
    let Some(found) = bytes.get(at).copied() else { return "unexpected EOF".into() };
    let told = error.to_string();
    let context = if told.starts_with("expected value") {
        "looking for beginning of value".into()
    } else if told.starts_with("expected ident") {
        literal(bytes, at)
    } else if told.starts_with("expected `,` or `}`") {
        "after object key:value pair".into()
    } else if told.starts_with("expected `,` or `]`") {
        "after array element".into()
    } else if told.starts_with("expected `:`") {
        "after object key".into()
    } else if told.starts_with("key must be") || told.starts_with("trailing comma") {
        if found == b']' { "looking for beginning of value" } else { BEFORE_KEY }.into()
    } else if told.starts_with("control character") {
        "in string literal".into()
    } else if told.starts_with("invalid escape") {
        "in string escape code".into()
    } else if told.starts_with("invalid number") {
        "in numeric literal".into()
    } else {
        // Go has no such check: numbers and nesting beyond serde_json's limits.
        return told;
    };
    format!("invalid character {} {context}", quoted(found))
}

const BEFORE_KEY: &str = "looking for beginning of object key string";

/// The place of a line and column, both from 1, in bytes.
fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let start = std::iter::once(0).chain(ends).nth(line.saturating_sub(1)).unwrap_or_default();
    start + column.saturating_sub(1)
}

/// `in literal null (expecting 'u')`, for a literal that breaks off at `at`.
fn literal(bytes: &[u8], at: usize) -> String {
    let before = bytes[..at].iter().rev().take_while(|byte| byte.is_ascii_lowercase()).count();
    let literal = match bytes.get(at - before) {
        Some(b't') => "true",
        Some(b'f') => "false",
        _ => "null",
    };
    let expected = literal.as_bytes().get(before).copied().unwrap_or_default();
    format!("in literal {literal} (expecting {})", quoted(expected))
}

/// A byte as Go quotes it.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".into(),
        b'"' => "'\"'".into(),
        b'\\' => r"'\\'".into(),
        b'\n' => r"'\n'".into(),
        b'\t' => r"'\t'".into(),
        b'\r' => r"'\r'".into(),
        0x20..=0x7e => format!("'{}'", char::from(byte)),
        0x80.. => format!("'{}'", char::from(byte)),
        _ => format!(r"'\x{byte:02x}'"),
    }
}

#[cfg(test)]
mod tests {
    use crate::api::body::{Problem, value};

    /// Each pair was seen on release 2.12.0.
    #[test]
    fn malformed_bodies_are_told_as_upstream_tells_them() {
        let cases = [
            ("{", "unexpected EOF"),
            ("nope", "invalid character 'o' in literal null (expecting 'u')"),
            ("@", "invalid character '@' looking for beginning of value"),
            (r#"{"a":"b" "c"}"#, "invalid character '\"' after object key:value pair"),
            (r#"{"a":"b",}"#, "invalid character '}' looking for beginning of object key string"),
            ("{'a':1}", r"invalid character '\'' looking for beginning of object key string"),
            ("{\"a\":\"\u{1}\"}", r"invalid character '\x01' in string literal"),
            ("{\n\"a\" 1}", "invalid character '1' after object key"),
            ("[1 2]", "invalid character '2' after array element"),
        ];
        for (body, told) in cases {
            assert_eq!(value(body.as_bytes()), Err(Problem(told.into())), "{body}");
        }
    }
}
