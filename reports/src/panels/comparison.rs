//! The two sides of a comparison: every metric with its pairs, its interval and what is tolerated.

use super::Panel;
use crate::figure::Figure;
use crate::table::{Column, table};
use crate::{format, pairs};
use maud::{Markup, html};
use redrill_history::{Comparison, GatePlan, Measure, Report, RunView, Unit, Verdict};

pub(super) struct Sides;

impl Panel for Sides {
    fn id(&self) -> &'static str {
        "comparison"
    }

    fn title(&self) -> &'static str {
        "Comparison"
    }

    fn question(&self) -> &'static str {
        "In what is the candidate worse, and by how much?"
    }

    fn applies(&self, run: &RunView) -> bool {
        run.plan.gate.is_some()
    }

    fn draw(&self, run: &RunView, report: &Report) -> Markup {
        let Some(gate) = &run.plan.gate else { return html! {} };
        let comparisons = worst_first(report);
        html! {
            (sides(gate, run))
            @if comparisons.is_empty() {
                p.note { "Nothing was compared: no metric has a value in every block." }
            } @else {
                (figure(&comparisons).markup())
            }
        }
    }
}

/// Every comparison, the gravest first; among equals the order of the metrics.
pub(crate) fn worst_first(report: &Report) -> Vec<&Comparison> {
    let all = report.findings.iter().flat_map(|finding| finding.comparisons.iter());
    let mut comparisons: Vec<&Comparison> = all.collect();
    comparisons.sort_by_key(|one| std::cmp::Reverse(one.verdict));
    comparisons
}

/// The medians of the base's blocks and of the candidate's.
pub(crate) fn medians(one: &Comparison) -> (String, String) {
    let value = |values: &[f64]| {
        format::measure(&Measure { name: String::new(), value: median(values), unit: one.unit })
    };
    (value(&one.base), value(&one.candidate))
}

/// A difference with its sign, in percent; a dash where it is not bounded.
pub(crate) fn difference(share: Option<f64>) -> String {
    let measure = |share| Measure { name: String::new(), value: Some(share), unit: Unit::Ratio };
    share.map_or_else(|| "–".to_owned(), |share| format::measure(&measure(share)))
}

fn sides(gate: &GatePlan, run: &RunView) -> Markup {
    let measured = run.plan.load.duration.saturating_sub(gate.discard);
    let base = match (&gate.base, &gate.baseline) {
        (Some(base), _) => base.clone(),
        (None, Some(saved)) => {
            format!("{}, saved {}", saved.target, format::utc(&saved.began))
        }
        (None, None) => "none: the candidate's blocks were only measured".to_owned(),
    };
    html! {
        dl.card {
            div { dt { "Base" } dd { (base) } }
            div { dt { "Candidate" } dd { (gate.candidate) } }
            div {
                dt { "Blocks" }
                dd {
                    (format::count(run.segments.len() as u64)) ", of "
                    (format::duration(measured.as_secs_f64() * 1e9)) " measured each, by turns"
                }
            }
        }
        @if gate.baseline.is_some() {
            p.notice {
                strong { "Weaker. " }
                "The base's blocks were saved from an earlier run. What has changed about the \
                 machine since then shows as a difference of the candidate, and no chance of a \
                 false alarm can be given for it. Give the base itself with --base to have both \
                 run by turns."
            }
        }
    }
}

fn figure(comparisons: &[&Comparison]) -> Figure {
    let columns = [
        Column::Words("Metric"),
        Column::Words("Verdict"),
        Column::Number("Base"),
        Column::Number("Candidate"),
        Column::Number("Worse by"),
        Column::Number("at least"),
        Column::Number("at most"),
        Column::Number("Tolerated"),
        Column::Number("Would fail from"),
        Column::Number("Chance"),
    ];
    let rows: Vec<_> = comparisons.iter().map(|one| row(one)).collect();
    let failed = comparisons.iter().filter(|one| one.verdict == Verdict::Fail).count();
    Figure {
        id: "comparison-figure".to_owned(),
        title: "By how much the candidate is worse".to_owned(),
        description: format!(
            "One row for each of {} comparisons: the difference of every pair of blocks, the \
             interval in which the true difference lies, and the line of what is tolerated. {} \
             failed.",
            comparisons.len(),
            failed
        ),
        how_to_read:
            "Each row is scaled so that the dashed line is what is tolerated of it. A dot \
                      is a pair of blocks, the bar is where the true difference lies (all but one \
                      chance in twenty on either side). A bar that ends left of the dashed line \
                      passes; one that begins right of it, and is sure enough among so many, fails."
                .to_owned(),
        svg: pairs::draw(comparisons),
        data: table("Both sides, medians of the blocks", &columns, &rows),
    }
}

fn row(one: &Comparison) -> Vec<String> {
    let (base, candidate) = medians(one);
    let mut row = vec![pairs::name(one), one.verdict.name().to_owned(), base, candidate];
    let shares = [Some(one.estimate), one.low, one.high, Some(one.tolerated), one.smallest];
    row.extend(shares.map(difference));
    row.push(format::decimals(one.p_worse, 4));
    row
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len().checked_sub(1)? / 2;
    Some(f64::midpoint(sorted[middle], sorted[sorted.len() / 2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_between_the_two_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
