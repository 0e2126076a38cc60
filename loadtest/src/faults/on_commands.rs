//! What the faults share that act on commands rather than on bytes: which ones, and a probe of them
//! that changes nothing.

use super::probe::{Answer, Probe, command};
use super::toxic::{Shows, Sign};
use super::{Form, Setting};
use anyhow::Result;
use redrill_history::PlannedFault;
use redrill_toxiproxy::client::NewToxic;

/// Whose commands.
pub const COMMANDS: Setting = Setting {
    name: "commands",
    doc: "names of commands, separated by commas; all by default",
    form: Form::Text { default: "" },
};

/// On which keys.
pub(super) const KEYS: Setting = Setting {
    name: "keys",
    doc: "pattern of their keys, with * and ?; any by default, also none",
    form: Form::Text { default: "" },
};

/// How often.
pub(super) const SHARE: Setting = Setting {
    name: "share",
    doc: "share of these commands on which it acts, from 0.01 to 1; 1 by default",
    form: Form::Share { default: 1.0 },
};

/// Whether the connection is closed, too.
pub(super) const CLOSE: Setting = Setting {
    name: "close",
    doc: "no (the connection stays open and silent, the default) or yes (it is closed)",
    form: Form::Choice(&["no", "yes"]),
};

/// What a plan does to commands.
pub(super) fn toxic(planned: &PlannedFault, action: &str) -> Result<NewToxic> {
    Ok(NewToxic::new("redis")
        .attribute("action", action)
        .attribute("commands", COMMANDS.text(planned)?)
        .attribute("keys", KEYS.text(planned)?)
        .attribute("share", SHARE.share(planned)?))
}

/// The probe of such a toxic, and what shows that it acts.
///
/// The command is queued in a transaction that the server refuses to execute, since another one in
/// it does not exist. So the probe changes nothing, whatever the command.
pub(super) fn sign(planned: &PlannedFault, shows: Shows) -> Result<Sign> {
    let names = COMMANDS.text(planned)?;
    let named = names.split([',', ' ']).filter(|name| !name.is_empty());
    let commands: Vec<String> = named.map(str::to_ascii_uppercase).collect();
    let name = commands.first().map_or("EXISTS", String::as_str);
    let key = KEYS.text(planned)?.replace(['*', '?'], "x");
    let takes_script = ["EVAL", "FCALL"].iter().any(|taker| {
        name.get(..taker.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(taker))
    });
    // Scripts name their keys after their number.
    let words: &[&str] = if takes_script { &[name, "x", "1", &key] } else { &[name, &key] };
    let refused = [&["MULTI"], words, &["REDRILL.NONE"], &["EXEC"]].map(command);
    let probe = Probe {
        what: format!("{} in a transaction that is not executed", name.to_ascii_uppercase()),
        request: refused.concat(),
        answer: Answer::Lines(4),
        login: None,
    };
    let share = SHARE.share(planned)?;
    Ok(Sign { share, on_new_connections: true, commands, ..Sign::of(probe, shows) })
}

/// Whether a plan closes connections rather than keeping them silent.
pub(super) fn closes(planned: &PlannedFault) -> Result<bool> {
    Ok(CLOSE.text(planned)? == "yes")
}
