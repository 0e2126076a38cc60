//! What goes over the wire.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A direction of the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    Downstream,
    /// Both. An extension of this server.
    Both,
}

/// A proxy as the server tells it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Proxy {
    /// Its name.
    pub name: String,
    /// Where it listens, resolved if it does.
    pub listen: String,
    /// Where it leads.
    pub upstream: String,
    /// Whether it listens.
    pub enabled: bool,
    /// Whether it refuses connections when its upstream does. An extension of this server.
    #[serde(default)]
    pub refuse: bool,
    /// Its toxics, those on the way to the server first.
    #[serde(default)]
    pub toxics: Vec<Toxic>,
}

/// A proxy to create.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewProxy {
    /// Its name, unique on the server.
    pub name: String,
    /// Where it is to listen; port 0 picks a free one.
    pub listen: String,
    /// Where it is to lead.
    pub upstream: String,
    /// Whether it listens from the start.
    pub enabled: bool,
    /// Whether it refuses connections when its upstream does: until the upstream accepts again,
    /// connecting is refused rather than accepted and closed. An extension of this server.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub refuse: bool,
    /// How many milliseconds pass after a client was accepted until the upstream is dialled.
    /// An extension of this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_delay_ms: Option<u64>,
    /// Its toxics from the start. An extension: Shopify's server ignores them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub toxics: Vec<NewToxic>,
}

impl NewProxy {
    /// An enabled proxy without toxics.
    pub fn new(
        name: impl Into<String>,
        listen: &(impl ToString + ?Sized),
        upstream: &(impl ToString + ?Sized),
    ) -> NewProxy {
        NewProxy {
            name: name.into(),
            listen: listen.to_string(),
            upstream: upstream.to_string(),
            enabled: true,
            refuse: false,
            accept_delay_ms: None,
            toxics: Vec::new(),
        }
    }
}

/// What to change of a proxy; what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProxyUpdate {
    /// Another address to listen on: restarts the proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Another upstream: restarts the proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Whether it is to refuse connections when its upstream does. An extension of this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refuse: Option<bool>,
    /// How many milliseconds are to pass after a client was accepted until the upstream is
    /// dialled. An extension of this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_delay_ms: Option<u64>,
    /// Whether it is to listen. False closes its connections too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// A toxic as the server tells it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Toxic {
    /// Its name, unique on the proxy.
    pub name: String,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its direction, in the letter case in which it was given.
    pub stream: String,
    /// The share of connections on which it acts.
    pub toxicity: f64,
    /// The attributes of the kind.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// On how many commands it has acted, where it acts on commands. An extension of this server.
    #[serde(default)]
    pub acted: Option<u64>,
}

/// A toxic to add.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewToxic {
    /// Its name; by default the kind and the direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its direction.
    pub stream: Stream,
    /// The share of connections on which it acts, from 0 to 1.
    pub toxicity: f64,
    /// The attributes of the kind; what is not given has its default.
    pub attributes: Map<String, Value>,
    /// The source addresses of the clients on whose connections it acts; none means all.
    /// An extension of this server, like the fields below.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<IpAddr>,
    /// On how many connections it acts at most: the first that it meets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// After how many milliseconds it removes itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
}

impl NewToxic {
    /// A toxic on the way to the client, on every connection, with default attributes.
    pub fn new(kind: impl Into<String>) -> NewToxic {
        NewToxic {
            name: None,
            kind: kind.into(),
            stream: Stream::Downstream,
            toxicity: 1.0,
            attributes: Map::new(),
            peers: Vec::new(),
            first: None,
            for_ms: None,
        }
    }

    /// Delays every chunk by `latency`, give or take `jitter`.
    pub fn latency(latency: Duration, jitter: Duration) -> NewToxic {
        NewToxic::new("latency")
            .attribute("latency", whole_ms(latency))
            .attribute("jitter", whole_ms(jitter))
    }

    /// Drops all data, and closes the connection `timeout` after the last chunk; zero means never.
    pub fn timeout(timeout: Duration) -> NewToxic {
        NewToxic::new("timeout").attribute("timeout", whole_ms(timeout))
    }

    /// Resets the connection `timeout` after the first chunk.
    pub fn reset_peer(timeout: Duration) -> NewToxic {
        NewToxic::new("reset_peer").attribute("timeout", whole_ms(timeout))
    }

    /// With this name.
    pub fn named(mut self, name: impl Into<String>) -> NewToxic {
        self.name = Some(name.into());
        self
    }

    /// In this direction.
    pub fn on(mut self, stream: Stream) -> NewToxic {
        self.stream = stream;
        self
    }

    /// On this share of the connections, from 0 to 1.
    pub fn toxicity(mut self, share: f64) -> NewToxic {
        self.toxicity = share;
        self
    }

    /// On connections of these clients only. An extension of this server.
    pub fn from_peers(mut self, peers: impl IntoIterator<Item = IpAddr>) -> NewToxic {
        self.peers = peers.into_iter().collect();
        self
    }

    /// On the first so many connections only. An extension of this server.
    pub fn first(mut self, connections: u64) -> NewToxic {
        self.first = Some(connections);
        self
    }

    /// For so long only, in whole milliseconds. An extension of this server.
    pub fn lasting(mut self, time: Duration) -> NewToxic {
        self.for_ms = Some(whole_ms(time));
        self
    }

    /// With this attribute.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<Value>) -> NewToxic {
        self.attributes.insert(name.into(), value.into());
        self
    }
}

/// What to change of a toxic; what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ToxicUpdate {
    /// Another share of connections, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toxicity: Option<f64>,
    /// Attributes to change.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub attributes: Map<String, Value>,
}

/// What went through a proxy until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Traffic {
    /// Connections that are open, or held for a peer that is cut off.
    pub live: u64,
    /// Connections since the proxy was created.
    pub accepted: u64,
    /// Connections that redis toxics were to act on and that are no conversation with Redis.
    pub not_resp: u64,
    /// Live connections that io_uring carries, beside the toxics.
    #[serde(default)]
    pub relayed: u64,
    /// From the clients to the server.
    pub upstream: Flow,
    /// From the server to the clients.
    pub downstream: Flow,
}

/// The bytes of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Flow {
    /// Read from the sources.
    pub received_bytes: u64,
    /// Written to the destinations.
    pub sent_bytes: u64,
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
