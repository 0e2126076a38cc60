//! A typed client for this server and for Shopify's (which does not have [`Client::cut`]).
//! A refusal is an error: a fault that was not injected never passes for one that was.

mod error;
mod types;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use crate::cut::{Cut, Mode};
pub use error::Error;
pub use types::{
    Flow, NewProxy, NewToxic, Proxy, ProxyUpdate, Stream, Toxic, ToxicUpdate, Traffic,
};

/// The longest that connecting takes before a call fails.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The longest that a call takes before it fails; the server's own limit is 25 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A client of one server. Cloning is cheap and shares connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

impl Client {
    /// A client of the server at this address.
    pub fn new(address: SocketAddr) -> Client {
        Client::with_base(format!("http://{address}"))
    }

    /// A client of the server with this URL, such as `http://toxiproxy:8474`.
    pub fn with_base(base: impl Into<String>) -> Client {
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .user_agent(concat!("redrill/", env!("CARGO_PKG_VERSION")))
            .build();
        // Without TLS and a system proxy nothing is read that could fail.
        let http = http.unwrap_or_default();
        Client { http, base: base.into().trim_end_matches('/').to_owned() }
    }

    /// The server's URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The server's version.
    ///
    /// # Errors
    /// As every call: a refusal, no answer, or an answer that is none.
    pub async fn version(&self) -> Result<String> {
        let answer: Value = self.ask(Method::GET, "/version", None::<&()>).await?;
        Ok(answer["version"].as_str().unwrap_or_default().to_owned())
    }

    /// Every proxy, by name.
    ///
    /// # Errors
    /// As [`Client::version`].
    pub async fn proxies(&self) -> Result<BTreeMap<String, Proxy>> {
        self.ask(Method::GET, "/proxies", None::<&()>).await
    }

    /// Creates a proxy; the answer has the address that it listens on.
    ///
    /// # Errors
    /// 409 for a name that is taken, 500 for an address that cannot be listened on.
    pub async fn create(&self, proxy: &NewProxy) -> Result<Proxy> {
        self.ask(Method::POST, "/proxies", Some(proxy)).await
    }

    /// One proxy.
    ///
    /// # Errors
    /// 404 where there is none.
    pub async fn proxy(&self, name: &str) -> Result<Proxy> {
        self.ask(Method::GET, &path(&["proxies", name]), None::<&()>).await
    }

    /// Changes a proxy. Uses POST, which every version of the server takes.
    ///
    /// # Errors
    /// 404 where there is none, 500 for an address that cannot be listened on.
    pub async fn update(&self, name: &str, update: &ProxyUpdate) -> Result<Proxy> {
        self.ask(Method::POST, &path(&["proxies", name]), Some(update)).await
    }

    /// Enables or disables a proxy. Disabled, it refuses connections and closes the live ones.
    ///
    /// # Errors
    /// As [`Client::update`].
    pub async fn set_enabled(&self, name: &str, enabled: bool) -> Result<Proxy> {
        self.update(name, &ProxyUpdate { enabled: Some(enabled), ..ProxyUpdate::default() }).await
    }

    /// Deletes a proxy.
    ///
    /// # Errors
    /// 404 where there is none.
    pub async fn delete(&self, name: &str) -> Result<()> {
        self.tell(Method::DELETE, &path(&["proxies", name]), None::<&()>).await
    }

    /// Creates proxies; those that exist with the same addresses are kept as they are.
    ///
    /// # Errors
    /// The first refusal; proxies before it stay.
    pub async fn populate(&self, proxies: &[NewProxy]) -> Result<Vec<Proxy>> {
        #[derive(serde::Deserialize)]
        struct Answer {
            proxies: Option<Vec<Proxy>>,
        }
        let answer: Answer = self.ask(Method::POST, "/populate", Some(proxies)).await?;
        Ok(answer.proxies.unwrap_or_default())
    }

    /// Enables every proxy, removes every toxic, heals every cut.
    ///
    /// # Errors
    /// 500 for an address that cannot be listened on.
    pub async fn reset(&self) -> Result<()> {
        self.tell(Method::POST, "/reset", None::<&()>).await
    }

    /// A proxy's toxics, those on the way to the server first.
    ///
    /// # Errors
    /// 404 where there is no such proxy.
    pub async fn toxics(&self, proxy: &str) -> Result<Vec<Toxic>> {
        self.ask(Method::GET, &path(&["proxies", proxy, "toxics"]), None::<&()>).await
    }

