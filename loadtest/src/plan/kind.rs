//! Which command a plan is run by, and what only that command needs of it.

use super::Overrides;
use super::file::PlanFile;
use super::place::Source;
use anyhow::Result;
use redrill_history::{RunKind, Threshold};
use toml::Spanned;

/// What a rate must keep to count as carried, in a plan that says nothing of it.
const CARRIED: &[&str] = &["p99 > 250ms", "errors > 1%", "goodput < 99%", "backlog > 5%"];

/// The kind of run; refuses a plan for another command, and faults where none can act.
pub(super) fn kind(
    file: &PlanFile,
    asked: Option<RunKind>,
    source: &Source<'_>,
) -> Result<RunKind> {
    let written = file.kind.as_ref().map(|kind| *kind.get_ref());
    let kind = asked.or(written).unwrap_or_default();
    if let (RunKind::Drill, Some(kind)) = (kind, &file.kind)
        && *kind.get_ref() != RunKind::Drill
    {
        let name = kind.get_ref().name();
        let message = format!("this plan is for 'redrill {name}'; run it with that");
        return Err(source.at(&kind.span(), &message));
    }
    if let (false, Some(fault)) = (kind == RunKind::Drill, file.fault.first()) {
        let message = format!(
            "'redrill {}' injects no faults; run this plan with 'redrill drill', or take its \
             faults out",
            kind.name()
        );
        return Err(source.at(&fault.kind.span(), &message));
    }
    Ok(kind)
}

/// The plan's thresholds and those of the command line.
pub(super) fn thresholds(
    written: &[Spanned<String>],
    kind: RunKind,
    overrides: &Overrides,
    source: &Source<'_>,
) -> Result<Vec<Threshold>> {
    let read = |threshold: &Spanned<String>| {
        Threshold::parse(threshold.get_ref()).map_err(|misread| {
            // The text begins after its quotation mark.
            let start = threshold.span().start + 1;
            source.at(&(start + misread.at.start..start + misread.at.end), &misread.message)
        })
    };
    let mut all: Vec<Threshold> = Vec::new();
    for threshold in written {
        let parsed = read(threshold)?;
        if all.contains(&parsed) {
            return Err(source.at(&threshold.span(), "this threshold is already in the list"));
        }
        all.push(parsed);
    }
    if all.is_empty() && kind == RunKind::Capacity {
        all.extend(CARRIED.iter().filter_map(|text| Threshold::parse(text).ok()));
    }
    for text in &overrides.fail_if {
        let source = Source { label: "--fail-if", text };
        let parsed =
            Threshold::parse(text).map_err(|misread| source.at(&misread.at, &misread.message))?;
        // What the plan says, too, is said once.
        if !all.contains(&parsed) {
            all.push(parsed);
        }
    }
    Ok(all)
}
