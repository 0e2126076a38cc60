//! The load before, during and after the fault.

use super::Panel;
use crate::format;
use crate::series::{self, PhaseTally};
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

    fn draw(&self, run: &RunView, _: &Report) -> Markup {
        html! {
            (table(run, None, "All capabilities by phase"))
            p.legend {
                "Latency runs from the moment at which a request should have started, so that \
                waiting for a busy service counts; it is of acknowledged requests only. "
                strong { "Refused" } " requests definitely did not happen, " strong { "unknown" }
                " ones may have. The fault phase ends when the last fault is healed, recovery with \
                the first of two consecutive good seconds."
            }
        }
    }
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
    let PhaseTally { span, tally } = phase;
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
        format::part(tally.ok, tally.intended),
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
