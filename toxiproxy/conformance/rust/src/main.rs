//! Drives a Toxiproxy server through the crate `toxiproxy_rust`, which ignores HTTP statuses: what
//! it did is therefore read back.

use toxiproxy_rust::client::Client;
use toxiproxy_rust::proxy::ProxyPack;

type Outcome = Result<(), String>;

fn main() -> Outcome {
    let address = std::env::var("TOXIPROXY").map_err(|error| error.to_string())?;
    let server = Client::new(address);
    if !server.is_running() {
        return Err("the server does not run".into());
    }
    let name = |number: u32| format!("rust_{number}");
    let pack = |number| ProxyPack::new(name(number), "localhost:0".into(), "localhost:1".into());
    let proxies = server.populate((1..=2).map(pack).collect())?;
    holds(proxies.len() == 2, "two proxies are populated")?;

    let proxy = server.find_proxy(&name(1))?;
    proxy.disable()?;
    holds(!server.all()?[&name(1)].proxy_pack.enabled, "the proxy is disabled")?;
    proxy.enable()?;
    proxy
        .with_latency("upstream".into(), 10, 5, 1.0)
        .with_bandwidth("upstream".into(), 100, 1.0)
        .with_slow_close("upstream".into(), 10, 1.0)
        .with_timeout("upstream".into(), 10, 1.0)
        .with_slicer("upstream".into(), 10, 5, 1, 1.0)
        .with_limit_data("upstream".into(), 10, 0.5);
    let toxics = proxy.toxics()?;
    holds(toxics.len() == 6, "six toxics were added")?;
    server.reset()?;
    holds(proxy.toxics()?.is_empty(), "a reset removes the toxics")?;
    for number in 1..=2 {
        server.find_proxy(&name(number))?.delete()?;
    }
    holds(server.all()?.is_empty(), "the proxies are deleted")
}

fn holds(condition: bool, what: &str) -> Outcome {
    condition.then_some(()).ok_or_else(|| format!("it does not hold that {what}"))
}
