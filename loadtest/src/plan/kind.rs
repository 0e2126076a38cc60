//! Which command a plan is run by, and what only that command needs of it.

use super::Overrides;
use super::file::PlanFile;
use super::place::Source;
use anyhow::Result;
use redrill_history::{Capability, LoadPlan, Metric, Misread, RunKind, Scope, Threshold};
use std::ops::Range;
use toml::Spanned;

/// What a rate must keep to count as carried, in a plan that says nothing of it.
const CARRIED: &[&str] = &["p99 > 250ms", "errors > 1%", "goodput < 99%", "backlog > 5%"];

/// The kind of run. A plan says which command runs it by `kind`, or by the section that only that
/// command reads, and is a drill's otherwise; a drill without faults is a load, too. Refuses a plan
/// for another command, and what the command would pass over.
pub(super) fn kind(
    file: &PlanFile,
    asked: Option<RunKind>,
    source: &Source<'_>,
) -> Result<RunKind> {
    let own = match (&file.kind, &file.capacity, &file.gate) {
        (Some(kind), ..) => *kind.get_ref(),
        (None, Some(_), _) => RunKind::Capacity,
        (None, None, Some(_)) => RunKind::Gate,
        (None, None, None) => RunKind::Drill,
    };
    let kind = asked.unwrap_or(own);
    if kind != own && (kind, own) != (RunKind::Load, RunKind::Drill) {
        return Err(misplaced(file, own, kind, source));
    }
    let passed_over = |span: &Range<usize>, what: &str, next: &str| {
        let message = format!("'redrill {}' {what}; {next}", kind.name());
        Err(source.at(span, &message))
    };
    let fault = file.fault.first().map(|fault| fault.kind.span());
    let fault = fault.or_else(|| file.chaos.as_ref().map(Spanned::span));
    if let (false, Some(fault)) = (kind == RunKind::Drill, fault) {
        let next = "run this plan with 'redrill drill', or take its faults out";
        return passed_over(&fault, "injects no faults", next);
    }
    if let (false, Some((objective, _))) = (kind.is_one_load(), file.objectives.first_key_value()) {
        let next = match kind {
            RunKind::Gate => "[gate.tolerated] says what may be worse",
            _ => "fail_if says what must not be at a rate that counts as carried",
        };
        return passed_over(&objective.span(), "has no objectives", next);
    }
    if let (RunKind::Gate, Some(threshold)) = (kind, file.fail_if.first()) {
        let next = "[gate.tolerated] says what may be worse";
        return passed_over(&threshold.span(), "holds no thresholds", next);
    }
    let sections = [
        (RunKind::Capacity, file.capacity.as_ref().map(Spanned::span)),
        (RunKind::Gate, file.gate.as_ref().map(Spanned::span)),
    ];
    for (of, span) in sections {
        if let (true, Some(span)) = (of != kind, span) {
            let what = format!("does not read [{}]", of.name());
            return passed_over(&span, &what, "take the section out");
        }
    }
    Ok(kind)
}

/// The refusal of a plan that another command runs, where the plan says so.
fn misplaced(file: &PlanFile, own: RunKind, asked: RunKind, source: &Source<'_>) -> anyhow::Error {
    let sections =
        [file.capacity.as_ref().map(Spanned::span), file.gate.as_ref().map(Spanned::span)];
    let said = file.kind.as_ref().map(Spanned::span);
    let said = said.or_else(|| sections.into_iter().flatten().next());
    let message = format!("this plan is for 'redrill {}'; run it with that", own.name());
    match said {
        Some(span) => source.at(&span, &message),
        None => {
            let name = asked.name();
            source.whole(&format!("{message}, or write kind = \"{name}\" for 'redrill {name}'"))
        }
    }
}

/// The plan's thresholds and those of the command line.
pub(super) fn thresholds(
    written: &[Spanned<String>],
    kind: RunKind,
    load: &LoadPlan,
    overrides: &Overrides,
    source: &Source<'_>,
) -> Result<Vec<Threshold>> {
    let mut all: Vec<Threshold> = Vec::new();
    for threshold in written {
        // The text begins after its quotation mark.
        let start = threshold.span().start + 1;
        let parsed = read(threshold.get_ref(), load).map_err(|misread| {
            source.at(&(start + misread.at.start..start + misread.at.end), &misread.message)
        })?;
        if all.contains(&parsed) {
            return Err(source.at(&threshold.span(), "this threshold is already in the list"));
        }
        all.push(parsed);
    }
    if all.is_empty() && kind == RunKind::Capacity {
        all.extend(CARRIED.iter().filter_map(|text| read(text, load).ok()));
    }
    for text in &overrides.fail_if {
        let source = Source { label: "--fail-if", text };
        let parsed =
            read(text, load).map_err(|misread| source.at(&misread.at, &misread.message))?;
        // What the plan says, too, is said once.
        if !all.contains(&parsed) {
            all.push(parsed);
        }
    }
    Ok(all)
}

