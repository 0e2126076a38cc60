//! Whether the harness itself did what it should.

use super::Panel;
use crate::doubts;
use maud::{Markup, html};
use redrill_history::{Report, RunView};

pub(super) struct Trust;

impl Panel for Trust {
    fn id(&self) -> &'static str {
        "trust"
    }

    fn title(&self) -> &'static str {
        "Trust"
    }

    fn question(&self) -> &'static str {
        "Can these numbers be trusted?"
    }

    fn applies(&self, run: &RunView) -> bool {
        run.plan.kind.is_one_load()
    }

    fn draw(&self, run: &RunView, _: &Report) -> Markup {
        let checks = doubts::checks(run);
        let doubts = checks.iter().filter(|check| !check.is_good).count();
        html! {
            p {
                @match doubts {
                    0 => "Nothing in the run speaks against its numbers.",
                    1 => "One thing speaks against some of the numbers.",
                    _ => { (doubts) " things speak against some of the numbers." }
                }
            }
            ul.checks { @for check in checks {
                li.(if check.is_good { "good" } else { "doubt" }) {
                    span.mark aria-hidden="true" { (if check.is_good { "✓" } else { "!" }) }
                    div {
                        strong { (check.what) } " "
                        span.state { (if check.is_good { "(good)" } else { "(doubtful)" }) }
                        br;
                        (check.seen)
                    }
                }
            } }
        }
    }
}
