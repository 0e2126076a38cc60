//! Slow commands: some commands wait before they are executed.

use super::on_commands::{COMMANDS, KEYS, SHARE, sign, toxic};
use super::toxic::{Shows, TOXICITY, Toxic};
use super::{Form, Setting};
use std::time::Duration;

const DELAY: Setting = Setting {
    name: "delay",
    doc: "how long each waits, and all behind it on its connection",
    form: Form::Duration { default: None },
};

pub(super) const SLOW_COMMANDS: Toxic = Toxic {
    name: "slow-commands",
    doc: "lets some commands to a node wait, and those behind them; closes what is open first",
    heals: "executes them at once",
    settings: &[DELAY, COMMANDS, KEYS, SHARE, TOXICITY],
    make: |planned| {
        let delay: Duration = DELAY.duration(planned)?;
        let millis = u64::try_from(delay.as_millis())?;
        let toxic = toxic(planned, "delay")?.attribute("delay", millis);
        Ok((toxic, sign(planned, Shows::Late(delay, 2 * delay))?))
    },
};
