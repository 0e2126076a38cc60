//! The `[effects]` section: how the service's other dependencies are played.

use super::file::Time;
use super::place::Source;
use super::range::{LONGEST_RUN, time, whole};
use anyhow::Result;
use redrill_history::EffectsPlan;
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;
use toml::Spanned;

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EffectsFile {
    model_takes: Option<Spanned<Time>>,
    job_takes: Option<Spanned<Time>>,
    long_job_one_in: Option<Spanned<i64>>,
    at_once: Option<Spanned<i64>>,
    listen: Option<Spanned<String>>,
}

/// An address to listen on.
fn socket(written: &Spanned<String>, source: &Source<'_>) -> Result<String> {
    match written.get_ref().parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Ok(address.to_string()),
        _ => Err(source.at(&written.span(), "write an address and a port, as \"0.0.0.0:8100\"")),
    }
}

/// With every default.
pub(super) fn resolve(file: &EffectsFile, source: &Source<'_>) -> Result<EffectsPlan> {
    let default = EffectsPlan::default();
    let takes =
        |what, written, default| time(what, written, default, Duration::ZERO..=LONGEST_RUN, source);
    let one_in = file.long_job_one_in.as_ref();
    let at_once = "at_once, if there is to be a bound,";
    let at_once = whole(at_once, file.at_once.as_ref(), 1, 1..=i64::from(u32::MAX), source)?;
    Ok(EffectsPlan {
        model_takes: takes("model_takes", file.model_takes.as_ref(), default.model_takes)?,
        job_takes: takes("job_takes", file.job_takes.as_ref(), default.job_takes)?,
        long_job_one_in: whole(
            "long_job_one_in",
            one_in,
            default.long_job_one_in,
            0..=i64::MAX,
            source,
        )?,
        at_once: file.at_once.as_ref().map(|_| at_once),
        listen: file.listen.as_ref().map(|listen| socket(listen, source)).transpose()?,
    })
}
