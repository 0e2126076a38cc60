//! Faults on a timeline: each is injected, proves that it acts, and is healed again.

mod api_failing;
mod api_slow;
mod api_wrong;
mod bandwidth;
mod block;
mod client_kill;
mod client_pause;
mod condition;
mod connection_exhaustion;
mod cut;
mod down;
mod error_replies;
mod failover;
mod flap;
mod flushall;
mod full_resync;
mod hits;
mod injected;
mod kill;
mod latency;
mod limit_data;
mod lost_commands;
mod lost_replies;
mod mass_expiry;
mod memory_squeeze;
mod misfit;
mod on_apis;
mod on_commands;
mod on_nodes;
mod packet_loss;
mod pause;
mod persistence_failing;
mod probe;
mod replica_lag;
mod reset_peer;
mod restart;
mod script_flush;
mod setting;
mod slicer;
mod slow_close;
mod slow_commands;
mod stop;
mod through;
mod timeline;
mod timeout;
mod toxic;

pub use condition::Condition;
pub use hits::Hits;
pub use injected::{Injected, Injection};
pub use memory_squeeze::POLICIES;
pub use misfit::{Misfit, Part};
pub use on_commands::COMMANDS;
pub use setting::{Form, LEAST_SHARE, LEAST_TIME, Setting};
pub use timeline::run_timeline;

use crate::environment::{Need, backend};
use anyhow::{Context, Result};
use futures_util::future::BoxFuture;
use misfit::require;
use redrill_history::{EnvironmentPlan, PlannedFault, print_duration};
use std::time::Duration;

/// Every kind of fault.
pub const FAULTS: &[&dyn Fault] = &[
    &kill::Kill,
    &stop::Stop,
    &restart::Restart,
    &pause::Pause,
    &flap::Flap,
    &failover::Failover,
    &cut::Cut,
    &down::Down,
    &latency::LATENCY,
    &bandwidth::BANDWIDTH,
    &slow_close::SLOW_CLOSE,
    &timeout::TIMEOUT,
    &reset_peer::RESET_PEER,
    &slicer::SLICER,
    &limit_data::LIMIT_DATA,
    &packet_loss::PACKET_LOSS,
    &slow_commands::SLOW_COMMANDS,
    &error_replies::ERROR_REPLIES,
    &lost_commands::LOST_COMMANDS,
    &lost_replies::LOST_REPLIES,
    &replica_lag::ReplicaLag,
    &full_resync::FULL_RESYNC,
    &client_pause::CLIENT_PAUSE,
    &block::BLOCK,
    &persistence_failing::PERSISTENCE_FAILING,
    &memory_squeeze::MEMORY_SQUEEZE,
    &connection_exhaustion::CONNECTION_EXHAUSTION,
    &client_kill::CLIENT_KILL,
    &mass_expiry::MASS_EXPIRY,
    &script_flush::SCRIPT_FLUSH,
    &flushall::FLUSHALL,
    &api_slow::API_SLOW,
    &api_failing::API_FAILING,
    &api_wrong::API_WRONG,
];

/// A kind of fault: what a plan may say of it, and how it is injected.
pub trait Fault: Sync {
    /// Its name in plans.
    fn name(&self) -> &'static str;
    /// What it does, in a sentence.
    fn doc(&self) -> &'static str;
    /// How it is healed; none for one that is over when it has been injected.
    fn heals(&self) -> Option<&'static str>;
    /// What it can hit.
    fn hits(&self) -> Hits;
    /// What a plan may set with `with`.
    fn settings(&self) -> &'static [Setting];
    /// What it needs that not every environment has.
    fn needs(&self, planned: &PlannedFault) -> Vec<Need> {
        self.hits().needs(planned)
    }
    /// The longest that it may last, where it cannot be ended early.
    fn longest(&self) -> Option<Duration> {
        None
    }
    /// What of its targets it has to itself while it lasts: of two faults at once, the second would
    /// take what the first has done for what was there, and what it undoes for the first's.
    fn holds(&self) -> &'static [&'static str] {
        &[]
    }
    /// What becomes of the processes that it hits while it lasts.
    fn leaves(&self, _: &PlannedFault) -> Condition {
        Condition::Well
    }
    /// Whether it can be injected into a process that another fault has left so.
    fn bears(&self, left: Condition) -> bool {
        !matches!(left, Condition::Still | Condition::Unreached | Condition::Gone)
    }
    /// Whether what it is set to goes together, and would show.
    ///
    /// # Errors
    /// Says what does not.
    fn agrees(&self, _: &PlannedFault) -> Result<(), Misfit> {
        Ok(())
    }
    /// Injects it. The journal is told how to heal before anything is done; what was done is
    /// undone when it fails half-way.
    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>>;

    /// Whether a plan's fault can be injected; targets that do not exist are another check's.
    ///
    /// # Errors
    /// Says what is wrong or missing, and what may be written.
    fn check(&self, planned: &PlannedFault) -> Result<(), Misfit> {
        let name = self.name();
        require(!planned.target.is_empty(), Part::Target, || {
            format!("{name} needs a target, such as [\"main.master\"]")
        })?;
        match (self.heals(), planned.lasts) {
            (Some(how), None) => {
                let message =
                    format!("{name} needs a duration, for = \"10s\", after which it {how}");
                return Err(Misfit::new(Part::For, message));
            }
            (None, Some(_)) => {
                return Err(Misfit::new(
                    Part::For,
                    format!("{name} is over at once: leave out for"),
                ));
            }
            (_, lasts) => {
                require(lasts.is_none_or(|lasts| !lasts.is_zero()), Part::For, || {
                    format!("for must not be 0: {name} would be healed before it acts")
                })?;
            }
        }
        if let (Some(longest), Some(lasts)) = (self.longest(), planned.lasts) {
            require(lasts <= longest, Part::For, || {
                let longest = print_duration(longest);
                format!("{name} cannot be ended before its time: for must be at most {longest}")
            })?;
        }
        self.hits().check(name, planned)?;
        setting::check(name, self.settings(), planned)?;
        self.agrees(planned)
    }

    /// Whether a fault that passed the check can act in that environment.
    ///
    /// # Errors
    /// Says what is missing there.
    fn fits(&self, planned: &PlannedFault, environment: &EnvironmentPlan) -> Result<(), Misfit> {
        self.hits().fits(self.name(), planned, environment)
    }
}

