//! The JSON schema of plan files, from the registries and the tables of keys: what an editor needs
//! to complete a plan and to underline what is wrong. What only a whole plan shows (a fault that
//! outlasts the load, a target that the topology lacks) is left to `redrill plan check`.

use super::keys::{Given, KEYS, Key};
use super::settings;
use super::takes::{LISTS, Takes, find};
use crate::faults::{self, Fault, Hits};
use redrill_history::Capability;
use redrill_scenarios::checker::{self, Objective};
use redrill_scenarios::gate::metrics::METRICS;
use serde_json::{Map, Value, json};

/// A duration as `humantime` reads it: numbers with units, one after another.
const DURATION: &str = "^(0|\\s*([0-9][0-9\\s]*(\\.[0-9\\s]+)?(nanos|nsec|ns|usec|us|µs|millis|\
     msec|ms|seconds|second|secs|sec|s|minutes|minute|mins|min|m|hours|hour|hrs|hr|h|days|day|d|\
     weeks|week|wks|wk|w|months|month|M|years|year|yrs|yr|y)\\s*)+)$";
/// What `name.rs` takes for a name.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";

/// What only the main Redis is told of all of them.
const ELSEWHERE: [&str; 7] =
    ["backend", "image", "cache", "sessions", "toxiproxy", "proxy", "prefix"];

/// The schema of a whole plan.
pub(crate) fn schema() -> Value {
    let mut plan = section("");
    let about = "A plan of redrill: a load, a timeline of faults, and what must hold.";
    for (name, value) in [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!("redrill plan")),
        ("description", json!(about)),
        ("$defs", json!({ "duration": { "type": "string", "pattern": DURATION } })),
    ] {
        plan.insert(name.to_owned(), value);
    }
    Value::Object(plan)
}

/// The table whose keys begin with this.
fn section(prefix: &str) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in KEYS {
        let Some(rest) = key.name.strip_prefix(prefix) else { continue };
        let name = rest.split('.').next().unwrap_or(rest);
        if properties.contains_key(name) {
            continue;
        }
        let full = format!("{prefix}{name}");
        if name == "X" {
            let one = Value::Object(section(&format!("{full}.")));
            let all = Capability::ALL.map(|capability| (capability.name().to_owned(), one.clone()));
            properties.extend(all);
        } else {
            properties.insert(name.to_owned(), described(&full));
        }
        if full == key.name && key.given == Given::Required {
            required.push(json!(name));
        }
    }
    let mut table = Map::new();
    table.insert("type".to_owned(), json!("object"));
    table.insert("properties".to_owned(), Value::Object(properties));
    table.insert("additionalProperties".to_owned(), json!(false));
    if !required.is_empty() {
        table.insert("required".to_owned(), Value::Array(required));
    }
    table
}

/// A key or section of that name, with its words and its default.
fn described(name: &str) -> Value {
    let key = find(name);
    let is_section = key.is_none_or(|key| matches!(key.takes(), Takes::Section));
    let mut value = match key {
        Some(key) if !is_section => value(key),
        _ => table(name),
    };
    if let Some(key) = key {
        value.insert("description".to_owned(), json!(key.words()));
        if let Some(default) = key.default().and_then(|value| serde_json::to_value(value).ok()) {
            value.insert("default".to_owned(), default);
        }
    }
    Value::Object(value)
}

fn table(name: &str) -> Map<String, Value> {
    let mut table = section(&format!("{name}."));
    if name == "fault" {
        let each: Vec<Value> = faults::FAULTS.iter().map(|kind| fault(*kind)).collect();
        table.insert("allOf".to_owned(), Value::Array(each));
    }
    if LISTS.contains(&name) {
        return object(json!({ "type": "array", "items": table }));
    }
    table
}

