//! The proxies that are there, and which of them stands before whom.

use super::address;
use super::complaints::{Complaints, listed};
use crate::environment::claim::{self, Claimed};
use crate::exit::unusable;
use anyhow::{Result, bail};
use redrill_history::ExternalPlan;
use redrill_toxiproxy::client::{Client, Proxy, path};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// The proxies of a Toxiproxy.
pub(super) struct Found {
    pub(super) client: Client,
    pub(super) proxies: BTreeMap<String, Proxy>,
    /// The address of its API, as it is written and as it is.
    api: (String, IpAddr),
}

/// Where a node or Sentinel stands.
pub(super) struct Stand {
    /// Its own address.
    pub(super) direct: SocketAddr,
    /// Its proxy's; its own where it has none.
    pub(super) announced: SocketAddr,
    /// The proxy's name.
    pub(super) proxy: String,
}

impl Found {
    /// Asks the API.
    ///
    /// # Errors
    /// It does not answer, or does not do what the plan says of it.
    pub(super) async fn look(external: &ExternalPlan) -> Result<Self> {
        let text = &external.toxiproxy;
        let silent = |error: anyhow::Error| {
            unusable(format!(
                "the Toxiproxy of [environment.external] cannot be asked ({error:#}): start it, or \
                 write where its API is, toxiproxy = \"host:8474\""
            ))
        };
        let address = address::one(text).await.map_err(silent)?;
        let client = Client::with_base(format!("http://{address}"));
        let proxies = client.proxies().await.map_err(|error| silent(error.into()))?;
        if let Some(claim) = proxies.get(claim::KEY) {
            let by = format!("the run {}", claim::mark_of(claim));
            return Err(unusable(Claimed::Proxies(client.base().to_owned()).taken(&by)));
        }
        if let (true, Some(name)) = (external.proxy == "redrill", proxies.keys().next())
            && client.sources(name).await.is_err()
        {
            return Err(unusable(format!(
                "the Toxiproxy at {text} is not redrill's, or of an older one: start 'redrill \
                 toxiproxy' in its place, or leave out proxy = \"redrill\" in \
                 [environment.external]"
            )));
        }
        Ok(Self { client, proxies, api: (text.clone(), address.ip()) })
    }

    /// Where a node or Sentinel is, and what stands before it. Notes what is not as it should be
    /// before a run.
    ///
    /// # Errors
    /// Its name or its proxy's does not resolve.
    pub(super) async fn before(
        &self,
        member: &str,
        written: &str,
        complaints: &mut Complaints,
    ) -> Result<Stand> {
        let its = address::resolve(written).await?;
        let Some(direct) = its.first().copied() else { bail!("{written} has no address") };
        let (api, host) = &self.api;
        for (name, proxy) in &self.proxies {
            let leads_to = address::resolve(&proxy.upstream).await.unwrap_or_default();
            if proxy.upstream != written && !leads_to.iter().any(|address| its.contains(address)) {
                continue;
            }
            let url = format!("http://{api}{}", path(&["proxies", name]));
            for what in unready(proxy, &url) {
                complaints.add(member, what);
            }
            let announced = address::reachable(&proxy.listen, *host).await?;
            return Ok(Stand { direct, announced, proxy: name.clone() });
        }
        complaints.add(
            member,
            format!(
                "{written} has no proxy at {api}: make one, curl http://{api}/proxies -d \
                 '{{\"name\": \"{member}\", \"listen\": \"0.0.0.0:PORT\", \"upstream\": \
                 \"{written}\"}}', and let it announce the proxy's address (replica-announce-ip \
                 and -port, sentinel announce-ip and -port)"
            ),
        );
        Ok(Stand { direct, announced: direct, proxy: String::new() })
    }
}

/// What of a proxy a run would take for its own doing, and how to undo it there alone: others may
/// use the Toxiproxy, too.
fn unready(proxy: &Proxy, url: &str) -> Vec<String> {
    let name = &proxy.name;
    let mut wrong = Vec::new();
    if !proxy.enabled {
        wrong.push(format!(
            "its proxy {name} is disabled: if nobody wants it so, enable it, curl {url} -d \
             '{{\"enabled\": true}}'"
        ));
    }
    if !proxy.toxics.is_empty() {
        let toxics: Vec<String> = proxy.toxics.iter().map(|toxic| toxic.name.clone()).collect();
        let calls = toxics.iter().map(|toxic| {
            let own = path(&["toxics", toxic]);
            format!("curl -X DELETE {url}{own}")
        });
        let calls: Vec<String> = calls.collect();
        let (a, it) = if toxics.len() == 1 { ("the toxic", "it") } else { ("the toxics", "them") };
        wrong.push(format!(
            "its proxy {name} has {a} {}: if nobody wants {it}, remove {it}, {}",
            listed(&toxics),
            calls.join("; ")
        ));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrill_toxiproxy::client::Toxic;

    #[test]
    fn what_a_proxy_is_not_to_have_is_told_with_how_to_undo_it_alone() {
        let toxic: Toxic = serde_json::from_value(serde_json::json!({
            "name": "slow", "type": "latency", "stream": "downstream", "toxicity": 1.0,
            "attributes": { "latency": 5 }
        }))
        .unwrap();
        let proxy = Proxy {
            name: "redis 1".to_owned(),
            listen: "127.0.0.1:1".to_owned(),
            upstream: "127.0.0.1:2".to_owned(),
            enabled: false,
            refuse: false,
            toxics: vec![toxic.clone(), Toxic { name: "slow too".to_owned(), ..toxic }],
        };
        let url = "http://there:8474/proxies/redis%201";
        let told = unready(&proxy, url);
        let [disabled, toxics] = &told[..] else { panic!("{told:?}") };
        assert!(
            disabled.ends_with(&format!("curl {url} -d '{{\"enabled\": true}}'")),
            "{disabled}"
        );
        let calls = format!(
            "the toxics slow and slow too: if nobody wants them, remove them, curl -X DELETE \
             {url}/toxics/slow; curl -X DELETE {url}/toxics/slow%20too"
        );
        assert!(toxics.ends_with(&calls), "{toxics}");
        assert!(unready(&Proxy { enabled: true, toxics: Vec::new(), ..proxy }, url).is_empty());
    }
}
