//! The load of a step: one rate for all, shared out as the plan's rates are.

use redrill_history::{Capability, CapabilityLoad, LoadPlan};
use std::collections::BTreeMap;

/// Fewer virtual users than this would be busy by chance.
const LEAST_VUS: u32 = 10;

/// The plan's load at `rate_per_s` arrivals a second in all. Keys and clients grow with the rate,
/// so that each of them is asked as often as in the plan. There is a virtual user for every arrival
/// that can wait for an answer at once, so that a busy fleet is never the limit.
pub(super) fn to(rate_per_s: f64, load: &LoadPlan) -> BTreeMap<Capability, CapabilityLoad> {
    let planned: f64 = load.capabilities.values().map(|load| load.rate_per_s).sum();
    let factor = rate_per_s / planned;
    let waits_s = load.client_timeout.as_secs_f64();
    let scaled = |(capability, load): (&Capability, &CapabilityLoad)| {
        let rate_per_s = load.rate_per_s * factor;
        let vus = ((rate_per_s * waits_s).ceil() as u32).max(LEAST_VUS);
        let keys = ((f64::from(load.keys) * factor).round() as u32).max(1);
        (*capability, CapabilityLoad { model: load.model.clone(), rate_per_s, vus, keys })
    };
    load.capabilities.iter().map(scaled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrill_history::ResolvedPlan;

    #[test]
    fn the_mix_stays_and_the_sum_is_the_rate() {
        let mut plan = ResolvedPlan::example().load;
        plan.capabilities.values_mut().for_each(|load| load.rate_per_s = 50.0);
        plan.capabilities.get_mut(&Capability::Queue).unwrap().rate_per_s = 100.0;
        let scaled = to(1_200.0, &plan);
        let rate = |capability| scaled[&capability].rate_per_s;
        assert!((rate(Capability::Queue) - 400.0).abs() < 1e-9);
        assert!((scaled.values().map(|load| load.rate_per_s).sum::<f64>() - 1_200.0).abs() < 1e-6);
        assert_eq!(scaled[&Capability::Queue].vus, 800);
        assert_eq!(scaled[&Capability::Cache].keys, 80);
        assert_eq!(to(0.5, &plan)[&Capability::Cache].vus, LEAST_VUS);
    }
}
