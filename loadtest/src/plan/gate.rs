//! The `[gate]` section: how two sides are compared.

use super::place::Source;
use anyhow::Result;
use redrill_history::{Baseline, GatePlan, LoadPlan, Tolerated, serde_duration_option};
use redrill_scenarios::gate::metrics::{self, METRICS};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

/// Pairs, where a plan does not say.
const PAIRS: u16 = 12;
/// Fewer pairs can never show a difference, whatever it is.
const PAIRS_LEAST: u16 = 5;
/// More blocks than this have no number.
const PAIRS_MOST: u16 = 10_000;
/// Fewer seconds than this tell no latency.
const MEASURED_LEAST: Duration = Duration::from_millis(500);

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GateFile {
    base: Option<String>,
    candidate: Option<String>,
    pairs: Option<Spanned<u16>>,
    fresh_every: Option<Spanned<u16>>,
    #[serde(with = "serde_duration_option")]
    discard: Option<Duration>,
    tolerated: Option<BTreeMap<Spanned<String>, Tolerated>>,
    baseline: Option<Baseline>,
}

/// With every default; `target` names the candidate where nothing else does.
pub(super) fn resolve(
    file: GateFile,
    load: &LoadPlan,
    target: &str,
    source: &Source<'_>,
) -> Result<GatePlan> {
    let within = |written: Option<&Spanned<u16>>, default, least, most, what: &str| {
        let number = written.map_or(default, |written| *written.get_ref());
        match written {
            Some(written) if !(least..=most).contains(&number) => {
                let message = format!("{what} must be from {least} to {most}");
                Err(source.at(&written.span(), &message))
            }
            _ => Ok(number),
        }
    };
    let pairs = within(file.pairs.as_ref(), PAIRS, PAIRS_LEAST, PAIRS_MOST, "pairs")?;
    let fresh_every = within(file.fresh_every.as_ref(), 1, 1, PAIRS_MOST, "fresh_every")?;
    let discard = file.discard.unwrap_or(Duration::from_secs(1));
    if load.duration < discard + MEASURED_LEAST {
        let message = "load.duration, the length of a block, must be at least 500ms longer than \
                       gate.discard";
        return Err(source.whole(message));
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
            let each = METRICS.iter().map(|one| (one.name().to_owned(), one.tolerated()));
            tolerated.extend(each);
        }
    }
    let candidate = file.candidate.unwrap_or_else(|| target.to_owned());
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
    let names: Vec<&str> = METRICS.iter().map(|metric| metric.name()).collect();
    format!("there is no metric '{name}'; there are {}", names.join(", "))
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
