//! `GET /metrics`, in Prometheus' text format.

use std::fmt::Write as _;

use tokio::runtime::Handle;

use crate::collection::Collection;
use crate::proxy::Proxy;
use crate::toxic::Direction;

/// What is told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Metrics {
    /// Bytes through each proxy, by direction.
    pub(crate) proxies: bool,
    /// The state of the runtime.
    pub(crate) runtime: bool,
}

impl Metrics {
    /// Whether there is anything to tell.
    pub(crate) fn any(self) -> bool {
        self.proxies || self.runtime
    }

    /// The page.
    pub(crate) fn page(self, proxies: &Collection) -> String {
        let mut page = String::new();
        if self.proxies {
            bytes(&mut page, "received", proxies, |(received, _)| received);
            bytes(&mut page, "sent", proxies, |(_, sent)| sent);
        }
        if self.runtime {
            let metrics = Handle::current().metrics();
            gauge(&mut page, "alive_tasks", metrics.num_alive_tasks());
            gauge(&mut page, "workers", metrics.num_workers());
        }
        page
    }
}

/// Writing to a String cannot fail, so its results are dropped here and below.
fn bytes(page: &mut String, what: &str, proxies: &Collection, choose: fn((u64, u64)) -> u64) {
    let name = format!("toxiproxy_proxy_{what}_bytes_total");
    let _ = writeln!(page, "# HELP {name} Bytes {what} by the proxy.\n# TYPE {name} counter");
    for proxy in proxies.all() {
        for (direction, label) in
            [(Direction::Downstream, "downstream"), (Direction::Upstream, "upstream")]
        {
            let value = choose(proxy.flow(direction).bytes());
            let _ = writeln!(page, "{name}{{{}}} {value}", labels(&proxy, label));
        }
    }
}

fn labels(proxy: &Proxy, direction: &str) -> String {
    let route = proxy.route();
    let escape = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    let (listener, name) = (escape(&route.listen), escape(&proxy.name));
    let upstream = escape(&route.upstream);
    format!(r#"direction="{direction}",listener="{listener}",proxy="{name}",upstream="{upstream}""#)
}

fn gauge(page: &mut String, name: &str, value: usize) {
    let name = format!("toxiproxy_runtime_{name}");
    let _ = writeln!(page, "# HELP {name} From tokio.\n# TYPE {name} gauge\n{name} {value}");
}
