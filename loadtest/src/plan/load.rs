//! The `[load]` section: what is asked of the service.

use super::file::Time;
use super::place::Source;
use super::range::{LONGEST_RUN, MILLISECOND, SECOND, time, whole};
use crate::load::pacer;
use crate::near;
use anyhow::Result;
use redrill_history::{Capability, CapabilityLoad, LoadPlan, print_duration};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

/// Slower arrivals than one in 1000 s are none.
pub(crate) const RATE_LEAST: f64 = 0.001;
/// More arrivals a second than one machine makes.
pub(crate) const RATE_MOST: f64 = 100_000.0;
/// Virtual users of a capability: what the highest rate needs with the default `client_timeout`.
const VUS_MOST: u32 = 200_000;
/// Fewer virtual users than this would be busy by chance.
const VUS_DEFAULT: u32 = 10;
/// Nobody waits longer for an answer.
const CLIENT_TIMEOUT_MOST: Duration = Duration::from_secs(10 * 60);

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LoadFile {
    pub(super) duration: Option<Spanned<Time>>,
    client_timeout: Option<Spanned<Time>>,
    drain: Option<Spanned<Time>>,
    capabilities: Option<Spanned<BTreeMap<Capability, CapabilityFile>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CapabilityFile {
    model: Option<Spanned<String>>,
    rate_per_s: Option<Spanned<f64>>,
    vus: Option<Spanned<i64>>,
    keys: Option<Spanned<i64>>,
}

/// The load of a capability that a plan names without numbers: arrivals a second, keys.
const fn default_load(capability: Capability) -> (f64, u32) {
    match capability {
        Capability::Cache => (40.0, 40),
        Capability::Sessions => (95.0, 1),
        Capability::Limiter => (50.0, 6),
        Capability::Queue => (60.0, 1),
        Capability::Presence => (25.0, 1),
    }
}

/// With every default.
pub(super) fn resolve(file: &LoadFile, source: &Source<'_>) -> Result<LoadPlan> {
    let client_timeout = time(
        "client_timeout",
        file.client_timeout.as_ref(),
        2 * SECOND,
        MILLISECOND..=CLIENT_TIMEOUT_MOST,
        source,
    )?;
    let all = Capability::ALL.map(|kind| (kind, CapabilityFile::default())).into();
    let written = file.capabilities.as_ref().map_or(&all, Spanned::get_ref);
    if let Some(none) = file.capabilities.as_ref().filter(|written| written.get_ref().is_empty()) {
        let message = "the plan exercises no capability; name one, or leave the table out";
        return Err(source.at(&none.span(), message));
    }
    let capability = |(kind, file): (&Capability, &CapabilityFile)| {
        Ok((*kind, capability(*kind, file, client_timeout, source)?))
    };
    Ok(LoadPlan {
        duration: time(
            "load.duration",
            file.duration.as_ref(),
            30 * SECOND,
            SECOND..=LONGEST_RUN,
            source,
        )?,
        client_timeout,
        drain: time(
            "drain",
            file.drain.as_ref(),
            8 * SECOND,
            Duration::ZERO..=LONGEST_RUN,
            source,
        )?,
        capabilities: written.iter().map(capability).collect::<Result<_>>()?,
    })
}

fn capability(
    kind: Capability,
    file: &CapabilityFile,
    client_timeout: Duration,
    source: &Source<'_>,
) -> Result<CapabilityLoad> {
    let (rate, keys) = default_load(kind);
    let rate_per_s = file.rate_per_s.as_ref().map_or(rate, |written| *written.get_ref());
    // NaN is in no range.
    if let Some(written) = &file.rate_per_s
        && !(RATE_LEAST..=RATE_MOST).contains(&rate_per_s)
    {
        let message = format!(
            "rate_per_s must be from {RATE_LEAST} to {RATE_MOST} arrivals a second; to leave a \
             capability out, leave its table out"
        );
        return Err(source.at(&written.span(), &message));
    }
    let model = file.model.as_ref().map_or("constant", |model| model.get_ref().as_str());
    if let Some(written) = file.model.as_ref().filter(|_| pacer::find(model).is_none()) {
        let names = pacer::names();
        let hint = near::hint(model, names.iter().copied());
        let message = format!("no load model '{model}'; {hint}there are {}", names.join(", "));
        return Err(source.at(&written.span(), &message));
    }
    Ok(CapabilityLoad {
        model: model.to_owned(),
        rate_per_s,
        vus: vus(file, kind, rate_per_s, client_timeout, source)?,
        keys: whole("keys", file.keys.as_ref(), keys, 1..=i64::from(u32::MAX), source)?,
    })
}

/// Virtual users: one for every arrival that can wait for its answer at once.
fn vus(
    file: &CapabilityFile,
    kind: Capability,
    rate_per_s: f64,
    client_timeout: Duration,
    source: &Source<'_>,
) -> Result<u32> {
    let needed = (rate_per_s * client_timeout.as_secs_f64()).ceil() as u32;
    let wait = format!(
        "{rate_per_s} arrivals a second that each wait up to client_timeout ({}) need {needed} vus",
        print_duration(client_timeout)
    );
    if needed > VUS_MOST {
        let message = format!(
            "{wait} in {}, and at most {VUS_MOST} can be had; lower rate_per_s or client_timeout",
            kind.name()
        );
        return Err(match &file.rate_per_s {
            Some(written) => source.at(&written.span(), &message),
            None => source.whole(&message),
        });
    }
    let range = 1..=i64::from(VUS_MOST);
    let vus = whole("vus", file.vus.as_ref(), needed.max(VUS_DEFAULT), range, source)?;
    match &file.vus {
        Some(written) if vus < needed => {
            let message = format!("{wait}, not {vus} (leave vus out to have them)");
            Err(source.at(&written.span(), &message))
        }
        _ => Ok(vus),
    }
}