/// A threshold on what the plan asks of the service.
fn read(text: &str, load: &LoadPlan) -> Result<Threshold, Misread> {
    let threshold = Threshold::parse(text)?;
    let needed = match (threshold.scope, threshold.metric) {
        (Scope::Capability(capability) | Scope::Operation(capability, _), _) => capability,
        (Scope::All, Metric::Backlog) => Capability::Queue,
        (Scope::All, _) => return Ok(threshold),
    };
    if load.capabilities.contains_key(&needed) {
        return Ok(threshold);
    }
    let name = needed.name();
    let message = format!("the plan does not load {name}: add [load.capabilities.{name}]");
    Err(Misread { at: 0..text.trim_end().len(), message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{PLANS, Plan};

    const ALL: [RunKind; 4] = [RunKind::Drill, RunKind::Load, RunKind::Capacity, RunKind::Gate];

    fn parsed(text: &str, kind: RunKind) -> Result<RunKind> {
        let overrides = Overrides { kind: Some(kind), ..Overrides::default() };
        Ok(Plan::parse("my.toml", text, &overrides)?.resolved.kind)
    }

    #[test]
    fn a_plan_is_run_by_its_own_command_and_a_drill_without_faults_by_load_too() {
        for own in ALL {
            let text = format!("kind = \"{}\"\n", own.name());
            for asked in ALL {
                let is_its = asked == own || (asked, own) == (RunKind::Load, RunKind::Drill);
                match parsed(&text, asked) {
                    Ok(kind) => assert!(is_its && kind == asked, "{text} by {}", asked.name()),
                    Err(error) => {
                        let told = error.to_string();
                        let command =
                            format!("my.toml:1:8: this plan is for 'redrill {}'", own.name());
                        assert!(!is_its && told.starts_with(&command), "{told}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_section_says_which_command_runs_a_plan_without_a_kind() {
        for (text, own) in [
            ("seed = 1\n", RunKind::Drill),
            ("[capacity]\nfrom_per_s = 50\n", RunKind::Capacity),
            ("[gate.tolerated]\np50 = \"10%\"\n", RunKind::Gate),
        ] {
            assert_eq!(
                Plan::parse("my.toml", text, &Overrides::default()).unwrap().resolved.kind,
                own
            );
            assert_eq!(parsed(text, own).unwrap(), own);
        }
        let told = parsed("seed = 1\n", RunKind::Gate).unwrap_err().to_string();
        assert!(told.contains("kind = \"gate\""), "{told}");
        let told = parsed("seed = 1\n[capacity]\n", RunKind::Load).unwrap_err().to_string();
        assert!(told.starts_with("my.toml:2:1: this plan is for 'redrill capacity'"), "{told}");
    }

    #[test]
    fn the_plans_that_come_with_redrill_are_run_by_one_command_each() {
        for (name, text) in PLANS {
            let by = ALL.into_iter().filter(|kind| parsed(text, *kind).is_ok());
            let by: Vec<&str> = by.map(RunKind::name).collect();
            let expected: &[&str] = match *name {
                "capacity" => &["capacity"],
                "gate" => &["gate"],
                "steady" => &["drill", "load"],
                _ => &["drill"],
            };
            assert_eq!(by, expected, "{name}");
        }
    }

    #[test]
    fn what_a_command_would_pass_over_is_refused_where_it_stands() {
        let objective = "[objectives]\n\"queue.lost\" = 0\n";
        for (text, place, word) in [
            (format!("kind = \"capacity\"\n{objective}"), "3:1", "fail_if"),
            (format!("kind = \"gate\"\n{objective}"), "3:1", "[gate.tolerated]"),
            ("kind = \"gate\"\nfail_if = [\"p99 > 5ms\"]\n".to_owned(), "2:12", "[gate.tolerated]"),
            ("kind = \"load\"\n[capacity]\n".to_owned(), "2:1", "does not read [capacity]"),
            ("kind = \"drill\"\n[gate]\n".to_owned(), "2:1", "does not read [gate]"),
            ("kind = \"gate\"\n[capacity]\n".to_owned(), "2:1", "does not read [capacity]"),
        ] {
            let told =
                Plan::parse("my.toml", &text, &Overrides::default()).unwrap_err().to_string();
            assert!(
                told.starts_with(&format!("my.toml:{place}: ")) && told.contains(word),
                "{told}"
            );
        }
        for kind in ["drill", "load"] {
            let text = format!("kind = \"{kind}\"\nfail_if = [\"p99 > 5ms\"]\n{objective}");
            Plan::parse("my.toml", &text, &Overrides::default()).unwrap();
        }
    }

    #[test]
    fn thresholds_are_on_what_the_plan_loads() {
        let cache = "[load.capabilities.cache]\n";
        for (threshold, name) in [("p99 > 5ms for queue", "queue"), ("backlog > 5%", "queue")] {
            let text = format!("kind = \"load\"\nfail_if = [\"{threshold}\"]\n{cache}");
            let told =
                Plan::parse("my.toml", &text, &Overrides::default()).unwrap_err().to_string();
            assert!(told.starts_with("my.toml:2:13: "), "{told}");
            assert!(told.contains(&format!("[load.capabilities.{name}]")), "{told}");
        }
        let text = format!("kind = \"capacity\"\n{cache}");
        let plan = Plan::parse("my.toml", &text, &Overrides::default()).unwrap().resolved;
        let names: Vec<&str> = plan.fail_if.iter().map(|one| one.metric.name()).collect();
        assert_eq!(names, ["p99", "errors", "goodput"]);
    }
}
