//! API failing: the model or mail API refuses its calls.

use super::on_apis::OnApis;
use super::{Form, Hits, Setting};
use crate::effects::Disturbance;
use axum::http::StatusCode;

const STATUS: Setting = Setting {
    name: "status",
    doc: "what it answers, from 400 to 599; 503 by default",
    form: Form::Whole { default: Some(503), least: 400, most: 599 },
};

const SHARE: Setting = Setting {
    name: "share",
    doc: "share of the calls that fail, from 0.01 to 1; 1 by default",
    form: Form::Share { default: 1.0 },
};

pub(super) const API_FAILING: OnApis = OnApis {
    name: "api-failing",
    doc: "lets calls of the model or mail API fail and take no effect",
    heals: "does what it is asked",
    hits: Hits::Apis,
    settings: &[STATUS, SHARE],
    make: |planned| {
        let status = StatusCode::from_u16(u16::try_from(STATUS.whole(planned)?)?)?;
        Ok(Disturbance::Failing(status, SHARE.share(planned)?))
    },
};
