//! What of an environment somebody else runs: it is left as it was found.

use super::journal::{Guardian, Journalled};
use super::remedy::Remedy;
use super::survey::{Survey, settled};
use super::{Group, Member};
use anyhow::{Context, Result, ensure};
use redrill_history::FoundFacts;
use std::time::Duration;

/// How long the roles may take to be as before: a Sentinel tells a master that is none any more
/// 8 to 20 s after it has come back.
pub(super) const SETTLES_WITHIN: Duration = Duration::from_secs(60);

/// What was found before the run, and what is written during it.
pub(super) struct Outside {
    survey: Survey,
    keys: Vec<(Remedy, Journalled)>,
}

impl Outside {
    /// Tells the guardian which keys will be those of the run.
    pub(super) async fn enter(survey: Survey, guardian: &Guardian) -> Result<Self> {
        let mut keys = Vec::new();
        for group in &survey.groups {
            let doors = group.nodes.iter().map(Member::door).collect();
            let remedy = Remedy::Unlink { doors, prefix: survey.prefix.clone() };
            keys.push((remedy.clone(), guardian.fault(remedy).await?));
        }
        Ok(Self { survey, keys })
    }

    /// What the keys of the run begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.survey.prefix
    }

    /// Waits until the roles are as before, removes the keys of the run, and makes sure that the
    /// proxies are what they were.
    pub(super) async fn leave(self, guardian: &Guardian) -> Result<()> {
        let settled = settled(&self.survey.groups, SETTLES_WITHIN).await;
        for (remedy, journalled) in self.keys {
            remedy.apply().await.with_context(|| format!("cannot remove the {remedy}"))?;
            guardian.healed(journalled).await?;
        }
        let now = self.survey.client.proxies().await?;
        for (name, before) in &self.survey.proxies {
            let now = now.get(name).with_context(|| format!("proxy {name} is gone"))?;
            ensure!(now == before, "proxy {name} was {before:?}, and is {now:?}");
        }
        settled
    }

    /// What was found, for `environment.json`.
    pub(super) fn facts(&self) -> Vec<FoundFacts> {
        let members = self.survey.groups.iter().flat_map(Group::members);
        let facts = members.map(|member| FoundFacts {
            name: member.name.clone(),
            address: member.direct.to_string(),
            announced: member.announced.to_string(),
            proxy: member.proxy.clone(),
        });
        facts.collect()
    }
}
