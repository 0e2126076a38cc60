//! A `[[fault]]` of the timeline.

use super::PLANS;
use super::file::Time;
use super::met::unmet;
use super::place::Source;
use super::range::{LONGEST_RUN, time};
use crate::environment::parse_target;
use crate::faults::{self, Fault, Misfit, Part};
use crate::near;
use anyhow::Result;
use redrill_history::{EnvironmentPlan, LoadPlan, PlannedFault, print_duration};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;

/// As it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultFile {
    pub(super) kind: Spanned<String>,
    pub(super) at: Spanned<Time>,
    #[serde(rename = "for")]
    lasts: Option<Spanned<Time>>,
    target: Option<Spanned<Vec<Spanned<String>>>>,
    from: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    with: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    otherwise: Option<Spanned<String>>,
    instead_of: Option<String>,
}

/// A fault that can be injected in that environment, and is over before the load is.
pub(super) fn resolve(
    file: &FaultFile,
    load: &LoadPlan,
    environment: &EnvironmentPlan,
    instances: u8,
    source: &Source<'_>,
) -> Result<PlannedFault> {
    let kind = find(&file.kind, source)?;
    let names = |written: &Option<Spanned<Vec<Spanned<String>>>>| {
        names(written.as_ref(), environment, instances, source)
    };
    let times = Duration::ZERO..=LONGEST_RUN;
    let lasts = file.lasts.as_ref();
    let planned = PlannedFault {
        kind: file.kind.get_ref().clone(),
        at: time("at", Some(&file.at), Duration::ZERO, times.clone(), source)?,
        lasts: lasts
            .map(|_| time("for", lasts, Duration::ZERO, times.clone(), source))
            .transpose()?,
        target: names(&file.target)?,
        from: names(&file.from)?,
        with: file
            .with
            .iter()
            .map(|(name, value)| (name.get_ref().clone(), value.get_ref().clone()))
            .collect(),
        otherwise: file.otherwise.as_ref().map(|name| name.get_ref().clone()),
        instead_of: file.instead_of.clone(),
    };
    kind.check(&planned)
        .and_then(|()| kind.fits(&planned, environment))
        .and_then(|()| match unmet(&planned, load, environment) {
            Some(message) => Err(Misfit::new(Part::Target, message)),
            None => Ok(()),
        })
        .map_err(|misfit| source.at(&span(file, &misfit.part), &misfit.message))?;
    let end = planned.at + planned.lasts.unwrap_or_default();
    if end > load.duration {
        let message = format!(
            "the fault is over after {}, and the load after {}: it must be healed before the load \
             ends, so that its cost can be seen",
            print_duration(end),
            print_duration(load.duration)
        );
        return Err(source.at(&file.at.span(), &message));
    }
    possible(kind, planned, file, environment, source)
}

fn find(name: &Spanned<String>, source: &Source<'_>) -> Result<&'static dyn Fault> {
    faults::find(name.get_ref()).ok_or_else(|| source.at(&name.span(), &no_fault(name.get_ref())))
}

/// That there is no such kind, and what there is.
pub(super) fn no_fault(name: &str) -> String {
    let names = faults::names();
    let hint = near::hint(name, names.iter().copied());
    format!("no fault '{name}'; {hint}there are {}", names.join(", "))
}

/// The fault, or, where the backend cannot do it, the one that is to take its place.
fn possible(
    kind: &dyn Fault,
    planned: PlannedFault,
    file: &FaultFile,
    environment: &EnvironmentPlan,
    source: &Source<'_>,
) -> Result<PlannedFault> {
    let refusal = faults::refusal(kind, &planned, environment);
    let Some(written) = &file.otherwise else {
        let Some(reason) = refusal else { return Ok(planned) };
        let down = faults::find("down").filter(|down| {
            let instead = in_place_of(kind, *down, &planned);
            down.check(&instead).is_ok() && faults::refusal(*down, &instead, environment).is_none()
        });
        let next = match down {
            Some(_) => "write otherwise = \"down\", or another kind, and that is done in its place",
            None => "otherwise = \"KIND\" names one that is done in its place",
        };
        let label = source.label;
        let copy = match PLANS.iter().any(|(name, _)| *name == label) {
            true => format!(" ('redrill plan show {label} --toml' prints the plan to change)"),
            false => String::new(),
        };
        return Err(source.at(&file.kind.span(), &format!("{reason}; {next}{copy}")));
    };
    let other = find(written, source)?;
    let instead = in_place_of(kind, other, &planned);
    other.check(&instead).and_then(|()| other.fits(&instead, environment)).map_err(|misfit| {
        let message = format!("it cannot take the place of {}: {misfit}", kind.name());
        source.at(&written.span(), &message)
    })?;
    match refusal.and_then(|_| faults::refusal(other, &instead, environment)) {
        Some(reason) => Err(source.at(&written.span(), &reason)),
        None if faults::refusal(kind, &planned, environment).is_some() => Ok(instead),
        None => Ok(planned),
    }
}

/// What is done where a kind cannot be: another, at the same time to the same.
fn in_place_of(kind: &dyn Fault, other: &dyn Fault, planned: &PlannedFault) -> PlannedFault {
    PlannedFault {
        kind: other.name().to_owned(),
        with: BTreeMap::new(),
        otherwise: None,
        instead_of: Some(kind.name().to_owned()),
        ..planned.clone()
    }
}

/// Names of what the environment has, none of them twice.
pub(super) fn names(
    written: Option<&Spanned<Vec<Spanned<String>>>>,
    environment: &EnvironmentPlan,
    instances: u8,
    source: &Source<'_>,
) -> Result<Vec<String>> {
    let mut seen = Vec::new();
    let mut names = Vec::new();
    for name in written.into_iter().flat_map(Spanned::get_ref) {
        let target = parse_target(name.get_ref(), environment, instances)
            .map_err(|error| source.at(&name.span(), &error.to_string()))?;
        if seen.contains(&target) {
            let message = format!("\"{}\" is already in this list", name.get_ref());
            return Err(source.at(&name.span(), &message));
        }
        seen.push(target);
        names.push(name.get_ref().clone());
    }
    Ok(names)
}

/// Where a part of a fault stands; its kind where the part is not written.
fn span(file: &FaultFile, part: &Part) -> Range<usize> {
    let written = match part {
        Part::Kind => None,
        Part::For => file.lasts.as_ref().map(Spanned::span),
        Part::Target => file.target.as_ref().map(Spanned::span),
        Part::From => file.from.as_ref().map(Spanned::span),
        Part::Setting(setting) => {
            let mut settings = file.with.iter();
            let found = settings.find(|(name, _)| name.get_ref() == setting);
            found.map(|(name, value)| name.span().start..value.span().end)
        }
    };
    written.unwrap_or_else(|| file.kind.span())
}
