//! The verdict for a terminal and for a pull request.

use crate::panels::comparison;
use crate::series::{self, PhaseTally};
use crate::{format, pairs, text};
use redrill_history::capacity::Step;
use redrill_history::{Finding, Report, RunKind, RunView, Verdict};
use std::fmt::Write;

/// Mark, verdict and headline, and how many findings are behind them:
/// `✗ fail: 3 jobs were lost (2 of 17 findings failed, 1 inconclusive)`.
pub fn summary_line(run: &RunView, report: &Report) -> String {
    format!(
        "{} {}: {} ({})",
        text::mark(report.verdict),
        report.verdict.name(),
        text::headline(report),
        tally(run, report)
    )
}

/// The verdict, the findings and the phases as Markdown, short enough for a pull request.
pub fn summary_md(run: &RunView, report: &Report) -> String {
    let mut out = format!(
        "## {} {}: {}\n\n{}\n\n",
        text::mark(report.verdict),
        report.verdict.name(),
        plain(&run.plan.name),
        plain(text::headline(report))
    );
    if !run.is_complete() {
        out += "**Cut off:** the run did not reach its end; this is about what was recorded.\n\n";
    }
    if let Some(reason) = run.interruption() {
        let _ = writeln!(out, "**Interrupted:** {}\n", plain(reason));
    }
    out += "| verdict | what must hold | definite | possible | examined | what was seen |\n";
    out += "| --- | --- | ---: | ---: | ---: | --- |\n";
    for finding in text::worst_first(report) {
        out += &finding_row(finding);
    }
    let _ = writeln!(out, "\n{}.\n", tally(run, report));
    out += &match run.plan.kind {
        RunKind::Capacity => steps(run),
        RunKind::Gate => comparisons(run, report),
        RunKind::Drill | RunKind::Load => phases(run),
    };
    let replay = text::replay(run);
    let _ = writeln!(out, "\nRepeat it with `{replay}`, RUN being the run's folder.");
    out
}

fn phases(run: &RunView) -> String {
    let mut out = "| phase | requests | ok | refused | unknown | availability | p50 | p99 |\n\
                   | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for phase in series::by_phase(run, None) {
        out += &phase_row(&phase);
    }
    out
}

/// The two sides of a comparison, the gravest difference first.
fn comparisons(run: &RunView, report: &Report) -> String {
    let Some(gate) = &run.plan.gate else { return String::new() };
    let base = gate.base.as_deref().unwrap_or("saved blocks");
    let mut out = format!(
        "`{}` against `{}`, medians of the blocks:\n\n\
         | verdict | metric | base | candidate | worse by | from, to | tolerated |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: |\n",
        gate.candidate.replace('`', "'"),
        base.replace('`', "'")
    );
    for one in comparison::worst_first(report) {
        let (base, candidate) = comparison::medians(one);
        let _ = writeln!(
            out,
            "| {} {} | {} | {base} | {candidate} | {} | {}, {} | {} |",
            text::mark(one.verdict),
            one.verdict.name(),
            plain(&pairs::name(one)),
            comparison::difference(Some(one.estimate)),
            comparison::difference(one.low),
            comparison::difference(one.high),
            comparison::difference(Some(one.tolerated)),
        );
    }
    out
}

/// The steps of a capacity search.
fn steps(run: &RunView) -> String {
    let mut out = "| step | for | offered/s | goodput/s | p50 | p99 | end |\n\
                   | ---: | --- | ---: | ---: | ---: | ---: | --- |\n"
        .to_owned();
    for (index, step) in Step::all(run).iter().enumerate() {
        let rate = |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), format::rate);
        let time = |quantile| format::duration_or_dash(step.traffic.quantile_ns(quantile));
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            index + 1,
            step.role.name(),
            rate(step.traffic.offered_per_s()),
            rate(step.traffic.delivered_per_s()),
            time(0.5),
            time(0.99),
            plain(&text::end(step)),
        );
    }
    out
}

