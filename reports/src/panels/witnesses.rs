//! The operations that prove what failed.

use super::Panel;
use super::findings::slug;
use crate::figure::Figure;
use crate::table::{Column, table};
use crate::witness::{self, Scene};
use crate::{format, text};
use maud::{Markup, html};
use redrill_history::{Finding, Operation, Report, RunView, Verdict, Witness};

/// Witnesses of a finding that are shown.
const WITNESSES_MOST: usize = 3;
/// Witnesses that are shown when many findings failed: the page stays below a megabyte.
const WITNESSES_ALL: usize = 24;
/// Operations of a witness that are shown.
const OPERATIONS_MOST: usize = 14;

pub(super) struct Witnesses;

impl Panel for Witnesses {
    fn id(&self) -> &'static str {
        "witnesses"
    }

    fn title(&self) -> &'static str {
        "Witnesses"
    }

    fn question(&self) -> &'static str {
        "Which operations prove it?"
    }

    fn applies(&self, run: &RunView) -> bool {
        run.plan.kind.is_one_load()
    }

    fn draw(&self, run: &RunView, report: &Report) -> Markup {
        let findings = text::worst_first(report).into_iter().filter(|finding| are_shown(finding));
        let findings: Vec<_> = findings.collect();
        let each = (WITNESSES_ALL / findings.len().max(1)).clamp(1, WITNESSES_MOST);
        html! {
            @if findings.is_empty() {
                p.note { "No finding failed with a witness: there is nothing to prove." }
            }
            @for finding in &findings { (part(finding, each, run)) }
        }
    }
}

/// True when the panel has a part about the finding.
pub(super) fn are_shown(finding: &Finding) -> bool {
    finding.verdict != Verdict::Pass && !finding.witnesses.is_empty()
}

fn part(finding: &Finding, most: usize, run: &RunView) -> Markup {
    let id = format!("witness-{}", slug(&finding.id));
    let (statement, _) = text::first_sentence(&finding.statement);
    let shown = finding.witnesses.iter().take(most);
    let left_out = finding.witnesses.len().saturating_sub(most) as u64;
    html! {
        article.witnesses aria-labelledby=(id) {
            h3 id=(id) {
                (text::mark(finding.verdict)) " " (statement) " " code { (finding.id) }
            }
            @for (index, witness) in shown.enumerate() {
                (figure((&id, index + 1), witness, run))
            }
            @if left_out > 0 {
                p.note {
                    "Witnesses not shown: " (format::count(left_out)) ". findings.json has them."
                }
            }
        }
    }
}

fn figure((id, number): (&str, usize), witness: &Witness, run: &RunView) -> Markup {
    let operations = witness.operations.iter().filter_map(|seq| run.operation(*seq));
    let by_seq = |seq: &u64| run.effects.iter().find(|effect| effect.seq == *seq);
    let effects = witness.effects.iter().filter_map(by_seq);
    let mut shown: Vec<(bool, &Operation)> =
        operations.map(|op| (false, op)).chain(effects.map(|op| (true, op))).collect();
    shown.sort_by_key(|(is_effect, op)| (op.started_ns, *is_effect, op.seq));
    let named = witness.operations.len() + witness.effects.len();
    let missing = named - shown.len();
    let left_out = shown.len().saturating_sub(OPERATIONS_MOST) as u64;
    // What began it and what proves it stand at the ends.
    let tail = shown.len().saturating_sub(OPERATIONS_MOST / 2).max(OPERATIONS_MOST / 2);
    if left_out > 0 {
        shown.drain(OPERATIONS_MOST / 2..tail);
    }
    let scene = Scene { run, operations: &shown };
    html! {
        p.explanation { (witness.explanation) }
        @if shown.is_empty() {
            p.note { "The operations that it names are not in the history that was recorded." }
        } @else {
            (Figure {
                id: format!("{id}-{number}"),
                title: format!("Witness {number}: its operations in order"),
                description: witness.explanation.clone(),
                how_to_read: "A bar runs from the start of an operation to its answer, a thin line \
                              before it from when it should have started; where bars overlap, \
                              either may have come first."
                    .to_owned(),
                svg: witness::draw(&scene),
                data: operations_table(&scene),
            }.markup())
        }
        @if left_out > 0 {
            p.note {
                "Operations in the middle of this witness, not shown: "
                (format::count(left_out)) "."
            }
        }
        @if missing > 0 && !shown.is_empty() {
            p.note {
                "Operations of this witness that could not be read: "
                (format::count(missing as u64)) "."
            }
        }
    }
}

fn operations_table(scene: &Scene<'_>) -> Markup {
    let columns = [
        Column::Words("Operation"),
        Column::Words("What"),
        Column::Words("Outcome"),
        Column::Words("Asked"),
        Column::Words("Told"),
        Column::Number("Should start"),
        Column::Number("Started"),
        Column::Number("Finished"),
        Column::Words("Phase"),
    ];
    let run = scene.run;
    let at = |ns| format::moment(ns, run.load_start_ns);
    let row = |(is_effect, op): &(bool, &Operation)| {
        vec![
            witness::name(*is_effect, op),
            text::operation(op, run),
            text::outcome(op),
            text::instance(op),
            if *is_effect { "–".to_owned() } else { text::observed(op, run) },
            at(op.intended_ns),
            at(op.started_ns),
            at(op.finished_ns),
            run.phase_of(op).map_or("–", |phase| phase.name()).to_owned(),
        ]
    };
    let rows: Vec<_> = scene.operations.iter().map(row).collect();
    table("Operations of this witness", &columns, &rows)
}
