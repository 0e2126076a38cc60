//! Request bodies, read as upstream's JSON decoder reads them: the first value counts and what
//! follows it is ignored, names match in any letter case, null leaves a default, unknown names
//! are ignored.

use serde_json::{Map, Value};

/// What is wrong with a body, in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem(pub(crate) String);

impl Problem {
    fn wrong_type(value: &Value, name: &str, wanted: &str) -> Problem {
        let found = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            Value::Number(number) => format!("number {number}"),
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) => "object".to_owned(),
        };
        let place = if name.is_empty() { "value".into() } else { format!("struct field {name}") };
        Problem(format!("json: cannot unmarshal {found} into Go {place} of type {wanted}"))
    }
}

/// The first JSON value of a body.
///
/// # Errors
/// No value, or a malformed one.
pub(crate) fn value(bytes: &[u8]) -> Result<Value, Problem> {
    match serde_json::Deserializer::from_slice(bytes).into_iter::<Value>().next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) if error.is_eof() => Err(Problem("unexpected EOF".into())),
        Some(Err(error)) => Err(Problem(format!("invalid character: {error}"))),
        None => Err(Problem("EOF".into())),
    }
}

/// The object of a body; null counts as an empty one.
///
/// # Errors
/// No value, a malformed one, or something else than an object.
pub(crate) fn object(value: Value, wanted: &str) -> Result<Map<String, Value>, Problem> {
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        other => Err(Problem::wrong_type(&other, "", wanted)),
    }
}

/// The list of a body; null counts as an empty one.
///
/// # Errors
/// Something else than a list.
pub(crate) fn list(value: Value, wanted: &str) -> Result<Vec<Value>, Problem> {
    match value {
        Value::Array(members) => Ok(members),
        Value::Null => Ok(Vec::new()),
        other => Err(Problem::wrong_type(&other, "", wanted)),
    }
}

/// The value of a name that is given and not null.
pub(crate) fn given<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let any_case = || map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v);
    map.get(name).or_else(any_case).filter(|value| !value.is_null())
}

/// A text.
pub(crate) fn text(map: &Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match given(map, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(Problem::wrong_type(other, name, "string")),
    }
}

/// A truth value.
pub(crate) fn boolean(map: &Map<String, Value>, name: &str) -> Result<Option<bool>, Problem> {
    match given(map, name) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(other) => Err(Problem::wrong_type(other, name, "bool")),
    }
}

/// A whole number of 64 bits.
pub(crate) fn integer(map: &Map<String, Value>, name: &str) -> Result<Option<i64>, Problem> {
    let Some(value) = given(map, name) else { return Ok(None) };
    let number = value.as_i64().ok_or_else(|| Problem::wrong_type(value, name, "int64"))?;
    Ok(Some(number))
}

/// A share.
pub(crate) fn number(map: &Map<String, Value>, name: &str) -> Result<Option<f64>, Problem> {
    let Some(value) = given(map, name) else { return Ok(None) };
    let number = value.as_f64().ok_or_else(|| Problem::wrong_type(value, name, "float32"))?;
    Ok(Some(number))
}

/// An object within an object.
pub(crate) fn member(
    map: &Map<String, Value>,
    name: &str,
    wanted: &str,
) -> Result<Map<String, Value>, Problem> {
    match given(map, name) {
        None => Ok(Map::new()),
        Some(Value::Object(member)) => Ok(member.clone()),
        Some(other) => Err(Problem::wrong_type(other, name, wanted)),
    }
}

/// A list within an object; none when it is not given.
pub(crate) fn array(map: &Map<String, Value>, name: &str) -> Result<Vec<Value>, Problem> {
    match given(map, name) {
        None => Ok(Vec::new()),
        Some(Value::Array(members)) => Ok(members.clone()),
        Some(other) => Err(Problem::wrong_type(other, name, "[]interface {}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_value_counts_in_any_letter_case() {
        let body = value(br#"{"NAME":"a","name":null} trailing"#).expect("a value");
        assert_eq!(text(&object(body, "Proxy").expect("an object"), "Name"), Ok(Some("a".into())));
        assert_eq!(value(b"  "), Err(Problem("EOF".into())));
        assert_eq!(value(br#"{"a":"#), Err(Problem("unexpected EOF".into())));
    }

    #[test]
    fn a_wrong_type_is_told_as_upstream_tells_it() {
        let map = object(json!({"rate": "10", "jitter": 1.5}), "Toxic").expect("an object");
        let told = integer(&map, "rate").expect_err("a text is no number").0;
        assert_eq!(told, "json: cannot unmarshal string into Go struct field rate of type int64");
        assert!(integer(&map, "jitter").is_err());
    }
}
