//! What a kind of fault can hit.

use super::misfit::{Misfit, Part, require};
use crate::environment::{Need, Target, Which};
use redrill_history::{EnvironmentPlan, PlannedFault};

/// What a kind of fault can hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hits {
    /// Any process of the environment or the target.
    Processes,
    /// Whatever has a proxy: nodes and Sentinels.
    Proxied,
    /// The same, or only its links with the processes that `from` names.
    Links,
    /// Nodes alone.
    Nodes,
    /// Nodes that take writes: none that is named as a replica.
    Writable,
    /// Nodes that are not the master.
    Replicas,
    /// The group's master, which must have a replica.
    Master,
    /// The service's other dependencies: `model` and `mail`.
    Apis,
    /// `model` alone.
    Model,
    /// Two groups of processes, named with `target` and `from`.
    Pairs,
}

impl Hits {
    /// What it takes to hit a plan's targets.
    pub(super) fn needs(self, planned: &PlannedFault) -> Vec<Need> {
        let is_server = |text: &String| Target::read(text).is_some_and(Target::is_server);
        match self {
            Self::Processes if !planned.target.iter().all(is_server) => vec![Need::Processes],
            Self::Pairs | Self::Replicas => vec![Need::Sources],
            Self::Links if !planned.from.is_empty() => vec![Need::Sources],
            _ => Vec::new(),
        }
    }

    pub(super) fn check(self, name: &str, planned: &PlannedFault) -> Result<(), Misfit> {
        let is_api = |text: &&String| Target::read(text).is_some_and(Target::is_api);
        let hits_apis = matches!(self, Self::Apis | Self::Model);
        let mut all = planned.target.iter().chain(&planned.from);
        if let Some(other) = all.find(|text| is_api(text) != hits_apis) {
            let message = match hits_apis {
                true => format!("{name} hits \"model\" or \"mail\", and {other} is neither"),
                false => format!("{name}: {other} is played by redrill; see api-failing"),
            };
            return Err(Misfit::new(Part::Target, message));
        }
        require(
            self != Self::Model || !planned.target.contains(&"mail".to_owned()),
            Part::Target,
            || format!("{name}: nobody reads what the mail API answers; its target is [\"model\"]"),
        )?;
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
        let has_one = self != Self::Links;
        require(!has_one || planned.from.is_empty(), Part::From, || {
            format!("{name} has one group: leave out from")
        })?;
        if matches!(self, Self::Proxied | Self::Links)
            && let Some(server) = planned.target.iter().find(is_server)
        {
            let message =
                format!("{name} acts in a proxy, and {server} has none: name nodes or sentinels");
            return Err(Misfit::new(Part::Target, message));
        }
        let is_node = |text: &&String| Target::read(text).is_some_and(Target::is_node);
        if matches!(self, Self::Nodes | Self::Writable | Self::Replicas)
            && let Some(other) = planned.target.iter().find(|text| !is_node(text))
        {
            let message = format!("{name} hits nodes, and {other} is none");
            return Err(Misfit::new(Part::Target, message));
        }
        self.check_roles(name, planned)
    }

    /// Refuses the other role where only one will do.
    fn check_roles(self, name: &str, planned: &PlannedFault) -> Result<(), Misfit> {
        let mut read = planned.target.iter().filter_map(|text| Target::read(text));
        let all_fit = match self {
            Self::Master => read.all(Target::is_master),
            Self::Replicas => !read.any(Target::is_master),
            Self::Writable => !read.any(Target::is_replica),
            _ => true,
        };
        require(all_fit, Part::Target, || match self {
            Self::Replicas => format!("{name} hits replicas: its target is [\"replicas\"]"),
            _ => format!("{name} hits a master: its target is [\"main.master\"]"),
        })
    }

    /// Refuses what is not so in every environment: a master without a replica where one is needed,
    /// all nodes of a group where its replicas will not do.
    pub(super) fn fits(
        self,
        name: &str,
        planned: &PlannedFault,
        environment: &EnvironmentPlan,
    ) -> Result<(), Misfit> {
        for text in &planned.target {
            let Some(Target::Redis(role, which)) = Target::read(text) else { continue };
            let has_replicas = environment.home(role).1.replicas > 0;
            require(self != Self::Master || has_replicas, Part::Target, || {
                format!("{name} needs a replica, and {text} has none")
            })?;
            let hits_replicas = which == Which::All && has_replicas;
            require(self != Self::Writable || !hits_replicas, Part::Target, || {
                format!("{name} hits a master, and {text} is all nodes: name [\"{role}.master\"]")
            })?;
        }
        Ok(())
    }
}
