//! A commented plan to start from: every section and key, from the same tables as the README.

use super::keys::{KEYS, Key};
use super::takes::Takes;
use super::{Overrides, Plan, settings};
use crate::environment::Need;
use crate::faults::{FAULTS, Fault, Hits};
use anyhow::Result;
use redrill_history::{Capability, PlannedFault, RunKind, print_duration};
use redrill_scenarios::checker::{self, Objective};
use std::fmt::Write as _;
use std::time::Duration;
use toml::{Table, Value};

/// Columns of a line of prose.
const WIDTH: usize = 96;
/// Where the words about a key begin.
const WORDS_AT: usize = 36;

/// What is written out, and not only shown in a comment.
const WRITTEN: &[&str] = &["name", "question", "load.duration"];

/// The example under that name.
///
/// # Errors
/// None but a defect: the empty plan does not resolve.
pub(crate) fn example(name: &str) -> Result<String> {
    let defaults = Defaults::new(name)?;
    let mut out = String::new();
    prose(
        &mut out,
        "A plan of redrill. A key in a comment has its default or an example there: take the # \
         away to set it. 'redrill plan check FILE' says what is wrong, 'redrill plan show FILE' \
         draws the run, 'redrill drill FILE' runs it, and 'redrill list' explains faults, targets \
         and checkers.",
    );
    let mut before = "";
    for key in KEYS {
        let section = key.name.rsplit_once('.').map_or("", |(section, _)| section);
        let begins = section != before;
        before = section;
        match section {
            "fault" if begins => faults(&mut out),
            "load.capabilities.X" if begins => capabilities(&mut out, &defaults),
            // Told above, or with the list that they are the keys of.
            "fault" | "load.capabilities.X" | "target.promises.limits" => {}
            _ if key.name == "load.capabilities" => {}
            _ if matches!(key.takes(), Takes::Objectives) => objectives(&mut out),
            _ => {
                if begins {
                    header(&mut out, section);
                }
                line(&mut out, key, &key_name(key), defaults.of(key, "queue"));
            }
        }
    }
    Ok(out)
}

/// What keys are where nothing is written.
struct Defaults([Table; 3]);

impl Defaults {
    fn new(name: &str) -> Result<Self> {
        let resolved = |kind| {
            let overrides = Overrides { kind: Some(kind), ..Overrides::default() };
            let text = format!("name = {}\nkind = \"{}\"\n", Value::from(name), kind.name());
            let plan = Plan::parse("plan new", &text, &overrides)?.resolved;
            anyhow::Ok(toml::from_str::<Table>(&plan.to_toml()?)?)
        };
        Ok(Self([
            resolved(RunKind::Drill)?,
            resolved(RunKind::Capacity)?,
            resolved(RunKind::Gate)?,
        ]))
    }

    /// The value of a key, or an example where it has none.
    fn of(&self, key: &Key, capability: &str) -> Option<Value> {
        let path = key.name.replace('X', capability);
        let found = self.0.iter().find_map(|plan| {
            let (first, rest) = path.split_once('.').unwrap_or((&path, ""));
            let parts = rest.split('.').filter(|part| !part.is_empty());
            parts.fold(plan.get(first), |value, part| value?.get(part)).cloned()
        });
        key.example().or(found)
    }
}

/// The last part of a key's name.
fn key_name(key: &Key) -> String {
    key.name.rsplit('.').next().unwrap_or(key.name).to_owned()
}

fn header(out: &mut String, section: &str) {
    out.push('\n');
    let words = match section {
        // What another command reads would only mislead in a drill.
        "capacity" | "gate" => {
            &format!("Read by 'redrill {section}', in a plan with kind = \"{section}\".")
        }
        "environment.external" => {
            "Read where backend = \"external\": nodes and proxies that somebody else runs."
        }
        "chaos" => "Faults by chance: the seed decides which, when and on what.",
        _ => "",
    };
    if words.is_empty() {
        let _ = writeln!(out, "[{section}]");
    } else {
        prose(out, words);
        let _ = writeln!(out, "# [{section}]");
    }
}

