//! The proxies of the environment: one process, one proxy a node or Sentinel, and who is cut off.

use super::ports;
use super::process::ProcessSpec;
use super::processes::Processes;
use anyhow::{Context, Result, bail};
use redrill_toxiproxy::client::{Client, Cut, NewProxy, ProxyUpdate};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

/// The name of the proxies' process.
pub(super) const NAME: &str = "proxy";
/// How often another port is tried when somebody took the one that was free a moment ago.
pub(super) const PORT_TRIES: u32 = 5;
/// How long the process may take to serve its API.
const SERVE_WITHIN: Duration = Duration::from_secs(10);

/// The proxies' process and its client.
#[derive(Debug)]
pub(super) struct Proxies {
    client: Client,
    cuts: Mutex<Cuts>,
}

/// Who is cut off from which proxy, counted, since cuts may overlap.
type Cuts = BTreeMap<(String, IpAddr), u32>;

impl Proxies {
    /// Starts `<redrill> toxiproxy` and waits until it serves.
    pub(super) async fn start(processes: &Processes, redrill: &Path) -> Result<Self> {
        for _ in 0..PORT_TRIES {
            let address = ports::free()?;
            let spec = ProcessSpec {
                name: NAME.to_owned(),
                program: redrill.to_owned(),
                image: None,
                args: ["toxiproxy", "--host", "127.0.0.1", "--port"]
                    .map(Into::into)
                    .into_iter()
                    .chain([address.port().to_string().into()])
                    .collect(),
                env: Vec::new(),
                address,
                announced: None,
                source: None,
            };
            let process = processes.start(spec).await?;
            let client = Client::new(address);
            let serves = async {
                while client.version().await.is_err() {
                    sleep(Duration::from_millis(10)).await;
                }
            };
            tokio::select! {
                served = timeout(SERVE_WITHIN, serves) => {
                    served.context("the proxy did not serve its API within 10 s")?;
                    return Ok(Self::of(client));
                }
                _ = process.ended() => {}
            }
        }
        bail!("the proxy ended at once; its log ends with:\n{}", processes.last_words(NAME))
    }

    /// Proxies that are there.
    pub(super) fn of(client: Client) -> Self {
        Self { client, cuts: Mutex::default() }
    }

    /// The client, for toxics.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Creates the proxy of a process; its address is announced for good.
    pub(super) async fn create(&self, name: &str, upstream: SocketAddr) -> Result<SocketAddr> {
        let mut refusal = None;
        for _ in 0..PORT_TRIES {
            let listen = ports::free()?;
            match self.client.create(&NewProxy::new(name, &listen, &upstream)).await {
                Ok(_) => return Ok(listen),
                Err(error) if error.status() == Some(500) => refusal = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(refusal.map_or_else(|| anyhow::anyhow!("no port is free"), Into::into))
    }

    /// Lets a process's proxy lead elsewhere.
    pub(super) async fn redirect(&self, name: &str, upstream: SocketAddr) -> Result<()> {
        let update = ProxyUpdate { upstream: Some(upstream.to_string()), ..ProxyUpdate::default() };
        self.client.update(name, &update).await?;
        Ok(())
    }

    /// Cuts peers off: each pair is a proxy's name and a source address.
    pub(super) async fn cut(&self, pairs: &[(String, IpAddr)]) -> Result<()> {
        let mut cuts = self.cuts.lock().await;
        for pair in pairs {
            *cuts.entry(pair.clone()).or_default() += 1;
        }
        self.apply(&cuts, pairs).await
    }

    /// Heals what [`Proxies::cut`] cut; a pair that another cut holds too stays cut.
    pub(super) async fn heal(&self, pairs: &[(String, IpAddr)]) -> Result<()> {
        let mut cuts = self.cuts.lock().await;
        for pair in pairs {
            if let Some(count) = cuts.get_mut(pair) {
                *count -= 1;
            }
        }
        cuts.retain(|_, count| *count > 0);
        self.apply(&cuts, pairs).await
    }

    /// Whether a peer is cut off from a proxy.
    pub(super) async fn is_cut(&self, pair: &(String, IpAddr)) -> bool {
        self.cuts.lock().await.contains_key(pair)
    }

    async fn apply(&self, cuts: &Cuts, changed: &[(String, IpAddr)]) -> Result<()> {
        let mut names: Vec<&String> = changed.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        for name in names {
            let peers = cuts.keys().filter(|(proxy, _)| proxy == name).map(|(_, peer)| *peer);
            self.client.cut(name, &Cut::of(peers)).await?;
        }
        Ok(())
    }
}
