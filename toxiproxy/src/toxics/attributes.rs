//! The attributes of a toxic: declared once a kind, checked and merged here.

use serde_json::{Map, Number, Value};

use crate::api::body::{self, Problem};

/// The longest time that an attribute takes: a year, in milliseconds.
pub(crate) const YEAR_MS: i64 = 365 * 24 * 3600 * 1000;

/// The declaration of an attribute. The unit is in the name or in `about`.
#[derive(Debug)]
pub(crate) struct Attribute {
    /// The name in the API.
    pub(crate) name: &'static str,
    /// What it means, with its unit.
    pub(crate) about: &'static str,
    /// The value when it is not given.
    pub(crate) default: i64,
    /// The least value taken.
    pub(crate) least: i64,
    /// The greatest value taken.
    pub(crate) greatest: i64,
}

impl Attribute {
    /// A time in milliseconds, from nothing to a year, by default nothing.
    pub(crate) const fn millis(name: &'static str, about: &'static str) -> Attribute {
        Attribute { name, about, default: 0, least: 0, greatest: YEAR_MS }
    }
}

/// The attributes of one toxic with their values, in the order of the declaration.
#[derive(Clone, Debug)]
pub(crate) struct Attributes(Vec<(&'static Attribute, i64)>);

impl Attributes {
    /// Every attribute at its default.
    pub(crate) fn defaults(declared: &'static [Attribute]) -> Attributes {
        Attributes(declared.iter().map(|attribute| (attribute, attribute.default)).collect())
    }

    /// These values with the given ones in their place. Unknown names are ignored, as upstream.
    ///
    /// # Errors
    /// A value of a wrong type or out of range; nothing is changed then.
    pub(crate) fn merged(&self, given: &Map<String, Value>) -> Result<Attributes, Problem> {
        let mut values = self.0.clone();
        for (attribute, value) in &mut values {
            let Some(number) = body::integer(given, attribute.name)? else { continue };
            if !(attribute.least..=attribute.greatest).contains(&number) {
                return Err(Problem(format!(
                    "attribute {} must be between {} and {}, got {number} ({})",
                    attribute.name, attribute.least, attribute.greatest, attribute.about
                )));
            }
            *value = number;
        }
        Ok(Attributes(values))
    }

    /// The value of a declared attribute that cannot be negative.
    pub(crate) fn unsigned(&self, attribute: &Attribute) -> u64 {
        let value = self.0.iter().find(|(declared, _)| declared.name == attribute.name);
        value.and_then(|(_, value)| u64::try_from(*value).ok()).unwrap_or_default()
    }

    /// As the API shows them.
    pub(crate) fn to_json(&self) -> Value {
        let entry = |(attribute, value): &(&'static Attribute, i64)| {
            (attribute.name.to_owned(), Value::Number(Number::from(*value)))
        };
        Value::Object(self.0.iter().map(entry).collect())
    }
}
