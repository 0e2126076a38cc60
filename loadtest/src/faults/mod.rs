//! Faults on a timeline: each is injected, proves that it acts, and is healed again.

mod cut;
mod down;
mod failover;
mod injected;
mod kill;
mod latency;
mod misfit;
mod pause;
mod probe;
mod reset_peer;
mod restart;
mod setting;
mod timeline;
mod timeout;
mod toxic;

pub use injected::{Injected, Injection};
pub use misfit::{Misfit, Part};
pub use setting::{Form, Setting};
pub use timeline::run_timeline;

use crate::environment::Target;
use anyhow::{Context, Result};
use futures_util::future::BoxFuture;
use misfit::require;
use redrill_history::PlannedFault;

/// Every kind of fault.
pub const FAULTS: &[&dyn Fault] = &[
    &kill::Kill,
    &restart::Restart,
    &pause::Pause,
    &failover::Failover,
    &cut::Cut,
    &latency::Latency,
    &timeout::Timeout,
    &reset_peer::ResetPeer,
    &down::Down,
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
        self.hits().check(name, planned)?;
        setting::check(name, self.settings(), planned)
    }
}

/// What a kind of fault can hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hits {
    /// Any process of the environment or the target.
    Processes,
    /// Whatever has a proxy: nodes and Sentinels.
    Proxied,
    /// The group's master.
    Master,
    /// Two groups of processes, named with `target` and `from`.
    Pairs,
}

impl Hits {
    fn check(self, name: &str, planned: &PlannedFault) -> Result<(), Misfit> {
        let is_server = |text: &&String| Target::read(text).is_some_and(Target::is_server);
        if self == Self::Pairs {
            require(!planned.from.is_empty(), Part::From, || {
                format!("{name} needs a second group, from = [\"replicas\"]")
            })?;
            let both = planned.target.iter().find(|text| planned.from.contains(text));
            if let Some(both) = both {
                let message = format!("{name}: {both} is in both groups");
                return Err(Misfit::new(Part::From, message));
            }
            let all = planned.target.iter().chain(&planned.from);
            let all_servers = all.clone().filter(is_server).count() == all.count();
            return require(!all_servers, Part::From, || {
                format!("{name}: no link between instances of the target passes a proxy")
            });
        }
        require(planned.from.is_empty(), Part::From, || {
            format!("{name} has one group: leave out from")
        })?;
        if self == Self::Proxied
            && let Some(server) = planned.target.iter().find(is_server)
        {
            let message =
                format!("{name} acts in a proxy, and {server} has none: name nodes or sentinels");
            return Err(Misfit::new(Part::Target, message));
        }
        let is_master = |text: &String| Target::read(text).is_some_and(Target::is_master);
        let fits = self != Self::Master || planned.target.iter().all(is_master);
        require(fits, Part::Target, || {
            format!("{name} replaces the master: its target is [\"main.master\"]")
        })
    }
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
    use std::time::Duration;

    fn planned(kind: &str, target: &[&str], from: &[&str]) -> PlannedFault {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        PlannedFault {
            kind: kind.to_owned(),
            at: Duration::ZERO,
            lasts: find(kind).unwrap().heals().map(|_| Duration::from_secs(1)),
            target: owned(target),
            from: owned(from),
            with: BTreeMap::new(),
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
            let mut plain = planned(fault.name(), &["main.master"], from);
            for setting in fault.settings().iter().filter(|setting| setting.is_required()) {
                plain.with.insert(setting.name.to_owned(), toml::Value::Integer(5));
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
        assert!(told(&planned("down", &["servers"], &[])).contains("has none"));
        assert!(told(&planned("cut", &["node[0]"], &[])).contains("second group"));
        assert!(told(&planned("cut", &["node[0]"], &["node[0]"])).contains("both groups"));
        assert!(told(&planned("cut", &["server[0]"], &["server[1]"])).contains("passes a proxy"));
    }
}
