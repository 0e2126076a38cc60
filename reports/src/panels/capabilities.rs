//! Each capability by itself: its load, its outcomes, its findings' numbers.

use super::Panel;
use super::findings::{measures, slug};
use super::{phases, timeline as timeline_panel};
use crate::badge::badge;
use crate::figure::Figure;
use crate::series::{Bins, capabilities};
use crate::{format, text, timeline};
use maud::{Markup, html};
use redrill_history::{Capability, Finding, Report, RunView};

pub(super) struct Capabilities;

impl Panel for Capabilities {
    fn id(&self) -> &'static str {
        "capabilities"
    }

    fn title(&self) -> &'static str {
        "Capabilities"
    }

    fn question(&self) -> &'static str {
        "What did it cost each capability?"
    }

    fn applies(&self, run: &RunView) -> bool {
        run.plan.kind.is_one_load()
    }

    fn draw(&self, run: &RunView, report: &Report) -> Markup {
        let capabilities = capabilities(run);
        html! {
            @if capabilities.is_empty() { p.note { "The plan exercises no capability." } }
            @for capability in capabilities { (part(capability, run, report)) }
        }
    }
}

fn part(capability: Capability, run: &RunView, report: &Report) -> Markup {
    let name = capability.name();
    let findings: Vec<_> =
        report.findings.iter().filter(|finding| belongs(finding, name)).collect();
    let bins = Bins::of(run, Some(capability));
    html! {
        article.capability aria-labelledby={ "capability-" (name) } {
            h3 id={ "capability-" (name) } { (name) }
            p.load { (load(capability, run)) }
            @if bins.bins.iter().all(|bin| bin.tally.intended == 0) {
                p.note { "No request of this capability was recorded." }
            } @else {
                (figure(name, run, &bins).markup())
                (phases::table(run, Some(capability), &format!("{name} by phase")))
            }
            @if !findings.is_empty() {
                ul.findings { @for finding in findings { (line(finding)) } }
            }
        }
    }
}

fn belongs(finding: &Finding, capability: &str) -> bool {
    finding.id.split('.').next() == Some(capability)
}

fn load(capability: Capability, run: &RunView) -> String {
    match run.plan.load.capabilities.get(&capability) {
        Some(load) => format!(
            "{} arrivals, {} a second, by {}, over {}.",
            load.model,
            format::rate(load.rate_per_s),
            format::counted(u64::from(load.vus), "virtual user"),
            format::counted(u64::from(load.keys), "key"),
        ),
        None => "Not in the plan.".to_owned(),
    }
}

fn figure(name: &str, run: &RunView, bins: &Bins) -> Figure {
    Figure {
        id: format!("{name}-figure"),
        title: format!("Outcomes of {name}"),
        description: format!("Requests of {name} by outcome over the load, stacked."),
        how_to_read: "Plain was acknowledged, hatched was refused, crossed may have happened."
            .to_owned(),
        svg: timeline::draw_outcomes(run, bins),
        data: timeline_panel::bins_table(&format!("Load of {name} by time"), run, bins),
    }
}

fn line(finding: &Finding) -> Markup {
    let (statement, _) = text::first_sentence(&finding.statement);
    html! {
        li {
            (badge(finding.verdict)) " "
            a href={ "#finding-" (slug(&finding.id)) } { (statement) }
            (measures(finding))
        }
    }
}
