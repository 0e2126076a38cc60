//! A verdict as a mark and a word.

use crate::text;
use maud::{Markup, html};
use redrill_history::Verdict;

/// The verdict, known without its colour and without its mark.
pub(crate) fn badge(verdict: Verdict) -> Markup {
    html! {
        span.badge.(verdict.name()) {
            span aria-hidden="true" { (text::mark(verdict)) } " " (verdict.name())
        }
    }
}