    /// Adds a toxic, on live connections too.
    ///
    /// # Errors
    /// 400 for a wrong description, 404 where there is no such proxy, 409 for a taken name.
    pub async fn add_toxic(&self, proxy: &str, toxic: &NewToxic) -> Result<Toxic> {
        self.ask(Method::POST, &path(&["proxies", proxy, "toxics"]), Some(toxic)).await
    }

    /// One toxic.
    ///
    /// # Errors
    /// 404 where there is none.
    pub async fn toxic(&self, proxy: &str, name: &str) -> Result<Toxic> {
        self.ask(Method::GET, &path(&["proxies", proxy, "toxics", name]), None::<&()>).await
    }

    /// Changes a toxic, on live connections too.
    ///
    /// # Errors
    /// 400 for wrong values, 404 where there is none.
    pub async fn update_toxic(
        &self,
        proxy: &str,
        name: &str,
        update: &ToxicUpdate,
    ) -> Result<Toxic> {
        self.ask(Method::POST, &path(&["proxies", proxy, "toxics", name]), Some(update)).await
    }

    /// Removes a toxic.
    ///
    /// # Errors
    /// 404 where there is none.
    pub async fn remove_toxic(&self, proxy: &str, name: &str) -> Result<()> {
        let path = path(&["proxies", proxy, "toxics", name]);
        self.tell(Method::DELETE, &path, None::<&()>).await
    }

    /// Cuts peers off from a proxy, and nobody else. An extension of this server.
    ///
    /// # Errors
    /// 404 where there is no such proxy, or on Shopify's server.
    pub async fn cut(&self, proxy: &str, cut: &Cut) -> Result<()> {
        self.tell(Method::PUT, &path(&["proxies", proxy, "cut"]), Some(cut)).await
    }

    /// Who is cut off from a proxy. An extension of this server.
    ///
    /// # Errors
    /// As [`Client::cut`].
    pub async fn cut_of(&self, proxy: &str) -> Result<Cut> {
        self.ask(Method::GET, &path(&["proxies", proxy, "cut"]), None::<&()>).await
    }

    /// Lets everybody reach a proxy again. An extension of this server.
    ///
    /// # Errors
    /// As [`Client::cut`].
    pub async fn heal(&self, proxy: &str) -> Result<()> {
        self.tell(Method::DELETE, &path(&["proxies", proxy, "cut"]), None::<&()>).await
    }

    /// A proxy's connections and bytes until now. An extension of this server.
    ///
    /// # Errors
    /// As [`Client::cut`].
    pub async fn traffic(&self, proxy: &str) -> Result<Traffic> {
        self.ask(Method::GET, &path(&["proxies", proxy, "traffic"]), None::<&()>).await
    }

    /// From where a proxy's live connections reach its upstream, which knows them by these
    /// addresses. An extension of this server.
    ///
    /// # Errors
    /// As [`Client::cut`].
    pub async fn sources(&self, proxy: &str) -> Result<Vec<SocketAddr>> {
        self.ask(Method::GET, &path(&["proxies", proxy, "sources"]), None::<&()>).await
    }

    /// A call whose answer does not matter, beyond not being a refusal.
    async fn tell(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + ?Sized)>,
    ) -> Result<()> {
        self.send(method, path, body).await.map(drop)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + ?Sized)>,
    ) -> Result<T> {
        let (call, answer) = self.send(method, path, body).await?;
        serde_json::from_str(&answer).map_err(|source| Error::Unreadable {
            call,
            body: answer,
            source,
        })
    }

    /// Sends a call; gives its description and the body of an answer that is no refusal.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + ?Sized)>,
    ) -> Result<(String, String)> {
        let call = format!("{method} {path}");
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answered = async {
            let response = request.send().await?;
            Ok((response.status(), response.text().await?))
        };
        match answered.await {
            Ok((status, text)) if status.is_success() => Ok((call, text)),
            Ok((status, text)) => {
                Err(Error::Refused { call, status: status.as_u16(), message: message(&text) })
            }
            Err(source) => Err(Error::Unreachable { call, base: self.base.clone(), source }),
        }
    }
}

/// The `error` of a refusal, or the whole body where there is none.
fn message(body: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let told = parsed.as_ref().and_then(|value| value["error"].as_str());
    told.unwrap_or(body.trim()).to_owned()
}

/// A path of segments, percent-encoded: `/proxies/redis%201`.
pub fn path(segments: &[&str]) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        for byte in segment.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                path.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(path, "%{byte:02X}");
            }
        }
    }
    path
}
