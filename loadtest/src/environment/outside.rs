//! What of an environment somebody else runs: it is left as it was found.

use super::claim::claim;
use super::gone::Ways;
use super::journal::{Guardian, Journalled};
use super::remedy::Remedy;
use super::survey::{Survey, settled};
use super::{Group, Member};
use anyhow::{Context, Result, ensure};
use redrill_history::FoundFacts;
use redrill_toxiproxy::client::Proxy;
use std::time::Duration;

/// How long the roles may take to be as before: a Sentinel tells a master that is none any more
/// 8 to 20 s after it has come back.
pub(super) const SETTLES_WITHIN: Duration = Duration::from_secs(60);

/// What was found before the run, and what is written during it.
pub(super) struct Outside {
    survey: Survey,
    /// The run's keys.
    keys: Vec<(Remedy, Journalled)>,
    /// And what keeps others away.
    claims: Vec<(Remedy, Journalled)>,
}

impl Outside {
    /// Claims every group, and tells the guardian which keys will be those of the run.
    ///
    /// # Errors
    /// [`crate::exit::Unusable`]: another run has claimed one of them.
    pub(super) async fn enter(survey: Survey, guardian: &Guardian) -> Result<Self> {
        // Before the guardian knows of keys to remove, which may be another run's.
        let claims = claim(survey.client.base(), &survey.groups, guardian).await?;
        let mut keys = Vec::new();
        for group in &survey.groups {
            let doors = group.nodes.iter().map(Member::door).collect();
            let ways = group.members().filter_map(|it| survey.proxies.get(it.proxy.as_str()));
            let ways = Some(Ways::new(survey.client.base(), ways));
            let remedy = Remedy::Unlink { doors, prefix: survey.prefix.clone(), ways };
            keys.push((remedy.clone(), guardian.fault(remedy).await?));
        }
        Ok(Self { survey, keys, claims })
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
            if let Err(error) = undo(remedy, journalled, guardian).await {
                // Roles that are not settled are why.
                settled?;
                return Err(error);
            }
        }
        let now = self.survey.client.proxies().await?;
        for (name, before) in &self.survey.proxies {
            let now = now.get(name).with_context(|| format!("proxy {name} is gone"))?;
            ensure!(
                now == before,
                "proxy {name} is not as it was: it was {}, and is {}",
                told(before),
                told(now)
            );
        }
        // From now on it may be another run's.
        for (remedy, journalled) in self.claims {
            undo(remedy, journalled, guardian).await?;
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

/// Undoes something, and tells the guardian.
async fn undo(remedy: Remedy, journalled: Journalled, guardian: &Guardian) -> Result<()> {
    remedy.apply().await.with_context(|| format!("cannot undo {remedy}"))?;
    guardian.healed(journalled).await
}

/// A proxy in words.
fn told(proxy: &Proxy) -> String {
    let Proxy { listen, upstream, enabled, toxics, .. } = proxy;
    let toxics: Vec<&str> = toxics.iter().map(|toxic| toxic.name.as_str()).collect();
    let toxics = match toxics.is_empty() {
        true => "no toxic".to_owned(),
        false => format!("the toxics {}", toxics.join(", ")),
    };
    let state = if *enabled { "on" } else { "off" };
    format!("{state}, from {listen} to {upstream}, with {toxics}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_told_in_words() {
        let proxy = Proxy {
            name: "redis-0".to_owned(),
            listen: "127.0.0.1:1".to_owned(),
            upstream: "127.0.0.1:2".to_owned(),
            enabled: false,
            refuse: false,
            toxics: Vec::new(),
        };
        assert_eq!(told(&proxy), "off, from 127.0.0.1:1 to 127.0.0.1:2, with no toxic");
    }
}
