//! Slow close: connections linger.

use super::probe::{Answer, Probe};
use super::toxic::{Shows, Sign, TOXICITY, Toxic};
use super::{Form, Setting};
use redrill_toxiproxy::client::NewToxic;
use std::time::Duration;

const DELAY: Setting = Setting {
    name: "delay",
    doc: "how late a connection is closed; 1s by default",
    form: Form::Duration { default: Some(Duration::from_secs(1)) },
};

pub(super) const SLOW_CLOSE: Toxic = Toxic {
    name: "slow_close",
    doc: "keeps connections that a node or Sentinel has closed open for a while",
    heals: "closes at once",
    settings: &[DELAY, TOXICITY],
    make: |planned| {
        let delay = DELAY.duration(planned)?;
        let probe = Probe {
            // Nodes and Sentinels end a connection that speaks nonsense; Sentinels know no QUIT.
            what: "a request that is none, with the end of its connection,".to_owned(),
            request: b"*1\r\n$-9\r\n".to_vec(),
            answer: Answer::ToTheEnd,
            login: None,
        };
        let toxic =
            NewToxic::new("slow_close").attribute("delay", u64::try_from(delay.as_millis())?);
        Ok((toxic, Sign::of(probe, Shows::Late(delay, delay))))
    },
};
