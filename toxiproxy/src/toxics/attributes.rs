//! The attributes of a toxic: declared once a kind, checked and merged here.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use crate::api::body::{Fields, Problem};

/// The longest time that an attribute takes: a year, in milliseconds.
pub(super) const MOST_MS: i64 = 365 * 24 * 3600 * 1000;
/// The greatest amount of bytes that an attribute takes: what JSON's numbers hold exactly.
pub(super) const MOST_BYTES: i64 = 1 << 53;

/// The declaration of an attribute. The unit is in `about`.
#[derive(Debug)]
pub(crate) struct Attribute {
    /// The name in the API.
    pub(crate) name: &'static str,
    /// What it means, with its unit.
    pub(crate) about: &'static str,
    /// The values taken.
    pub(crate) range: Range,
}

/// The values that an attribute takes.
#[derive(Debug)]
pub(crate) enum Range {
    /// Whole numbers, of this type in upstream's messages; zero when it is not given.
    Whole(RangeInclusive<i64>, &'static str),
    /// A share, from 0 to 1, and what it is when it is not given.
    Share(f64),
    /// A text; an empty one when it is not given.
    Text,
    /// One of these words; the first when it is not given.
    Choice(&'static [&'static str]),
}

impl Attribute {
    /// A time in milliseconds, from nothing to a year.
    pub(super) const fn millis(name: &'static str, about: &'static str) -> Attribute {
        Attribute { name, about, range: Range::Whole(0..=MOST_MS, "int64") }
    }

    /// The value that is given.
    fn given(&self, fields: &Fields) -> Result<Option<Value>, Problem> {
        Ok(match &self.range {
            Range::Whole(_, type_name) => fields.whole(self.name, type_name)?.map(Value::Number),
            Range::Share(_) => fields.number(self.name, "float64")?.map(Value::Number),
            Range::Text | Range::Choice(_) => fields.text(self.name)?.map(Value::String),
        })
    }

    fn default(&self) -> Value {
        match &self.range {
            Range::Whole(..) => Value::from(0),
            Range::Share(share) => Value::from(*share),
            Range::Text => Value::from(""),
            Range::Choice(words) => Value::from(words.first().copied().unwrap_or_default()),
        }
    }

    fn check(&self, value: &Value) -> Result<(), Problem> {
        let (taken, bounds) = match &self.range {
            Range::Whole(range, _) => {
                let taken = value.as_i64().is_some_and(|value| range.contains(&value));
                (taken, format!("{} and {}", range.start(), range.end()))
            }
            Range::Share(_) => {
                let taken = value.as_f64().is_some_and(|value| (0.0..=1.0).contains(&value));
                (taken, "0 and 1".to_owned())
            }
            Range::Text => return Ok(()),
            Range::Choice(words) => {
                let taken = value.as_str().is_some_and(|value| words.contains(&value));
                (taken, format!("these: {}", words.join(", ")))
            }
        };
        let Attribute { name, about, .. } = self;
        let problem = || Problem(format!("{name} must be between {bounds}, got {value} ({about})"));
        taken.then_some(()).ok_or_else(problem)
    }
}

/// The attributes of one toxic with their values, in the order of the declaration.
#[derive(Clone, Debug)]
pub(crate) struct Attributes(Vec<(&'static Attribute, Value)>);

impl Attributes {
    /// Every attribute as it is when it is not given.
    pub(crate) fn defaults(declared: &'static [Attribute]) -> Attributes {
        Attributes(declared.iter().map(|attribute| (attribute, attribute.default())).collect())
    }

    /// These values with the given ones in their place. Unknown names are ignored, as upstream.
    ///
    /// # Errors
    /// A value of a wrong type or out of range, also a default.
    pub(crate) fn merged(&self, given: &Fields) -> Result<Attributes, Problem> {
        let merge = |(attribute, value): &(&'static Attribute, Value)| {
            let value = attribute.given(given)?.unwrap_or_else(|| value.clone());
            attribute.check(&value)?;
            Ok((*attribute, value))
        };
        self.0.iter().map(merge).collect::<Result<_, _>>().map(Attributes)
    }

    fn value(&self, attribute: &Attribute) -> Option<&Value> {
        let mut values = self.0.iter();
        values.find(|(declared, _)| declared.name == attribute.name).map(|(_, value)| value)
    }

    /// The value of a declared attribute that is a whole number and never negative.
    pub(super) fn whole(&self, attribute: &Attribute) -> u64 {
        self.value(attribute).and_then(Value::as_u64).unwrap_or_default()
    }

    /// The value of a declared attribute that is a share.
    pub(crate) fn share(&self, attribute: &Attribute) -> f64 {
        self.value(attribute).and_then(Value::as_f64).unwrap_or_default()
    }

    /// The value of a declared attribute that is a text or one of several words.
    pub(crate) fn text(&self, attribute: &Attribute) -> &str {
        self.value(attribute).and_then(Value::as_str).unwrap_or_default()
    }

    /// The value of a declared attribute that is a time in milliseconds.
    pub(super) fn millis(&self, attribute: &Attribute) -> Duration {
        Duration::from_millis(self.whole(attribute))
    }

    /// As the API shows them.
    pub(crate) fn to_json(&self) -> Value {
        let entry = |(attribute, value): &(&'static Attribute, Value)| {
            (attribute.name.to_owned(), value.clone())
        };
        Value::Object(self.0.iter().map(entry).collect())
    }
}
