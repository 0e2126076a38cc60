//! What the checkers found, broken promises first.

use super::Panel;
use super::witnesses;
use crate::badge::badge;
use crate::table::{Column, table};
use crate::{format, text};
use maud::{Markup, html};
use redrill_history::{Breakdown, Finding, Report, RunView, Verdict};

pub(super) struct Findings;

impl Panel for Findings {
    fn id(&self) -> &'static str {
        "findings"
    }

    fn title(&self) -> &'static str {
        "Findings"
    }

    fn question(&self) -> &'static str {
        "What was lost, and what held?"
    }

    fn draw(&self, _: &RunView, report: &Report) -> Markup {
        let findings = text::worst_first(report);
        html! {
            @if findings.is_empty() {
                p.note { "No checker has looked at this run, so nothing is known to hold." }
            } @else {
                (legend())
                div.scroll tabindex="0" role="region" aria-label="Findings" {
                    table.findings {
                        caption { "What must hold, and whether it held" }
                        thead { tr {
                            th scope="col" { "Verdict" }
                            th scope="col" { "What must hold" }
                            th.number scope="col" { "Definite" }
                            th.number scope="col" { "Possible" }
                            th.number scope="col" { "Examined" }
                            th scope="col" { "Objective" }
                            th scope="col" { "What was seen" }
                        } }
                        @for finding in findings { (rows(finding)) }
                    }
                }
            }
        }
    }
}

fn legend() -> Markup {
    html! {
        p.legend {
            strong { "Definite" } " violations happened in whatever order the unanswered \
            operations took effect; only these fail. "
            strong { "Possible" } " ones happened in some order. "
            strong { "Examined" } " are the operations that could have shown a violation: none \
            examined, nothing proven."
        }
    }
}

fn rows(finding: &Finding) -> Markup {
    let verdict = finding.verdict;
    let (statement, remark) = text::first_sentence(&finding.statement);
    let has_more =
        !finding.measures.is_empty() || !finding.breakdowns.is_empty() || has_phases(finding);
    html! {
        tbody.(verdict.name()) id={ "finding-" (slug(&finding.id)) } {
            tr {
                td.state data-label="Verdict" {
                    (badge(verdict))
                }
                th scope="row" {
                    (statement) " " code { (finding.id) }
                    @if !remark.is_empty() { span.remark { (remark) } }
                }
                td.number data-label="Definite" { (format::count(finding.definite)) }
                td.number data-label="Possible" { (format::count(finding.possible)) }
                td.number data-label="Examined" { (format::count(finding.examined)) }
                td data-label="Objective" { (objective(finding)) }
                td data-label="What was seen" {
                    (finding.summary)
                    @if witnesses::are_shown(finding) {
                        " "
                        a href={ "#witness-" (slug(&finding.id)) } {
                            "See the operations that prove it"
                        }
                    }
                }
            }
            @if has_more {
                tr.more { td colspan="7" {
                    details open[verdict == Verdict::Fail] {
                        summary { "Numbers of " (finding.id) }
                        div.parts { (numbers(finding)) }
                    }
                } }
            }
        }
    }
}

/// The objective, so that it can be read without the head of its column.
fn objective(finding: &Finding) -> String {
    match finding.objective.as_str() {
        "none" => "none allowed".to_owned(),
        words => words.to_owned(),
    }
}

/// A table of noughts tells nothing.
fn has_phases(finding: &Finding) -> bool {
    finding.phases.iter().any(|phase| phase.possible > 0)
}

/// Measures, phases and breakdowns of a finding.
fn numbers(finding: &Finding) -> Markup {
    html! {
        (measures(finding))
        @if has_phases(finding) { (phases(finding)) }
        @for breakdown in &finding.breakdowns { (split(breakdown)) }
    }
}

/// The other numbers of a finding.
pub(super) fn measures(finding: &Finding) -> Markup {
    html! {
        @if !finding.measures.is_empty() {
            dl.measures { @for measure in &finding.measures {
                div { dt { (measure.name) } dd { (format::measure(measure)) } }
            } }
        }
    }
}

fn phases(finding: &Finding) -> Markup {
    let columns = [
        Column::Words("Phase"),
        Column::Number("Definite"),
        Column::Number("Possible"),
        Column::Number("Examined"),
    ];
    let rows: Vec<_> = finding
        .phases
        .iter()
        .map(|phase| {
            let counts = [phase.definite, phase.possible, phase.examined];
            let name = phase.phase.name().to_owned();
            [name].into_iter().chain(counts.map(format::count)).collect()
        })
        .collect();
    table(&format!("{} by phase", finding.id), &columns, &rows)
}

/// A question and its answers; the heads of its two columns would say no more.
fn split(breakdown: &Breakdown) -> Markup {
    html! {
        table {
            caption { (breakdown.title) }
            tbody { @for (answer, count) in &breakdown.rows { tr {
                th scope="row" { (answer) }
                td.number { (format::count(*count)) }
            } } }
        }
    }
}

/// A finding's id as a part of an address in the page.
pub(super) fn slug(id: &str) -> String {
    // Two ids that differ in their signs alone must not meet in one address.
    let part = |c: char| match c {
        '.' => "-".to_owned(),
        c if c.is_ascii_alphanumeric() || c == '-' => c.to_string(),
        c => format!("_{:x}", u32::from(c)),
    };
    id.chars().map(part).collect()
}
