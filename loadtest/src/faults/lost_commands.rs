//! Lost commands: some commands are never executed, and nobody says so.

use super::on_commands::{CLOSE, COMMANDS, KEYS, SHARE, closes, sign, toxic};
use super::toxic::{Shows, TOXICITY, Toxic};
use std::time::Duration;

pub(super) const LOST_COMMANDS: Toxic = Toxic {
    name: "lost-commands",
    doc: "drops some commands to a node and all behind them on their connections; closes what is \
          open first",
    heals: "takes every command of new connections",
    settings: &[CLOSE, COMMANDS, KEYS, SHARE, TOXICITY],
    make: |planned| {
        let (action, shows) = match closes(planned)? {
            true => ("close_before", Shows::Closed(Duration::ZERO)),
            false => ("drop", Shows::Silent),
        };
        Ok((toxic(planned, action)?, sign(planned, shows)?))
    },
};
