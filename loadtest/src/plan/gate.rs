//! The `[gate]` section: how two sides are compared.

use super::file::Time;
use super::place::Source;
use super::range::{LONGEST_RUN, SECOND, time, whole};
use crate::near;
use anyhow::Result;
use redrill_history::{Baseline, GatePlan, LoadPlan, Tolerated, print_duration};
use redrill_scenarios::gate::metrics::{self, METRICS};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;

/// Pairs, where a plan does not say.
const PAIRS: u16 = 12;
/// Fewer pairs can never show a difference, even of a single metric: of 2^4 patterns of signs each
/// comes by chance in more than one run of twenty.
const PAIRS_LEAST: i64 = 5;
/// As many as are judged in a second.
const PAIRS_MOST: i64 = 200;
/// Fewer seconds than this tell no latency.
const MEASURED_LEAST: Duration = Duration::from_millis(500);

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GateFile {
    base: Option<String>,
    candidate: Option<String>,
    pairs: Option<Spanned<i64>>,
    fresh_every: Option<Spanned<i64>>,
    discard: Option<Spanned<Time>>,
    tolerated: Option<BTreeMap<Spanned<String>, Tolerated>>,
    baseline: Option<Baseline>,
}

/// With every default; the candidate's name is empty where only the command line says it, and
/// `length` is where the length of a block stands.
pub(super) fn resolve(
    file: GateFile,
    load: &LoadPlan,
    source: &Source<'_>,
    length: Option<Range<usize>>,
) -> Result<GatePlan> {
    let pairs = whole("pairs", file.pairs.as_ref(), PAIRS, PAIRS_LEAST..=PAIRS_MOST, source)?;
    let fresh_every = whole("fresh_every", file.fresh_every.as_ref(), 1, 1..=PAIRS_MOST, source)?;
    let discards = Duration::ZERO..=LONGEST_RUN;
    let discard = time("discard", file.discard.as_ref(), SECOND, discards, source)?;
    if load.duration < discard + MEASURED_LEAST {
        let message = format!(
            "load.duration, the length of a block, is {}: it must be at least 500ms longer than \
             gate.discard, {}",
            print_duration(load.duration),
            print_duration(discard)
        );
        return Err(match file.discard.as_ref().map(Spanned::span).or(length) {
            Some(span) => source.at(&span, &message),
            None => source.whole(&message),
        });
    }
    let mut tolerated = BTreeMap::new();
    match file.tolerated {
        // What is named is gated, and nothing else.
        Some(written) => {
            for (name, most) in written {
                if metrics::find(name.get_ref()).is_none() {
                    return Err(source.at(&name.span(), &no_metric(name.get_ref())));
                }
                tolerated.insert(name.into_inner(), most);
            }
        }
        None => {
            let each = METRICS.iter().map(|one| (one.name.to_owned(), one.tolerated));
            tolerated.extend(each);
        }
    }
    let candidate = file.candidate.unwrap_or_default();
    let (base, baseline) = (file.base, file.baseline);
    Ok(GatePlan { base, candidate, pairs, fresh_every, discard, tolerated, baseline })
}

/// Changes what is tolerated: `p50=10%`, or `p99=off` to leave a metric out.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn tolerate(plan: &mut GatePlan, text: &str) -> Result<(), String> {
    let Some((name, most)) = text.split_once('=') else {
        return Err(format!("'{text}' names no metric; write it like \"p50=10%\""));
    };
    let name = name.trim();
    if metrics::find(name).is_none() {
        return Err(no_metric(name));
    }
    if most.trim() == "off" {
        plan.tolerated.remove(name);
    } else {
        plan.tolerated.insert(name.to_owned(), Tolerated::parse(most)?);
    }
    Ok(())
}

fn no_metric(name: &str) -> String {
    let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
    let hint = near::hint(name, names.iter().copied());
    format!("there is no metric '{name}'; {hint}there are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Plan};
    use redrill_history::RunKind;

    fn plan(text: &str) -> Result<GatePlan> {
        let overrides = Overrides { kind: Some(RunKind::Gate), ..Overrides::default() };
        Ok(Plan::parse("my.toml", text, &overrides)?.resolved.gate.unwrap())
    }

    #[test]
    fn what_is_named_is_gated_and_else_everything() {
        assert_eq!(plan("[gate]\n").unwrap().tolerated.len(), METRICS.len());
        let named = plan("[gate.tolerated]\ncommands = \"2%\"\n").unwrap().tolerated;
        assert_eq!(named, [("commands".to_owned(), Tolerated::new(0.02, Duration::ZERO))].into());
    }

    #[test]
    fn nonsense_is_refused_where_it_stands() {
        for (text, place, word) in [
            ("[gate]\npairs = 2\n", "my.toml:2:", "from 5"),
            ("[gate.tolerated]\nspeed = \"1%\"\n", "my.toml:2:", "throughput"),
            ("[gate.tolerated]\np50 = \"fast\"\n", "my.toml:2:", "25%, 1ms"),
            ("[gate]\ndiscard = \"40s\"\n", "my.toml", "longer"),
        ] {
            let told = plan(text).unwrap_err().to_string();
            assert!(told.contains(place) && told.contains(word), "{told}");
        }
    }

    #[test]
    fn the_command_line_changes_what_is_tolerated() {
        let mut gate = plan("[gate]\n").unwrap();
        tolerate(&mut gate, "p50=10%, 2ms").unwrap();
        tolerate(&mut gate, "p99=off").unwrap();
        assert_eq!(gate.tolerated["p50"].words(), "10%, 2ms");
        assert!(!gate.tolerated.contains_key("p99"));
        for (text, word) in [("p50", "p50=10%"), ("pace=1%", "throughput"), ("p50=x", "25%")] {
            assert!(tolerate(&mut gate, text).unwrap_err().contains(word), "{text}");
        }
    }
}
