//! Which command a plan is run by, and what only that command needs of it.

use super::Overrides;
use super::file::PlanFile;
use super::place::Source;
use anyhow::Result;
use redrill_history::{CapacityPlan, RunKind, Threshold, parse_rate};
use std::time::Duration;
use toml::Spanned;

/// What a rate must keep to count as carried, in a plan that says nothing of it.
const CARRIED: &[&str] = &["p99 > 250ms", "errors > 1%", "goodput < 99%", "backlog > 5%"];
/// Fewer seconds than this tell no tail.
const SHORTEST: Duration = Duration::from_secs(1);

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
    let mut all = written.iter().map(read).collect::<Result<Vec<_>>>()?;
    if all.is_empty() && kind == RunKind::Capacity {
        all.extend(CARRIED.iter().filter_map(|text| Threshold::parse(text).ok()));
    }
    for text in &overrides.fail_if {
        let source = Source { label: "--fail-if", text };
        all.push(
            Threshold::parse(text).map_err(|misread| source.at(&misread.at, &misread.message))?,
        );
    }
    Ok(all)
}

/// How the rate is searched; none in a run that searches none.
pub(super) fn capacity(
    written: Option<&Spanned<CapacityPlan>>,
    kind: RunKind,
    overrides: &Overrides,
    source: &Source<'_>,
) -> Result<Option<CapacityPlan>> {
    if kind != RunKind::Capacity {
        return Ok(None);
    }
    let mut plan = written.map(|plan| plan.get_ref().clone()).unwrap_or_default();
    if let Some(text) = &overrides.at_least {
        let source = Source { label: "--at-least", text };
        let rate = parse_rate(text).map_err(|message| source.at(&(0..text.len()), &message))?;
        plan.at_least_per_s = Some(rate);
    }
    let complaint = complaint(&plan);
    match (complaint, written) {
        (None, _) => Ok(Some(plan)),
        (Some(message), Some(written)) => Err(source.at(&written.span(), message)),
        (Some(message), None) => Err(source.whole(message)),
    }
}

fn complaint(plan: &CapacityPlan) -> Option<&'static str> {
    let is_rate = |rate: f64| rate.is_finite() && rate > 0.0;
    let rates = [plan.from_per_s, plan.most_per_s, plan.at_least_per_s.unwrap_or(1.0)];
    if !rates.into_iter().all(is_rate) {
        return Some("rates must be above 0 requests a second");
    }
    if rates.into_iter().any(|rate| rate > plan.most_per_s) || plan.most_per_s > 100_000.0 {
        return Some(
            "most_per_s must be no less than the other rates, and at most 100000 requests a second",
        );
    }
    if !(0.01..=1.0).contains(&plan.precision) {
        return Some("precision must be from 0.01 to 1 (0.05 is 5 %)");
    }
    if plan.step < plan.discard + SHORTEST {
        return Some("step must be at least 1s longer than discard");
    }
    None
}