/// What of a fault depends on its kind.
fn fault(kind: &dyn Fault) -> Value {
    let settings = kind.settings();
    let with: Map<String, Value> = settings
        .iter()
        .map(|setting| {
            let mut value = settings::schema(setting);
            value["description"] = json!(setting.doc);
            (setting.name.to_owned(), value)
        })
        .collect();
    let is_required = |setting: &&faults::Setting| setting.is_required();
    let needed: Vec<&str> =
        settings.iter().filter(is_required).map(|setting| setting.name).collect();
    let mut required = Vec::new();
    let mut properties = Map::new();
    properties.insert(
        "with".to_owned(),
        json!({ "properties": with, "required": needed, "additionalProperties": false }),
    );
    if !needed.is_empty() {
        required.push("with");
    }
    match kind.heals() {
        Some(_) => required.push("for"),
        None => drop(properties.insert("for".to_owned(), json!(false))),
    }
    if kind.hits() == Hits::Pairs {
        required.push("from");
        properties.insert("from".to_owned(), json!({ "minItems": 1 }));
    }
    json!({
        "if": { "properties": { "kind": { "const": kind.name() } }, "required": ["kind"] },
        "then": { "properties": properties, "required": required },
    })
}

/// What a key's value may be.
fn value(key: &Key) -> Map<String, Value> {
    let duration = json!({ "$ref": "#/$defs/duration" });
    object(match key.takes() {
        Takes::Text => json!({ "type": "string" }),
        Takes::Name => json!({ "type": "string", "pattern": NAME }),
        Takes::Time => duration,
        Takes::Times => {
            json!({ "type": "array", "items": duration, "minItems": 2, "maxItems": 2 })
        }
        Takes::Whole(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Takes::Number(least, most) => {
            json!({ "type": "number", "minimum": least, "maximum": most })
        }
        Takes::OneOf(names) => json!({ "enum": names() }),
        Takes::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Takes::SomeOf(names) => json!({ "type": "array", "items": { "enum": names() } }),
        Takes::Group => group(),
        Takes::Outside => outside(),
        Takes::Objectives => objectives(),
        Takes::Tolerances => {
            let tolerated = json!({ "type": "string", "pattern": "%" });
            named(METRICS.iter().map(|metric| (metric.name, tolerated.clone())))
        }
        Takes::Variables => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        Takes::Section | Takes::Settings | Takes::Written => json!({ "type": "object" }),
    })
}

/// A Redis of its own has the keys of the main one.
fn group() -> Value {
    let keys = KEYS.iter().filter_map(|key| key.name.strip_prefix("environment."));
    let own = keys.filter(|name| !name.contains('.') && !ELSEWHERE.contains(name));
    named(own.map(|name| (name, described(&format!("environment.{name}")))))
}

/// The same of where it is.
fn outside() -> Value {
    let section = "environment.external.";
    let keys = KEYS.iter().filter_map(|key| key.name.strip_prefix(section));
    let own = keys.filter(|name| !ELSEWHERE.contains(name));
    named(own.map(|name| (name, described(&format!("{section}{name}")))))
}

/// A bound of the kind that says something, by checker.
fn objectives() -> Value {
    named(checker::all().filter_map(|known| {
        let mut bound = match known.objective() {
            Objective::Count => json!({ "type": "integer", "minimum": 0 }),
            Objective::Time => json!({ "$ref": "#/$defs/duration" }),
            Objective::Share => json!({ "type": "string", "pattern": "^.*%$" }),
            Objective::None => return None,
        };
        bound["description"] = json!(known.statement());
        Some((known.id(), bound))
    }))
}

/// A table of these keys and no other.
fn named<'a>(values: impl Iterator<Item = (&'a str, Value)>) -> Value {
    let properties: Map<String, Value> =
        values.map(|(name, value)| (name.to_owned(), value)).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::plan::{Overrides, PLANS, Plan, example};
    use boon::{Compiler, SchemaIndex, Schemas};

    /// A validator of plans.
    pub(in crate::plan) struct Validator(Schemas, SchemaIndex);

    impl Validator {
        pub(in crate::plan) fn new() -> Self {
            let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
            compiler.add_resource("plan.json", schema()).unwrap();
            let index = compiler.compile("plan.json", &mut schemas).unwrap();
            Self(schemas, index)
        }

        /// Why the schema refuses this plan; none where it does not.
        pub(in crate::plan) fn refusal(&self, text: &str) -> Option<String> {
            let plan = toml::from_str::<toml::Value>(text).unwrap();
            let plan = serde_json::to_value(plan).unwrap();
            self.0.validate(&plan, self.1).err().map(|error| format!("{error:#}"))
        }
    }

    #[test]
    fn every_plan_of_redrill_is_valid_as_written_and_as_resolved() {
        let validator = Validator::new();
        let mine = example("mine").unwrap();
        for (name, text) in PLANS.iter().copied().chain([("mine", mine.as_str())]) {
            assert_eq!(validator.refusal(text), None, "{name}");
            let plan = Plan::parse(name, text, &Overrides::default()).unwrap();
            let resolved = plan.resolved.to_toml().unwrap();
            assert_eq!(validator.refusal(&resolved), None, "{resolved}");
        }
    }

    #[test]
    fn what_no_plan_can_have_is_invalid() {
        let validator = Validator::new();
        let fault = |lines: &str| format!("[[fault]]\nkind = \"latency\"\n{lines}\n");
        let slow = "at = \"1s\"\nfor = \"1s\"\ntarget = [\"node[0]\"]\n";
        for (text, is_valid) in [
            ("nmae = \"x\"\n".to_owned(), false),
            ("name = \"a b\"\n".to_owned(), false),
            ("kind = \"dril\"\n".to_owned(), false),
            ("[load]\ndurration = \"5s\"\n".to_owned(), false),
            ("[load]\nduration = \"5\"\n".to_owned(), false),
            ("[load]\nduration = \"1m 5.5s\"\n".to_owned(), true),
            ("[load.capabilities.quue]\n".to_owned(), false),
            ("[load.capabilities.queue]\nrate_per_s = 0\n".to_owned(), false),
            ("[load.capabilities.queue]\nrate_per_s = 50\n".to_owned(), true),
            ("[environment]\ntopology = \"ring\"\n".to_owned(), false),
            ("[environment.cache]\ntopology = \"standalone\"\n".to_owned(), true),
            ("[environment.cache]\nbackend = \"processes\"\n".to_owned(), false),
            ("[objectives]\n\"queue.lots\" = 0\n".to_owned(), false),
            ("[objectives]\n\"service.recovery\" = 5\n".to_owned(), false),
            ("[objectives]\n\"service.availability\" = \"95%\"\n".to_owned(), true),
            ("[gate.tolerated]\nspeed = \"1%\"\n".to_owned(), false),
            ("fault = 4\n".to_owned(), false),
            (fault(&format!("{slow}with = {{ latency = \"1ms\" }}")), true),
            (fault(&format!("{slow}with = {{ latency = 1, jiter = 2 }}")), false),
            (fault(&format!("{slow}with = {{ jitter = 2 }}")), false),
            (fault(slow), false),
            (fault("target = [\"node[0]\"]\nwith = { latency = 1 }\nfor = \"1s\""), false),
            (fault(slow).replace("latency", "kill"), true),
            (fault(slow).replace("latency", "explode"), false),
            (fault(slow).replace("latency", "restart"), false),
            (fault(slow).replace("latency", "cut"), false),
        ] {
            let refusal = validator.refusal(&text);
            assert_eq!(refusal.is_none(), is_valid, "{text}{refusal:?}");
            // What the schema refuses, the reader refuses too.
            let read = Plan::parse("my.toml", &text, &Overrides::default());
            assert_eq!(read.is_ok(), is_valid, "{text}{read:?}");
        }
    }
}
