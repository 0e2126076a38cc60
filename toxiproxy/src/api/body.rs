//! Request bodies, read as upstream's JSON decoder reads them: the first value counts and what
//! follows it is ignored, names match in any letter case, null leaves a default, unknown names
//! are ignored. What is wrong is told in the words of Go's `encoding/json`.

use serde_json::{Map, Number, Value};

use super::syntax;

/// What is wrong with a body, in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem(pub(crate) String);

/// The members of an object.
#[derive(Debug)]
pub(crate) struct Fields {
    map: Map<String, Value>,
    /// What precedes a member's name in messages, such as `Proxy.`.
    owner: String,
}

/// The first JSON value of a body.
///
/// # Errors
/// No value, or a malformed one.
pub(crate) fn value(bytes: &[u8]) -> Result<Value, Problem> {
    match serde_json::Deserializer::from_slice(bytes).into_iter::<Value>().next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(Problem(syntax::explain(bytes, &error))),
        None => Err(Problem("EOF".into())),
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
        other => Err(wrong_type(&other, "value", wanted, false)),
    }
}

fn wrong_type(value: &Value, place: &str, wanted: &str, tell_number: bool) -> Problem {
    let found = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(number) if tell_number => format!("number {number}"),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    };
    Problem(format!("json: cannot unmarshal {found} into Go {place} of type {wanted}"))
}

impl Fields {
    /// The members of a body that is an object of upstream's type `wanted`, such as
    /// `toxiproxy.Proxy`; null counts as an empty one.
    ///
    /// # Errors
    /// Something else than an object.
    pub(crate) fn of(value: Value, wanted: &str) -> Result<Fields, Problem> {
        let owner = wanted.split_once('.').map_or("", |(_, name)| name);
        let owner = format!("{}.", if wanted.contains(' ') { "" } else { owner });
        match value {
            Value::Object(map) => Ok(Fields { map, owner }),
            Value::Null => Ok(Fields { map: Map::new(), owner }),
            other => Err(wrong_type(&other, "value", wanted, false)),
        }
    }

    /// A member that is given and not null.
    fn given(&self, name: &str) -> Option<&Value> {
        let same = |(key, _): &(&String, &Value)| key.eq_ignore_ascii_case(name);
        let any_case = || self.map.iter().find(same).map(|(_, value)| value);
        self.map.get(name).or_else(any_case).filter(|value| !value.is_null())
    }

    fn problem(&self, name: &str, wanted: &str, tell_number: bool) -> Problem {
        let value = self.given(name).unwrap_or(&Value::Null);
        wrong_type(value, &format!("struct field {}{name}", self.owner), wanted, tell_number)
    }

    /// A member, read by `read`, which gives nothing for a wrong type.
    fn read<'a, T>(
        &'a self,
        name: &str,
        (wanted, tell_number): (&str, bool),
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.given(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.problem(name, wanted, tell_number))
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        self.read(name, ("string", false), |value| value.as_str().map(str::to_owned))
    }

    /// A truth value.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Problem> {
        self.read(name, ("bool", false), Value::as_bool)
    }

    /// A whole number of 64 bits; `wanted` is its type in messages.
    pub(crate) fn whole(&self, name: &str, wanted: &str) -> Result<Option<Number>, Problem> {
        self.read(name, (wanted, true), |value| value.as_i64().map(Number::from))
    }

    /// A number; `wanted` is its type in messages.
    pub(crate) fn number(&self, name: &str, wanted: &str) -> Result<Option<Number>, Problem> {
        self.read(name, (wanted, true), |value| value.as_number().cloned())
    }

    /// A list; an empty one when it is not given.
    pub(crate) fn array(&self, name: &str) -> Result<Vec<Value>, Problem> {
        let array = self.read(name, ("[]interface {}", false), Value::as_array)?;
        Ok(array.cloned().unwrap_or_default())
    }

    /// An object of upstream's type `wanted`, such as `toxics.LatencyToxic`.
    pub(crate) fn member(&self, name: &str, wanted: &str) -> Result<Fields, Problem> {
        let map = self.read(name, (wanted, false), Value::as_object)?;
        let owner = wanted.split_once('.').map_or(wanted, |(_, name)| name);
        Ok(Fields { map: map.cloned().unwrap_or_default(), owner: format!("{owner}.{name}.") })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_value_counts_in_any_letter_case() {
        let body = value(br#"{"NAME":"a","name":null} trailing"#).expect("a value");
        let fields = Fields::of(body, "toxiproxy.Proxy").expect("an object");
        assert_eq!(fields.text("Name"), Ok(Some("a".into())));
        assert_eq!(value(b"  "), Err(Problem("EOF".into())));
    }

    #[test]
    fn a_wrong_type_is_told_as_upstream_tells_it() {
        let told = |problem: Problem| problem.0.replacen("json: cannot unmarshal ", "", 1);
        let body = json!({"name": 5, "attributes": {"rate": "10", "jitter": 1.5}});
        let fields = Fields::of(body, "toxics.ToxicWrapper").expect("an object");
        let name = fields.text("name").expect_err("a number is no text");
        assert_eq!(told(name), "number into Go struct field ToxicWrapper.name of type string");
        let attributes = fields.member("attributes", "toxics.BandwidthToxic").expect("an object");
        let rate = attributes.whole("rate", "int64").expect_err("a text is no number");
        let place = "into Go struct field BandwidthToxic.attributes";
        assert_eq!(told(rate), format!("string {place}.rate of type int64"));
        let jitter = attributes.whole("jitter", "int64").expect_err("not a whole number");
        assert_eq!(told(jitter), format!("number 1.5 {place}.jitter of type int64"));
        let list = Fields::of(json!([]), "toxiproxy.Proxy").expect_err("no object");
        assert_eq!(told(list), "array into Go value of type toxiproxy.Proxy");
    }
}
