//! The plan, every default written out.

use super::Panel;
use maud::{Markup, html};
use redrill_history::{Report, RunView};

pub(super) struct Plan;

impl Panel for Plan {
    fn id(&self) -> &'static str {
        "plan"
    }

    fn title(&self) -> &'static str {
        "Plan"
    }

    fn question(&self) -> &'static str {
        "What exactly was run?"
    }

    fn draw(&self, run: &RunView, _: &Report) -> Markup {
        html! {
            @match run.plan.to_toml() {
                Ok(text) => {
                    details.data open {
                        summary { "plan.toml, every default written out" }
                        pre.scroll tabindex="0" { code { (text) } }
                    }
                },
                Err(error) => { p.note { "The plan cannot be written as TOML: " (error) } },
            }
        }
    }
}
