//! Error replies: some commands are refused.

use super::misfit::{Part, require};
use super::on_commands::{COMMANDS, KEYS, SHARE, sign, toxic};
use super::toxic::{Shows, TOXICITY, Toxic};
use super::{Form, Setting};

const ERROR: Setting = Setting {
    name: "error",
    doc: "the error; \"LOADING Redis is loading the dataset in memory\" by default",
    form: Form::Text { default: "LOADING Redis is loading the dataset in memory" },
};

pub(super) const ERROR_REPLIES: Toxic = Toxic {
    name: "error-replies",
    doc: "answers some commands to a node with an error and does not execute them; closes what is \
          open first",
    heals: "executes them again",
    settings: &[ERROR, COMMANDS, KEYS, SHARE, TOXICITY],
    make: |planned| {
        // As the proxy sends it, which takes a dash for its own.
        let error = ERROR.text(planned)?.trim_start_matches('-');
        require(!error.trim().is_empty(), Part::Setting(ERROR.name.to_owned()), || {
            "error must say something, such as \"LOADING\"; left out, it does".to_owned()
        })?;
        let toxic = toxic(planned, "error")?.attribute("error", error);
        Ok((toxic, sign(planned, Shows::Answered(format!("-{error}")))?))
    },
};