/// `key = value   # what it says`, in a comment where it is a default.
fn line(out: &mut String, key: &Key, name: &str, value: Option<Value>) {
    let Some(value) = value else { return };
    let mark = if WRITTEN.contains(&key.name) { "" } else { "# " };
    let set = format!("{mark}{name} = {value}");
    // What is shown is the default, where there is one.
    let words = if key.default().is_some() { key.doc.to_owned() } else { key.words() };
    let whole = format!("{set:WORDS_AT$}# {words}");
    if set.chars().count() < WORDS_AT && whole.chars().count() <= WIDTH + 2 {
        let _ = writeln!(out, "{whole}");
    } else {
        prose(out, &format!("{name}: {words}."));
        let _ = writeln!(out, "{set}");
    }
}

fn capabilities(out: &mut String, defaults: &Defaults) {
    out.push('\n');
    prose(
        out,
        "What is exercised: of each capability one table. A table that is left out leaves its \
         capability out; without any table, all are exercised.",
    );
    for capability in Capability::ALL {
        let _ = writeln!(out, "[load.capabilities.{}]", capability.name());
        for key in KEYS.iter().filter(|key| key.name.starts_with("load.capabilities.X.")) {
            line(out, key, &key_name(key), defaults.of(key, capability.name()));
        }
    }
}

fn faults(out: &mut String) {
    out.push('\n');
    prose(
        out,
        "The timeline: one [[fault]] for each. They may overlap, and must be over before the load \
         is, with time left to recover.",
    );
    for (number, kind) in FAULTS.iter().enumerate() {
        let mark = if number == 0 { "" } else { "# " };
        prose(out, &format!("{}: {}.", kind.name(), kind.doc()));
        for line in fault(*kind).lines() {
            let _ = writeln!(out, "{mark}{line}");
        }
    }
}

/// A fault of that kind.
fn fault(kind: &dyn Fault) -> String {
    let words = |name: &str| {
        let key = KEYS.iter().find(|key| key.name == name);
        key.map(|key| key.doc).unwrap_or_default()
    };
    let mut out = String::from("[[fault]]\n");
    let mut set = |name: &str, value: &Value| {
        let set = format!("{name} = {value}");
        let words = words(&format!("fault.{name}"));
        let _ = writeln!(out, "{set:width$}# {words}", width = WORDS_AT - 6);
    };
    let place = place(kind);
    set("kind", &kind.name().into());
    set("at", &print_duration(place.at).into());
    if kind.heals().is_some() {
        set("for", &"8s".into());
    }
    set("target", &place.target.clone().into());
    if !place.from.is_empty() {
        set("from", &place.from.clone().into());
    }
    if kind.heals().is_some() && kind.needs(&place).contains(&Need::Processes) {
        set("otherwise", &"down".into());
    }
    let with = Table::from_iter(place.with);
    if !with.is_empty() {
        let _ = writeln!(out, "with = {}", Value::Table(with));
        for setting in kind.settings() {
            let _ = writeln!(out, "# {}: {}", setting.name, setting.doc);
        }
    }
    out
}

/// Where such a fault can act, with its settings.
fn place(kind: &dyn Fault) -> PlannedFault {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let settings = kind.settings().iter();
    let with = settings
        .filter_map(|setting| Some((setting.name.to_owned(), settings::example(setting)?)))
        .collect();
    // Those that cannot overlap come one after the other.
    let earlier = FAULTS.iter().take_while(|other| other.name() != kind.name());
    let same = |other: &&&dyn Fault| other.holds().iter().any(|held| kind.holds().contains(held));
    let turn = earlier.filter(same).count() as u64;
    let mut place = PlannedFault {
        kind: kind.name().to_owned(),
        at: Duration::from_secs(10 + 8 * turn),
        lasts: kind.heals().map(|_| Duration::from_secs(8)),
        target: owned(&["main.master"]),
        from: Vec::new(),
        with,
        otherwise: None,
        instead_of: None,
    };
    if kind.hits() == Hits::Pairs {
        place.from = owned(&["replicas", "sentinels"]);
    }
    let others = ["main.replica[0]", "server[0]", "model"].iter();
    for other in others {
        if kind.check(&place).is_ok() {
            break;
        }
        place.target = owned(&[other]);
    }
    place
}

