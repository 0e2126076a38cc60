//! What a setting of a fault can be, for the schema, the example plan and drawn faults.

use crate::faults::{Form, LEAST_SHARE, Setting};
use redrill_history::print_duration;
use serde_json::{Value, json};

/// The schema of its value.
pub(super) fn schema(setting: &Setting) -> Value {
    match setting.form {
        Form::Duration { .. } => json!({ "$ref": "#/$defs/duration" }),
        Form::Whole { least, most, .. } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Form::Share { .. } => json!({ "type": "number", "minimum": LEAST_SHARE, "maximum": 1 }),
        Form::Choice(words) | Form::Word(words) => json!({ "enum": words }),
        Form::Text { .. } => json!({ "type": "string" }),
    }
}

/// A value for a random fault, where it must have one: drawn with `below`, so as to be felt.
pub(super) fn drawn(setting: &Setting, mut below: impl FnMut(usize) -> usize) -> toml::Value {
    match setting.form {
        Form::Duration { .. } => format!("{}ms", 50 + 10 * below(46)).into(),
        Form::Whole { least, most, .. } => {
            let felt = 20 + 10 * below(19) as u64;
            i64::try_from(felt.clamp(least, most)).unwrap_or(i64::MAX).into()
        }
        Form::Share { default } => default.into(),
        Form::Choice(words) | Form::Word(words) => {
            words.first().copied().unwrap_or_default().into()
        }
        Form::Text { default } => default.into(),
    }
}

/// A value that shows: its default, or something that is felt; none where an absent one is the
/// default.
pub(super) fn example(setting: &Setting) -> Option<toml::Value> {
    match setting.form {
        Form::Duration { default: Some(default) } => Some(print_duration(default).into()),
        Form::Whole { default: Some(default), .. } => i64::try_from(default).ok().map(Into::into),
        Form::Text { default: "" } | Form::Word(_) => None,
        _ => Some(drawn(setting, |_| 10)),
    }
}
