//! The load before, during and after the fault.

use super::Panel;
use crate::figure::Figure;
use crate::series::{self, PhaseTally};
use crate::table::Column;
use crate::{format, percentiles};
use maud::{Markup, html};
use redrill_history::{Capability, Phase, Report, RunView};

pub(super) struct Phases;

impl Panel for Phases {
    fn id(&self) -> &'static str {
        "phases"
    }

    fn title(&self) -> &'static str {
        "Phases"
    }

    fn question(&self) -> &'static str {
        "How was the service before, during and after?"
    }

    fn applies(&self, run: &RunView) -> bool {
        run.plan.kind.is_one_load()
    }

    fn draw(&self, run: &RunView, _: &Report) -> Markup {
        html! {
            (table(run, None, "All capabilities by phase"))
            (latency(run))
            p.legend {
                "Latency runs from the moment at which a request should have started, so that \
                waiting for a busy service counts; it is of acknowledged requests only. "
                strong { "Refused" } " requests definitely did not happen, " strong { "unknown" }
                " ones may have. " strong { "Availability" } " is the share that was acknowledged, \
                or declined with a 4xx, as a session is that is over. The fault phase ends when \
                the last fault is healed, recovery with the first of two consecutive good seconds."
            }
        }
    }
}

/// The whole of the latencies, where the table has four numbers of them.
fn latency(run: &RunView) -> Markup {
    let phases = series::by_phase(run, None);
    if phases.iter().all(|phase| phase.tally.ok == 0) {
        return html! { p.note { "No request was acknowledged, so there is no latency to show." } };
    }
    let columns = [
        Column::Words("Phase"),
        Column::Number("Acknowledged"),
        Column::Number("50 %"),
        Column::Number("90 %"),
        Column::Number("99 %"),
        Column::Number("99.9 %"),
    ];
    let row = |phase: &PhaseTally| {
        let latency = &phase.tally.latency;
        let mut row = vec![phase.span.phase.name().to_owned(), format::count(latency.count())];
        let quantile = |quantile| format::duration_or_dash(latency.quantile_ns(quantile));
        row.extend([0.5, 0.9, 0.99, 0.999].map(quantile));
        row
    };
    let rows: Vec<_> = phases.iter().map(row).collect();
    let figure = Figure {
        id: "latency-figure".to_owned(),
        title: "Latency by percentile".to_owned(),
        description: "A line for each phase: the time within which a share of the acknowledged \
                      requests was answered."
            .to_owned(),
        how_to_read: "The further right a line stays low, the fewer users wait long; compare the \
                      phases at the same share. A line ends where fewer requests than one would \
                      stand for it."
            .to_owned(),
        svg: percentiles::draw(&phases),
        data: crate::table::table("Latency by percentile and phase", &columns, &rows),
    };
    html! { div.after-table { (figure.markup()) } }
}

/// The phases of one capability, or of all.
pub(super) fn table(run: &RunView, capability: Option<Capability>, caption: &str) -> Markup {
    let heads = [
        "Span",
        "Should start",
        "Started",
        "Ok",
        "Refused",
        "Unknown",
        "Availability",
        "p50",
        "p95",
        "p99",
        "Largest",
    ];
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr {
                    th scope="col" { "Phase" }
                    @for head in heads { th.number scope="col" { (head) } }
                } }
                tbody { @for phase in series::by_phase(run, capability) {
                    tr {
                        th scope="row" { (phase.span.phase.name()) }
                        @if phase.span.is_empty() {
                            td.empty colspan="11" { "empty: " (why_empty(phase.span.phase, run)) }
                        } @else {
                            @for cell in cells(&phase, run) { td.number { (cell) } }
                        }
                    }
                } }
            }
        }
    }
}

fn cells(phase: &PhaseTally, run: &RunView) -> Vec<String> {
    let PhaseTally { span, tally, .. } = phase;
    let second =
        |at_ns: u64| format::decimals(at_ns.saturating_sub(run.load_start_ns) as f64 / 1e9, 1);
    let rate = |count| format!("{}/s", format::rate(phase.per_s(count)));
    let latency = |quantile| format::duration_or_dash(tally.latency.quantile_ns(quantile));
    vec![
        format!("{}–{}\u{a0}s", second(span.start_ns), second(span.end_ns)),
        rate(tally.intended),
        rate(tally.started),
        format::count(tally.ok),
        format::count(tally.refused),
        format::count(tally.unknown),
        format::part(tally.answered, tally.intended),
        latency(0.5),
        latency(0.95),
        latency(0.99),
        format::duration_or_dash(tally.latency.max_ns()),
    ]
}

fn why_empty(phase: Phase, run: &RunView) -> &'static str {
    let has_fault = !run.windows.is_empty();
    match phase {
        Phase::Baseline if has_fault => "the fault began with the load",
        Phase::Baseline => "there was no load",
        Phase::Fault | Phase::Recovery | Phase::After if !has_fault => "no fault was injected",
        Phase::Fault => "the fault lay outside the load",
        Phase::Recovery if run.phases.span(Phase::After).is_empty() => {
            "the load was over before the fault was healed"
        }
        Phase::Recovery if run.phases.time_to_recover_ns.is_none() => {
            "no whole second was worse than the baseline"
        }
        Phase::Recovery => "the service had recovered before the fault was healed",
        Phase::After => "the service had not recovered when the load ended",
    }
}
