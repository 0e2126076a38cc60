//! Reads objects out of JSON, and says in plain words which field is not as it must be.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;

use crate::error::Error;

/// What is read from an object alone: serde would take an array for the fields in their order.
#[derive(Default)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// What serde calls what it expected, and what its users call it.
const WORDS: &[(&str, &str)] = &[
    ("u32", "a whole number from 0 to 4294967295"),
    ("u64", "a whole number, 0 or more"),
    ("f64", "a number"),
    ("a string", "a text"),
    ("a boolean", "true or false"),
    ("a map", "an object"),
    ("a sequence", "a list"),
];

/// Reads a body.
///
/// # Errors
/// It is not JSON, not an object, or a field is missing or of another type: that field is named.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    match serde_json::from_slice::<Object<T>>(bytes) {
        Ok(Object(value)) => Ok(value),
        Err(error) => Err(explain::<T>(bytes, &error)),
    }
}

fn explain<T: DeserializeOwned>(bytes: &[u8], error: &serde_json::Error) -> Error {
    if error.classify() != Category::Data {
        return Error::Invalid { error: format!("the body is not JSON: {error}"), field: None };
    }
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let quoted =
        |start: &str| text.strip_prefix(start).and_then(|rest: &str| rest.split('`').next());
    let parent = place::<T>(bytes);
    let faults = [("missing field `", "is missing"), ("duplicate field `", "is there twice")];
    for (start, fault) in faults {
        if let Some(name) = quoted(start) {
            let field = parent.map_or(name.to_owned(), |parent| format!("{parent}.{name}"));
            let error = format!("{field} {fault}");
            return Error::Invalid { error, field: Some(Cow::Owned(field)) };
        }
    }
    let expected = text.rsplit_once(", expected ").map_or(text, |(_, expected)| expected);
    let known = WORDS.iter().find(|(word, _)| *word == expected);
    let expected = known.map_or(expected, |(_, plain)| plain);
    let error = format!("{} must be {expected}", parent.as_deref().unwrap_or("the body"));
    Error::Invalid { error, field: parent.map(Cow::Owned) }
}

/// Where in the body it goes wrong; nothing where that is the body itself.
fn place<T: DeserializeOwned>(bytes: &[u8]) -> Option<String> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let error = serde_path_to_error::deserialize::<_, Object<T>>(&mut deserializer).err()?;
    error.path().iter().next()?;
    Some(error.path().to_string())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Outer {
        name: String,
        list: Option<Vec<String>>,
        #[serde(default)]
        inner: Object<Inner>,
    }

    #[derive(Deserialize, Default)]
    #[allow(dead_code)]
    struct Inner {
        count: Option<u32>,
    }

    fn fault(body: &str) -> (String, Option<String>) {
        match parse::<Outer>(body.as_bytes()).map(|_| ()) {
            Err(Error::Invalid { error, field }) => (error, field.map(Cow::into_owned)),
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn each_fault_is_named_with_its_place_and_in_plain_words() {
        for (body, error, field) in [
            (r#"["ada"]"#, "the body must be an object", None),
            (r#""ada""#, "the body must be an object", None),
            ("{}", "name is missing", Some("name")),
            (r#"{"name":1}"#, "name must be a text", Some("name")),
            (
                r#"{"name":"a","inner":{"count":1,"count":2}}"#,
                "inner.count is there twice",
                Some("inner.count"),
            ),
            (r#"{"name":"a","name":"b"}"#, "name is there twice", Some("name")),
            (r#"{"name":"a","list":["b",1]}"#, "list[1] must be a text", Some("list[1]")),
            (r#"{"name":"a","list":{}}"#, "list must be a list", Some("list")),
            (r#"{"name":"a","inner":[1]}"#, "inner must be an object", Some("inner")),
            (
                r#"{"name":"a","inner":{"count":-1}}"#,
                "inner.count must be a whole number from 0 to 4294967295",
                Some("inner.count"),
            ),
        ] {
            assert_eq!(fault(body), (error.to_owned(), field.map(ToOwned::to_owned)), "{body}");
        }
        let (error, field) = fault(r#"{"name":"#);
        assert!(error.starts_with("the body is not JSON: ") && field.is_none(), "{error}");
        assert!(parse::<Outer>(br#"{"name":"a","inner":{"count":null}}"#).is_ok());
    }
}
