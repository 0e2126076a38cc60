//! The `[capacity]` section: how the highest rate is searched.

use super::Overrides;
use super::file::Time;
use super::load::{RATE_LEAST, RATE_MOST};
use super::place::Source;
use super::range::{LONGEST_RUN, SECOND, number, time};
use anyhow::Result;
use redrill_history::{CapacityPlan, RunKind};
use serde::Deserialize;
use std::time::Duration;
use toml::Spanned;

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CapacityFile {
    from_per_s: Option<Spanned<f64>>,
    most_per_s: Option<Spanned<f64>>,
    at_least_per_s: Option<Spanned<f64>>,
    precision: Option<Spanned<f64>>,
    step: Option<Spanned<Time>>,
    discard: Option<Spanned<Time>>,
    within: Option<Spanned<Time>>,
}

/// How the rate is searched; none in a run that searches none.
pub(super) fn resolve(
    written: Option<&Spanned<CapacityFile>>,
    kind: RunKind,
    overrides: &Overrides,
    source: &Source<'_>,
) -> Result<Option<CapacityPlan>> {
    if kind != RunKind::Capacity && written.is_none() {
        return Ok(None);
    }
    let none = CapacityFile::default();
    let file = written.map_or(&none, Spanned::get_ref);
    let default = CapacityPlan::default();
    let rate = |what, written: Option<&Spanned<f64>>, default| {
        number(what, written, default, RATE_LEAST..=RATE_MOST, source)
    };
    let span = |what, written: Option<&Spanned<Time>>, default, least| {
        time(what, written, default, least..=LONGEST_RUN, source)
    };
    let at_least = file.at_least_per_s.as_ref();
    let plan = CapacityPlan {
        from_per_s: rate("from_per_s", file.from_per_s.as_ref(), default.from_per_s)?,
        most_per_s: rate("most_per_s", file.most_per_s.as_ref(), default.most_per_s)?,
        at_least_per_s: match overrides.at_least {
            Some(asked) => Some(asked),
            None => at_least.map(|_| rate("at_least_per_s", at_least, RATE_LEAST)).transpose()?,
        },
        precision: number(
            "precision, a share of the rate,",
            file.precision.as_ref(),
            default.precision,
            0.01..=1.0,
            source,
        )?,
        step: span("step", file.step.as_ref(), default.step, SECOND)?,
        discard: span("discard", file.discard.as_ref(), default.discard, Duration::ZERO)?,
        within: span("within", file.within.as_ref(), default.within, SECOND)?,
    };
    let Some(complaint) = complaint(&plan, overrides) else {
        // What another command reads must make sense, too.
        return Ok(Some(plan).filter(|_| kind == RunKind::Capacity));
    };
    Err(match written {
        Some(written) => source.at(&written.span(), &complaint),
        None => source.whole(&complaint),
    })
}

/// What is wrong between two values.
fn complaint(plan: &CapacityPlan, overrides: &Overrides) -> Option<String> {
    let at_least = if overrides.at_least.is_some() { "--at-least" } else { "at_least_per_s" };
    let rates = [("from_per_s", Some(plan.from_per_s)), (at_least, plan.at_least_per_s)];
    for (name, rate) in rates.into_iter().filter_map(|(name, rate)| Some((name, rate?))) {
        if rate > plan.most_per_s {
            let most = plan.most_per_s;
            return Some(format!(
                "{name}, {rate}, is above capacity.most_per_s, {most}: raise that, or lower this"
            ));
        }
    }
    // Fewer seconds than this tell no tail.
    let is_short = plan.step < plan.discard + SECOND;
    is_short.then(|| "step must be at least 1s longer than discard".to_owned())
}
