//! The proxies that are there, and which of them stands before whom.

use super::address;
use crate::exit::unusable;
use anyhow::{Result, bail};
use redrill_history::ExternalPlan;
use redrill_toxiproxy::client::{Client, Proxy};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// The proxies of a Toxiproxy.
pub(super) struct Found {
    pub(super) client: Client,
    pub(super) proxies: BTreeMap<String, Proxy>,
    /// The address of its API, as it is written and as it is.
    api: (String, IpAddr),
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
        if let (true, Some(name)) = (external.proxy == "redrill", proxies.keys().next())
            && client.traffic(name).await.is_err()
        {
            return Err(unusable(format!(
                "the Toxiproxy at {text} is not redrill's: start 'redrill toxiproxy' in its place, \
                 or leave out proxy = \"redrill\" in [environment.external]"
            )));
        }
        Ok(Self { client, proxies, api: (text.clone(), address.ip()) })
    }

    /// The address of a node or Sentinel itself, that of its proxy, and the proxy's name.
    ///
    /// # Errors
    /// There is none, or it is not as it should be before a run.
    pub(super) async fn before(
        &self,
        member: &str,
        written: &str,
    ) -> Result<(SocketAddr, SocketAddr, String)> {
        let its = address::resolve(written).await?;
        let Some(direct) = its.first().copied() else { bail!("{written} has no address") };
        let (api, host) = &self.api;
        for (name, proxy) in &self.proxies {
            let leads_to = address::resolve(&proxy.upstream).await.unwrap_or_default();
            if proxy.upstream != written && !leads_to.iter().any(|address| its.contains(address)) {
                continue;
            }
            if !proxy.enabled || !proxy.toxics.is_empty() {
                bail!(
                    "proxy {name} of {member} does not listen or has a toxic already: enable it \
                     and remove its toxics, curl -X POST http://{api}/reset"
                );
            }
            return Ok((direct, address::reachable(&proxy.listen, *host).await?, name.clone()));
        }
        bail!(
            "{member} ({written}) has no proxy at {api}: make one, curl http://{api}/proxies -d \
             '{{\"name\": \"{member}\", \"listen\": \"0.0.0.0:PORT\", \"upstream\": \
             \"{written}\"}}', and let it announce the proxy's address (replica-announce-ip and \
             -port, sentinel announce-ip and -port)"
        )
    }
}
