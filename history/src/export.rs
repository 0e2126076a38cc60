//! A run's history as text, for other tools.

use crate::{Observation, Operation, RunView};
use serde::Serialize;
use std::io::{self, Write};

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line; absent observations are left out.
    Ndjson,
    /// A header line, then one line an operation; absent observations are empty.
    Csv,
}

#[derive(Serialize)]
struct Line<'a> {
    source: &'static str,
    #[serde(flatten)]
    operation: &'a Operation,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<&'a Observation>,
}

const COLUMNS: &str = "source,seq,capability,action,key,value,vu,instance,intended_ns,started_ns,\
finished_ns,outcome,status,flags,segment,owner,counter,window,limit,remaining,reset_s,\
retry_after_s,age_ns,node";

/// Writes operations in order of sequence, then effects in order of time.
///
/// # Errors
/// When the sink does not take it.
pub fn export(view: &RunView, format: Format, out: &mut dyn Write) -> io::Result<()> {
    if format == Format::Csv {
        writeln!(out, "{COLUMNS}")?;
    }
    let operations = view.operations.iter().map(|op| ("history", op, view.observation(op.seq)));
    let effects = view.effects.iter().map(|effect| ("effects", effect, None));
    for (source, operation, observed) in operations.chain(effects) {
        match format {
            Format::Ndjson => {
                serde_json::to_writer(&mut *out, &Line { source, operation, observed })?;
                writeln!(out)?;
            }
            Format::Csv => write_csv(out, source, operation, observed)?,
        }
    }
    out.flush()
}

fn write_csv(
    out: &mut dyn Write,
    source: &str,
    op: &Operation,
    observed: Option<&Observation>,
) -> io::Result<()> {
    write!(
        out,
        "{source},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
        op.seq,
        op.capability.name(),
        op.action.name(),
        op.key,
        op.value,
        op.vu,
        op.instance,
        op.intended_ns,
        op.started_ns,
        op.finished_ns,
        op.outcome.name(),
        op.status,
        op.flags.0,
        op.segment
    )?;
    let seen = observed.copied().unwrap_or_default();
    for field in [
        seen.owner,
        seen.counter,
        seen.window,
        seen.limit,
        seen.remaining,
        seen.reset_s,
        seen.retry_after_s,
        seen.age_ns,
        seen.node,
    ] {
        match field {
            Some(value) => write!(out, ",{value}")?,
            None => write!(out, ",")?,
        }
    }
    writeln!(out)
}
