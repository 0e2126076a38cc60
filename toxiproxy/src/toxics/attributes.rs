//! The attributes of a toxic: declared once a kind, checked and merged here.

use std::ops::RangeInclusive;

use serde_json::{Number, Value};

use crate::api::body::{Fields, Problem};

/// The longest time that an attribute takes: a year, in milliseconds.
const YEAR_MS: i64 = 365 * 24 * 3600 * 1000;
/// The greatest amount of bytes that an attribute takes: what JSON's numbers hold exactly.
pub(super) const MOST_BYTES: i64 = 1 << 53;

/// The declaration of an attribute, which is zero when it is not given. The unit is in `about`.
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
    /// Whole numbers, of this type in upstream's messages.
    Whole(RangeInclusive<i64>, &'static str),
    /// A share, from 0 to 1.
    Share,
}

impl Attribute {
    /// A time in milliseconds, from nothing to a year.
    pub(super) const fn millis(name: &'static str, about: &'static str) -> Attribute {
        Attribute { name, about, range: Range::Whole(0..=YEAR_MS, "int64") }
    }

    /// The value that is given.
    fn given(&self, fields: &Fields) -> Result<Option<Number>, Problem> {
        match &self.range {
            Range::Whole(_, type_name) => fields.whole(self.name, type_name),
            Range::Share => fields.number(self.name, "float64"),
        }
    }

    fn check(&self, value: &Number) -> Result<(), Problem> {
        let (taken, bounds) = match &self.range {
            Range::Whole(range, _) => {
                let taken = value.as_i64().is_some_and(|value| range.contains(&value));
                (taken, format!("{} and {}", range.start(), range.end()))
            }
            Range::Share => {
                let taken = value.as_f64().is_some_and(|value| (0.0..=1.0).contains(&value));
                (taken, "0 and 1".to_owned())
            }
        };
        let Attribute { name, about, .. } = self;
        let problem = || Problem(format!("{name} must be between {bounds}, got {value} ({about})"));
        taken.then_some(()).ok_or_else(problem)
    }
}

/// The attributes of one toxic with their values, in the order of the declaration.
#[derive(Clone, Debug)]
pub(crate) struct Attributes(Vec<(&'static Attribute, Number)>);

impl Attributes {
    /// Every attribute at zero.
    pub(crate) fn defaults(declared: &'static [Attribute]) -> Attributes {
        Attributes(declared.iter().map(|attribute| (attribute, Number::from(0))).collect())
    }

    /// These values with the given ones in their place. Unknown names are ignored, as upstream.
    ///
    /// # Errors
    /// A value of a wrong type or out of range, also one that was left at zero.
    pub(crate) fn merged(&self, given: &Fields) -> Result<Attributes, Problem> {
        let merge = |(attribute, value): &(&'static Attribute, Number)| {
            let value = attribute.given(given)?.unwrap_or_else(|| value.clone());
            attribute.check(&value)?;
            Ok((*attribute, value))
        };
        self.0.iter().map(merge).collect::<Result<_, _>>().map(Attributes)
    }

    fn value(&self, attribute: &Attribute) -> Option<&Number> {
        let mut values = self.0.iter();
        values.find(|(declared, _)| declared.name == attribute.name).map(|(_, value)| value)
    }

    /// The value of a declared attribute that is a whole number and never negative.
    pub(super) fn whole(&self, attribute: &Attribute) -> u64 {
        self.value(attribute).and_then(Number::as_u64).unwrap_or_default()
    }

    /// The value of a declared attribute that is a share.
    pub(super) fn share(&self, attribute: &Attribute) -> f64 {
        self.value(attribute).and_then(Number::as_f64).unwrap_or_default()
    }

    /// As the API shows them.
    pub(crate) fn to_json(&self) -> Value {
        let entry = |(attribute, value): &(&'static Attribute, Number)| {
            (attribute.name.to_owned(), Value::Number(value.clone()))
        };
        Value::Object(self.0.iter().map(entry).collect())
    }
}
