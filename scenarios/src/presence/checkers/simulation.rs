//! A correct presence that hears of closes late, or not at all, is never accused; one that never
//! forgets, or forgets the living, is found.

use super::ghosts::Ghosts;
use super::missing::Missing;
use crate::checker::Checker;
use crate::checker::literal::{Literal, unknown};
use proptest::prelude::*;
use redrill_history::{Action, RunView};

const TTL_MS: u64 = 3000;
/// A last sign of life may take effect so long after the close.
const COMMAND_MS: u64 = 1000;

/// One socket: how long after the one before, how long it is open, when the service shows it and
/// hears of its end, whether its opening and closing are answered.
#[derive(Clone, Copy, Debug)]
struct Life {
    away_ms: u64,
    open_ms: u64,
    shown_after_ms: u64,
    heard_after_ms: Option<u64>,
    opening_answered: bool,
    closing_answered: bool,
}

fn life() -> impl Strategy<Value = Life> {
    let heard = prop::option::weighted(0.7, 0..500_u64);
    let answered = || prop::bool::weighted(0.9);
    (0..9000_u64, 1..9000_u64, 0..1900_u64, heard, answered(), answered()).prop_map(
        |(away_ms, open_ms, shown_after_ms, heard_after_ms, opening_answered, closing_answered)| {
            Life {
                away_ms,
                open_ms,
                shown_after_ms,
                heard_after_ms,
                opening_answered,
                closing_answered,
            }
        },
    )
}

/// What is wrong with the service.
#[derive(Clone, Copy, PartialEq)]
enum Defect {
    None,
    /// It shows everybody who ever came.
    NeverForgets,
    /// It shows nobody.
    ShowsNobody,
}

/// The lives of one user, with a lookup every 250 ms.
fn simulate(lives: &[Life], defect: Defect) -> RunView {
    let mut run = Literal::new();
    let mut shown: Vec<(u64, u64)> = Vec::new();
    let mut at_ms = 100;
    for (number, life) in lives.iter().enumerate() {
        at_ms += life.away_ms;
        let acknowledged_ms = at_ms + 10;
        let online = run.op(Action::Online, 5, number as u64, (at_ms, acknowledged_ms));
        if !life.opening_answered {
            unknown(online);
        }
        let closes_ms = acknowledged_ms + life.open_ms;
        // A close without an answer may leave the socket open for ever.
        let closed = (closes_ms, closes_ms + 10);
        let offline = run.op(Action::Offline, 5, number as u64, closed);
        if !life.closing_answered {
            unknown(offline);
        }
        let until_ms = match life.heard_after_ms {
            _ if !life.closing_answered => u64::MAX,
            Some(heard_after_ms) => closed.0 + heard_after_ms,
            None => closed.1 + COMMAND_MS + TTL_MS,
        };
        shown.push((acknowledged_ms + life.shown_after_ms, until_ms));
        at_ms = closed.1 + 1;
    }
    for lookup_ms in (0..at_ms + 9000).step_by(250) {
        let in_life = |(from, until): &(u64, u64)| (*from..*until).contains(&(lookup_ms + 2));
        let online = match defect {
            Defect::None => shown.iter().any(in_life),
            Defect::NeverForgets => shown.iter().any(|(from, _)| *from <= lookup_ms),
            Defect::ShowsNobody => false,
        };
        run.op(Action::Lookup, 5, u64::from(online), (lookup_ms, lookup_ms + 5));
    }
    run.view()
}

proptest! {
    #[test]
    fn a_correct_service_is_never_accused(lives in prop::collection::vec(life(), 0..8)) {
        let run = simulate(&lives, Defect::None);
        for checker in [&Ghosts as &dyn Checker, &Missing] {
            let finding = checker.check(&run);
            prop_assert_eq!(finding.definite, 0, "{:#?}", finding);
        }
    }

    #[test]
    fn one_that_never_forgets_or_shows_nobody_is_found(
        lives in prop::collection::vec(life(), 1..8)
    ) {
        let plain = |life| Life { opening_answered: true, closing_answered: true, ..life };
        let mut lives: Vec<Life> = lives.into_iter().map(plain).collect();
        lives[0].open_ms += 3000;
        let ghosts = Ghosts.check(&simulate(&lives, Defect::NeverForgets));
        prop_assert!(ghosts.definite > 0, "{:#?}", ghosts);
        let missing = Missing.check(&simulate(&lives, Defect::ShowsNobody));
        prop_assert!(missing.definite > 0, "{:#?}", missing);
    }
}
