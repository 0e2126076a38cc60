//! Lost replies: some commands are executed, and their replies never come.

use super::on_commands::{CLOSE, COMMANDS, KEYS, SHARE, closes, sign, toxic};
use super::toxic::{Shows, TOXICITY, Toxic};
use std::time::Duration;

pub(super) const LOST_REPLIES: Toxic = Toxic {
    name: "lost-replies",
    doc: "has a node execute some commands and drops their replies and all behind them; closes \
          what is open first",
    heals: "answers every command of new connections",
    settings: &[CLOSE, COMMANDS, KEYS, SHARE, TOXICITY],
    make: |planned| {
        let (action, shows) = match closes(planned)? {
            true => ("close_after", Shows::Closed(Duration::ZERO)),
            false => ("lose_reply", Shows::Silent),
        };
        Ok((toxic(planned, action)?, sign(planned, shows)?))
    },
};
