//! From a run folder to its findings and its page: a pure function of the folder.

use anyhow::{Context as _, Result};
use redrill_history::{Report, RunFolder, RunView, write_interval_logs};
use redrill_scenarios::checker::check_all;

/// Checks a run and writes its interval logs, findings, page and what CI services show of it.
///
/// # Errors
/// A folder that cannot be read or written.
pub fn examine(folder: &RunFolder) -> Result<Report> {
    examine_read(folder, &RunView::load(folder)?)
}

/// The same of a run that was read already.
///
/// # Errors
/// A folder that cannot be written.
pub fn examine_read(folder: &RunFolder, view: &RunView) -> Result<Report> {
    write_interval_logs(&folder.latency(), view).context("cannot write the interval logs")?;
    let report = check_all(view);
    folder.write_findings(&report)?;
    folder.write_report(
        &redrill_reports::html(view, &report),
        &redrill_reports::junit_xml(view, &report),
        &redrill_reports::summary_md(view, &report),
    )?;
    Ok(report)
}
