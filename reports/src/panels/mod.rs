//! The parts of the page, in the order in which a reader asks: what is the verdict, what was lost,
//! when, why, and can it be trusted.

mod capabilities;
mod capacity;
mod card;
pub(crate) mod comparison;
mod environment;
mod faults;
mod findings;
mod headline;
mod phases;
mod plan;
mod timeline;
mod trust;
mod witnesses;

use maud::Markup;
use redrill_history::{Report, RunView};

/// One part of the page: a pure function of the run and what was found.
pub trait Panel: Sync {
    /// The part's address in the page.
    fn id(&self) -> &'static str;
    /// Its name, in one or two words.
    fn title(&self) -> &'static str;
    /// The reader's question that it answers.
    fn question(&self) -> &'static str;
    /// False for a run of a kind that the question is not asked of.
    fn applies(&self, _run: &RunView) -> bool {
        true
    }
    /// The answer. Every run that it applies to has one, also an empty or a broken one.
    fn draw(&self, run: &RunView, report: &Report) -> Markup;
}

/// Every panel, in page order.
pub const PANELS: &[&dyn Panel] = &[
    &headline::Headline,
    &capacity::Capacity,
    &card::Card,
    &comparison::Sides,
    &findings::Findings,
    &timeline::Timeline,
    &faults::Faults,
    &phases::Phases,
    &capabilities::Capabilities,
    &witnesses::Witnesses,
    &trust::Trust,
    &environment::Environment,
    &plan::Plan,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn panels_have_addresses_and_questions_of_their_own() {
        let ids: BTreeSet<_> = PANELS.iter().map(|panel| panel.id()).collect();
        assert_eq!(ids.len(), PANELS.len());
        for panel in PANELS {
            assert!(panel.question().ends_with('?'), "{}", panel.id());
            let fits = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(!panel.id().is_empty() && panel.id().chars().all(fits), "{}", panel.id());
        }
    }
}
