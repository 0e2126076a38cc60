//! Placeholders in a target file: `{user}` in a text, `"{#delay_ms}"` for a number of JSON.

use serde_json::Value;

/// What placeholders stand for; `None` leaves the field that holds only this placeholder out.
pub type Values<'a> = [(&'a str, Option<String>)];

/// Fills the placeholders of a text. One that is not known stays as written, so that it is seen.
pub fn fill(text: &str, values: &Values<'_>) -> String {
    let mut filled = text.to_owned();
    for (name, value) in values {
        if let Some(value) = value {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
    }
    filled
}

/// Fills the placeholders of a JSON value; `None` when it is a lone placeholder without a value.
pub(super) fn fill_json(template: &Value, values: &Values<'_>) -> Option<Value> {
    match template {
        Value::String(text) => fill_text(text, values),
        Value::Array(items) => {
            Some(Value::Array(items.iter().filter_map(|item| fill_json(item, values)).collect()))
        }
        Value::Object(fields) => Some(Value::Object(
            fields
                .iter()
                .filter_map(|(name, field)| Some((name.clone(), fill_json(field, values)?)))
                .collect(),
        )),
        other => Some(other.clone()),
    }
}

/// As [`fill`]; `None` when the text is a lone placeholder without a value.
pub fn fill_variable(text: &str, values: &Values<'_>) -> Option<String> {
    let name = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match values.iter().find(|(known, _)| Some(*known) == name) {
        Some((_, None)) => None,
        _ => Some(fill(text, values)),
    }
}

fn fill_text(text: &str, values: &Values<'_>) -> Option<Value> {
    let lone = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let (name, is_number) = match lone.map(|name| (name.strip_prefix('#'), name)) {
        Some((Some(name), _)) => (name, true),
        Some((None, name)) => (name, false),
        None => return Some(Value::String(fill(text, values))),
    };
    match values.iter().find(|(known, _)| *known == name) {
        Some((_, None)) => None,
        Some((_, Some(value))) if is_number => {
            Some(value.parse::<i64>().map_or_else(|_| Value::String(value.clone()), Value::from))
        }
        Some((_, Some(value))) => Some(Value::String(value.clone())),
        None => Some(Value::String(fill(text, values))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_numbers_and_absent_fields() {
        let template =
            json!({"to": "{user}@x", "n": "{#n}", "opts": {"delay": "{#delay}", "k": 1}});
        let values =
            [("user", Some("u1".to_owned())), ("n", Some("7".to_owned())), ("delay", None)];
        let filled = fill_json(&template, &values).unwrap();
        assert_eq!(filled, json!({"to": "u1@x", "n": 7, "opts": {"k": 1}}));
    }

    #[test]
    fn a_variable_without_a_value_is_left_out() {
        let values = [("host", Some("h".to_owned())), ("sentinels", None)];
        assert_eq!(fill_variable("{host}", &values).as_deref(), Some("h"));
        assert_eq!(fill_variable("redis://{host}", &values).as_deref(), Some("redis://h"));
        assert_eq!(fill_variable("{sentinels}", &values), None);
    }

    #[test]
    fn an_unknown_placeholder_stays_visible() {
        assert_eq!(fill("/a/{b}", &[]), "/a/{b}");
        assert_eq!(fill_variable("{b}", &[]).as_deref(), Some("{b}"));
    }
}