fn objectives(out: &mut String) {
    out.push('\n');
    prose(
        out,
        "Bounds on what the checks find. A check of violations fails on any, unless a number says \
         how many may be; what only an objective makes fail is said in 'redrill list'.",
    );
    out.push_str("[objectives]\n");
    for checker in checker::all() {
        let value = match checker.objective() {
            Objective::Count => "0",
            Objective::Time => "\"10s\"",
            Objective::Share => "\"95%\"",
            Objective::None => continue,
        };
        let _ = writeln!(out, "# \"{}\" = {value}", checker.id());
    }
}

/// Lines of a comment.
fn prose(out: &mut String, text: &str) {
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + word.chars().count() + 1 > WIDTH {
            let _ = writeln!(out, "# {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "# {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with every key in a comment taken out of it.
    fn uncommented(text: &str) -> String {
        let is_key = |line: &str| {
            let name = line.split_once(" = ").map(|(name, _)| name);
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_\"-.".contains(c);
            (line.starts_with('[') && line.ends_with(']'))
                || name.is_some_and(|name| name.chars().all(is_name))
        };
        let line = |line: &str| match line.strip_prefix("# ").filter(|rest| is_key(rest)) {
            Some(key) => format!("{key}\n"),
            None => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn the_example_is_a_plan_with_and_without_its_comments() {
        let text = example("mine").unwrap();
        let plan = Plan::parse("mine", &text, &Overrides::default()).unwrap().resolved;
        assert_eq!((plan.name.as_str(), plan.faults.len()), ("mine", 1));
        // Of instances that run already, and of images, some keys are read only in place of others,
        // and one section by a backend that is not the default.
        let is_apart = |line: &&str| ["image", "addresses"].iter().any(|key| line.starts_with(key));
        let whole = without_section(&uncommented(&text), "environment.external");
        let whole: Vec<&str> = whole.lines().filter(|line| !is_apart(line)).collect();
        let whole = whole.join("\n");
        let parse = |kind: RunKind, text: &str| {
            let named = format!("kind = \"{}\"", kind.name());
            let text = text.replace("kind = \"drill\"", &named);
            Plan::parse("mine", &text, &Overrides::default()).unwrap().resolved
        };
        let plan = parse(RunKind::Drill, &without(&whole, &["capacity", "gate"]));
        // One of each kind, and those that are drawn.
        assert!(plan.faults.len() > FAULTS.len(), "{whole}");
        assert!(plan.objectives.len() > 20, "{whole}");
        let faultless = without(&whole, &["fault", "chaos", "objectives"]);
        parse(RunKind::Capacity, &without(&faultless, &["gate"]));
        let thresholds = |line: &&str| !line.starts_with("fail_if");
        let gate: Vec<&str> = faultless.lines().filter(thresholds).collect();
        parse(RunKind::Gate, &without(&gate.join("\n"), &["capacity"]));
    }

    /// The text without this section.
    fn without_section(text: &str, section: &str) -> String {
        let begin = text.find(&format!("[{section}]\n")).expect(section);
        let length = text[begin + 1..].find("\n[").expect("a section behind it");
        format!("{}{}", &text[..begin], &text[begin + 1 + length..])
    }

    /// The text without these sections and those in them.
    fn without(text: &str, sections: &[&str]) -> String {
        let mut is_kept = true;
        let mut kept = String::new();
        for line in text.lines() {
            if let Some(header) = line.strip_prefix('[') {
                let name = header.trim_start_matches('[').split([']', '.']).next();
                is_kept = !sections.contains(&name.unwrap_or_default());
            }
            if is_kept {
                kept.push_str(line);
                kept.push('\n');
            }
        }
        kept
    }

    #[test]
    fn every_key_is_in_it_and_every_line_fits() {
        let text = uncommented(&example("mine").unwrap());
        let read = toml::from_str::<Value>(&text).unwrap();
        for key in KEYS {
            let mut value = Some(&read);
            for part in key.name.replace('X', "queue").split('.') {
                value = value.and_then(|value| match value {
                    // A list is asked whether any of it has the key.
                    Value::Array(all) => all.iter().find_map(|one| one.get(part)),
                    value => value.get(part),
                });
            }
            // Only a run can write these.
            let is_written = ["gate.baseline", "fault.instead_of"].contains(&key.name);
            assert!(value.is_some() || is_written, "{}", key.name);
        }
        for line in text.lines() {
            let is_list = line.starts_with("limits = ") || line.starts_with("tolerated = ");
            assert!(is_list || line.chars().count() <= 100, "{line}");
        }
    }
}
