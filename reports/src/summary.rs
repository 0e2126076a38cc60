//! The verdict in one line, for a terminal.

use crate::text;
use redrill_history::{Report, RunView, Verdict};

/// Mark, verdict and headline, and how many findings are behind them:
/// `✗ fail: 3 jobs were lost (2 of 17 findings failed, 1 inconclusive)`.
pub fn summary_line(run: &RunView, report: &Report) -> String {
    let of = |verdict| report.findings.iter().filter(|finding| finding.verdict == verdict).count();
    let cut = if run.is_complete() { "" } else { "; the run was cut off" };
    format!(
        "{} {}: {} ({} of {} findings failed, {} inconclusive{cut})",
        text::mark(report.verdict),
        report.verdict.name(),
        report.headline,
        of(Verdict::Fail),
        report.findings.len(),
        of(Verdict::Inconclusive),
    )
}
