//! The page around the panels.

use crate::panels::{PANELS, Panel};
use crate::{text, theme};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use redrill_history::{Report, RunView};

/// Nothing may be loaded or run: the page is a document.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The page of a run: one self-contained document, the same bytes for the same run.
pub fn html(run: &RunView, report: &Report) -> String {
    let verdict = report.verdict;
    let title = format!("{} {}: {}", text::mark(verdict), verdict.name(), run.plan.name);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(format!("redrill {}", run.plan.redrill));
                title { (title) }
                style { (PreEscaped(theme::style_sheet())) }
            }
            body {
                a.skip href="#main" { "Skip to the verdict" }
                (PreEscaped(theme::patterns()))
                header.page {
                    p.product { "redrill report" }
                    h1 { (run.plan.name) }
                    p.question { (run.plan.question) }
                    (contents(run))
                }
                main id="main" {
                    @for panel in panels(run) { (section(panel, run, report)) }
                }
                footer.page {
                    p {
                        "Made by redrill " (run.plan.redrill) " from the run folder alone. Times "
                        "are in seconds since the load began, unless they say otherwise."
                    }
                }
            }
        }
    }
    .into_string()
}

/// The panels whose questions can be put to this run, in page order.
fn panels(run: &RunView) -> impl Iterator<Item = &'static dyn Panel> {
    PANELS.iter().copied().filter(|panel| panel.applies(run))
}

fn contents(run: &RunView) -> Markup {
    html! {
        nav aria-label="Parts of this report" {
            ul { @for panel in panels(run) {
                li { a href={ "#" (panel.id()) } { (panel.title()) } }
            } }
        }
    }
}

fn section(panel: &dyn Panel, run: &RunView, report: &Report) -> Markup {
    let heading = format!("{}-heading", panel.id());
    html! {
        section id=(panel.id()) aria-labelledby=(heading) {
            h2 id=(heading) { span.name { (panel.title()) } " " span.asks { (panel.question()) } }
            (panel.draw(run, report))
        }
    }
}
