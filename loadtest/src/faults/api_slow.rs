//! API slow: the model or mail API takes its time.

use super::on_apis::OnApis;
use super::{Form, Hits, Setting};
use crate::effects::Disturbance;

const DELAY: Setting = Setting {
    name: "delay",
    doc: "how much longer each call takes",
    form: Form::Duration { default: None },
};

pub(super) const API_SLOW: OnApis = OnApis {
    name: "api-slow",
    doc: "lets the model or mail API take longer over each call",
    heals: "answers as fast as before",
    hits: Hits::Apis,
    settings: &[DELAY],
    make: |planned| Ok(Disturbance::Slow(DELAY.duration(planned)?)),
};