/// `2 of 17 findings failed, 1 inconclusive`.
fn tally(run: &RunView, report: &Report) -> String {
    let of = |verdict| report.findings.iter().filter(|finding| finding.verdict == verdict).count();
    let cut = if run.is_complete() { "" } else { "; the run was cut off" };
    format!(
        "{} of {} findings failed, {} inconclusive{cut}",
        of(Verdict::Fail),
        report.findings.len(),
        of(Verdict::Inconclusive),
    )
}

fn finding_row(finding: &Finding) -> String {
    // Violations beside a pass want the objective that allowed them.
    let allowed = match (finding.verdict, finding.definite) {
        (Verdict::Pass, 1..) => format!(" ({})", plain(&finding.objective)),
        _ => String::new(),
    };
    format!(
        "| {} {} | {} ({}) | {}{allowed} | {} | {} | {} |\n",
        text::mark(finding.verdict),
        finding.verdict.name(),
        plain(text::first_sentence(&finding.statement).0),
        plain(&finding.id),
        format::count(finding.definite),
        format::count(finding.possible),
        format::count(finding.examined),
        plain(&finding.summary)
    )
}

fn phase_row(phase: &PhaseTally) -> String {
    let PhaseTally { span, tally, .. } = phase;
    let name = span.phase.name();
    if span.is_empty() {
        return format!("| {name} | empty | | | | | | |\n");
    }
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} | {} |\n",
        format::count(tally.intended),
        format::count(tally.ok),
        format::count(tally.refused),
        format::count(tally.unknown),
        format::part(tally.answered, tally.intended),
        format::duration_or_dash(tally.latency.quantile_ns(0.5)),
        format::duration_or_dash(tally.latency.quantile_ns(0.99)),
    )
}

/// The text so that Markdown takes nothing in it for a sign of its own.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' | '!' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::synthetic;

    #[test]
    fn one_line_tells_the_verdict() {
        let (run, report) = synthetic::failover();
        let line = summary_line(&run, &report);
        assert!(line.starts_with("✗ fail: 28 acknowledged jobs"), "{line}");
        assert!(line.ends_with("(2 of 6 findings failed, 2 inconclusive)"), "{line}");
        let (run, report) = synthetic::cut_off(13);
        assert!(summary_line(&run, &report).ends_with("; the run was cut off)"));
    }

    #[test]
    fn a_pull_request_sees_what_failed_first() {
        let (run, report) = synthetic::failover();
        let text = summary_md(&run, &report);
        let first = text.lines().find(|line| line.starts_with("| ✗")).unwrap();
        assert!(first.contains("session write is lost (sessions.lost) | 9 | 14 |"), "{first}");
        assert!(text.contains("| recovery | empty |"), "{text}");
        assert!(text.contains("`redrill drill RUN/plan.toml`"), "{text}");
        let (run, report) = synthetic::empty();
        assert!(summary_md(&run, &report).contains("**Cut off:**"));
    }

    #[test]
    fn violations_beside_a_pass_name_the_objective_that_allowed_them() {
        let mut finding = Finding::new("queue.duplicated", "A job is executed once.");
        (finding.verdict, finding.definite) = (Verdict::Pass, 3);
        "none set".clone_into(&mut finding.objective);
        let row = finding_row(&finding);
        assert!(row.contains("(queue.duplicated) | 3 (none set) | "), "{row}");
    }

    #[test]
    fn a_row_stays_a_row_whatever_the_words_are() {
        let (mut run, mut report) = synthetic::failover();
        "a`b".clone_into(&mut run.plan.name);
        "x | y\n# z <img> [a](b)".clone_into(&mut report.findings[0].summary);
        let text = summary_md(&run, &report);
        assert!(text.contains(r"x \| y \# z &lt;img> \[a\](b)"), "{text}");
        assert!(text.contains(r"a\`b"), "{text}");
    }
}
