//! API wrong: the model API answers nonsense.

use super::Hits;
use super::on_apis::OnApis;
use crate::effects::Disturbance;

pub(super) const API_WRONG: OnApis = OnApis {
    name: "api-wrong",
    doc: "lets the model API answer 200 with a page of HTML, as a misplaced gateway does",
    heals: "answers what it is asked",
    hits: Hits::Model,
    settings: &[],
    make: |_| Ok(Disturbance::Wrong),
};