/// Why the backend of an environment cannot do a fault; none where it can.
pub fn refusal(
    kind: &dyn Fault,
    planned: &PlannedFault,
    environment: &EnvironmentPlan,
) -> Option<String> {
    let backend = backend(&environment.backend).ok()?;
    let lacks = |need| backend.lacks(need, planned, environment);
    let reason = kind.needs(planned).into_iter().find_map(lacks)?;
    Some(format!("the backend {} cannot do {}: {reason}", backend.name(), kind.name()))
}

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static dyn Fault> {
    FAULTS.iter().copied().find(|fault| fault.name() == name)
}

/// The names of all kinds.
pub fn names() -> Vec<&'static str> {
    FAULTS.iter().map(|fault| fault.name()).collect()
}

/// The kind of a fault of a checked plan.
fn kind(planned: &PlannedFault) -> Result<&'static dyn Fault> {
    find(&planned.kind).with_context(|| format!("there is no fault {}", planned.kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn planned(kind: &str, target: &[&str], from: &[&str]) -> PlannedFault {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        PlannedFault {
            kind: kind.to_owned(),
            at: Duration::ZERO,
            lasts: find(kind).unwrap().heals().map(|_| Duration::from_secs(1)),
            target: owned(target),
            from: owned(from),
            with: BTreeMap::new(),
            otherwise: None,
            instead_of: None,
        }
    }

    fn told(planned: &PlannedFault) -> String {
        find(&planned.kind).unwrap().check(planned).unwrap_err().message
    }

    #[test]
    fn names_are_unique_and_every_kind_takes_a_plain_plan() {
        let mut names = names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAULTS.len());
        for fault in FAULTS {
            let from: &[&str] = if fault.hits() == Hits::Pairs { &["sentinels"] } else { &[] };
            let target = match fault.hits() {
                Hits::Replicas => "replicas",
                Hits::Apis | Hits::Model => "model",
                _ => "main.master",
            };
            let mut plain = planned(fault.name(), &[target], from);
            for setting in fault.settings().iter().filter(|setting| setting.is_required()) {
                let value = match setting.form {
                    Form::Duration { .. } => toml::Value::from("5ms"),
                    _ => toml::Value::Integer(5),
                };
                plain.with.insert(setting.name.to_owned(), value);
            }
            fault.check(&plain).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_injected_is_refused_with_the_way_out() {
        assert!(told(&planned("kill", &[], &[])).contains("needs a target"));
        assert!(told(&planned("kill", &["node[0]"], &["node[1]"])).contains("leave out from"));
        let endless = PlannedFault { lasts: None, ..planned("kill", &["node[0]"], &[]) };
        assert!(told(&endless).contains("for = \"10s\""));
        let healed = PlannedFault {
            lasts: Some(Duration::from_secs(1)),
            ..planned("restart", &["node[0]"], &[])
        };
        assert!(told(&healed).contains("leave out for"));
        assert!(told(&planned("failover", &["node[1]"], &[])).contains("main.master"));
        assert!(told(&planned("replica-lag", &["main.master"], &[])).contains("replicas"));
        for kind in ["memory-squeeze", "persistence-failing", "mass-expiry", "flushall"] {
            for replicas in ["replicas", "main.replica[0]"] {
                assert!(told(&planned(kind, &[replicas], &[])).contains("main.master"), "{kind}");
            }
        }
        assert!(told(&planned("down", &["servers"], &[])).contains("has none"));
        assert!(told(&planned("block", &["sentinels"], &[])).contains("sentinels is none"));
        let long = PlannedFault {
            lasts: Some(Duration::from_secs(11)),
            ..planned("block", &["node[0]"], &[])
        };
        assert!(told(&long).contains("at most 10s"));
        assert!(told(&planned("kill", &["model"], &[])).contains("played by redrill"));
        assert!(told(&planned("api-slow", &["node[0]"], &[])).contains("is neither"));
        assert!(told(&planned("api-wrong", &["mail"], &[])).contains("nobody reads"));
        assert!(told(&planned("cut", &["node[0]"], &[])).contains("second group"));
        assert!(told(&planned("cut", &["node[0]"], &["node[0]"])).contains("both groups"));
        assert!(told(&planned("cut", &["server[0]"], &["server[1]"])).contains("passes a proxy"));
    }
}
