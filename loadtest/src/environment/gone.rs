//! Proxies that are not there any more: a Toxiproxy that was started again has none but those of
//! its own file. With a proxy goes what a fault did to it, and the way to its node.

use crate::exit::unusable;
use anyhow::Result;
use redrill_toxiproxy::client::{Client, Proxy};
use serde::{Deserialize, Serialize};

/// The proxies of a group, as they were before the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ways {
    /// The URL of the proxies' API.
    api: String,
    proxies: Vec<Way>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Way {
    name: String,
    listen: String,
    upstream: String,
}

impl Ways {
    /// By way of these proxies.
    pub(super) fn new<'a>(api: &str, proxies: impl Iterator<Item = &'a Proxy>) -> Self {
        let proxies = proxies.cloned().map(|Proxy { name, listen, upstream, .. }| Way {
            name,
            listen,
            upstream,
        });
        Self { api: api.to_owned(), proxies: proxies.collect() }
    }

    /// Whether all are there.
    ///
    /// # Errors
    /// [`crate::exit::Unusable`] with the calls that make those again that are not; any other where
    /// they cannot be asked for.
    pub(super) async fn assert_there(&self) -> Result<()> {
        let now = Client::with_base(&self.api).proxies().await?;
        let gone: Vec<&Way> =
            self.proxies.iter().filter(|it| !now.contains_key(&it.name)).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = gone.iter().map(|it| it.name.as_str()).collect();
        let calls: Vec<String> = gone.iter().map(|it| self.call(it)).collect();
        let (names, calls) = (names.join(", "), calls.join("\n    "));
        Err(unusable(format!(
            "the proxies {names} are not there any more at {}, and with them the way from node to \
             node: make them again as they were before the run,\n    {calls}",
            self.api
        )))
    }

    fn call(&self, way: &Way) -> String {
        let Self { api, .. } = self;
        let body = serde_json::json!({
            "name": way.name, "listen": way.listen, "upstream": way.upstream, "enabled": true
        });
        format!("curl {api}/proxies -d '{body}'")
    }
}
