//! Cut: nothing passes between two groups of processes, either way; everybody else is reached.

use super::probe::{HEALTHY, SILENCE, Seen, ping, ping_from_harness};
use super::{Condition, Fault, Hits, Injected, Injection, Setting};
use crate::environment::{Environment, Remedy};
use anyhow::{Context, Result, bail, ensure};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use std::net::{IpAddr, SocketAddr};

pub(super) struct Cut;

impl Fault for Cut {
    fn name(&self) -> &'static str {
        "cut"
    }

    fn doc(&self) -> &'static str {
        "drops everything between the processes of target and those of from, as a partition does"
    }

    fn heals(&self) -> Option<&'static str> {
        Some("lets everything pass again")
    }

    fn hits(&self) -> Hits {
        Hits::Pairs
    }

    fn bears(&self, _: Condition) -> bool {
        true
    }

    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        cut(injection).boxed()
    }
}

/// A proxy and a source address that is cut off from it.
type Pair = (String, IpAddr);

async fn cut(injection: Injection<'_>) -> Result<Injected<'_>> {
    let environment = injection.environment;
    let pairs = pairs(environment, &injection.targets, &injection.from)?;
    let journalled = environment.journal(Remedy::EndWithGroup).await?;
    let cut = environment.cut(&pairs).await;
    let seen = match cut {
        Ok(()) => prove(environment, &pairs).await,
        Err(error) => Err(error),
    };
    let healing = async move {
        environment.heal_cut(&pairs).await?;
        assert_healed(environment, &pairs).await?;
        environment.healed(journalled).await
    };
    match seen {
        Ok(proof) => Ok(Injected::new(proof, healing)),
        Err(error) => match healing.await {
            Ok(()) => Err(error),
            Err(unhealed) => Err(error.context(format!("and undoing it failed: {unhealed:#}"))),
        },
    }
}

/// Both ways: who of one group has a proxy is cut off from the sources of the other group.
fn pairs(environment: &Environment, target: &[String], from: &[String]) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for one in target {
        for other in from {
            ensure!(one != other, "{one} is in both groups now");
            for (proxy, peer) in [(one, other), (other, one)] {
                let source = environment.spot(peer)?.source;
                let source = source.with_context(|| format!("{peer} has no source address"))?;
                let has_proxy = environment.spot(proxy)?.proxy.is_some();
                pairs.extend(has_proxy.then(|| (proxy.clone(), source)));
            }
        }
    }
    ensure!(!pairs.is_empty(), "no link between the two groups passes a proxy");
    Ok(pairs)
}

/// Through each proxy, from each source that is cut off from it, there must be silence where the
/// process itself answers.
async fn prove(environment: &Environment, pairs: &[Pair]) -> Result<String> {
    let mut proven = 0;
    for (pair, (direct, through)) in pairs.iter().zip(look(environment, pairs).await?) {
        let (proxy, source) = pair;
        match (direct.is_answer(), through) {
            (true, Seen::Silence(_)) => proven += 1,
            (true, other) => bail!("{source} is not cut off from {proxy}: {other}"),
            // A process that is down answers nobody, and proves nothing.
            (false, _) => {}
        }
    }
    ensure!(proven > 0, "none of the processes behind the proxies answers, so nothing is proven");
    let count = pairs.len();
    let within = SILENCE.as_millis();
    Ok(format!(
        "{proven} of {count} links: a PING from the source through the proxy was not answered \
         within {within} ms, one around it was"
    ))
}

/// What a PING around and one through the proxy of each pair meets.
async fn look(environment: &Environment, pairs: &[Pair]) -> Result<Vec<(Seen, Seen)>> {
    let addresses = pairs.iter().map(|pair| addresses(environment, pair));
    let addresses = addresses.collect::<Result<Vec<_>>>()?;
    let look = addresses.into_iter().map(|(direct, announced, source)| async move {
        let around = ping_from_harness(direct, HEALTHY);
        tokio::join!(around, ping(source, announced, SILENCE))
    });
    Ok(join_all(look).await)
}

async fn assert_healed(environment: &Environment, pairs: &[Pair]) -> Result<()> {
    for pair in pairs {
        let (direct, announced, source) = addresses(environment, pair)?;
        // Another cut may hold the same pair, or the process be down.
        if environment.is_cut(pair).await || !ping_from_harness(direct, HEALTHY).await.is_answer() {
            continue;
        }
        let seen = ping(source, announced, HEALTHY).await;
        ensure!(seen.is_answer(), "{source} is still cut off from {}: {seen}", pair.0);
    }
    Ok(())
}

/// The process's own address, its proxy's, and the source.
fn addresses(
    environment: &Environment,
    (proxy, source): &Pair,
) -> Result<(SocketAddr, SocketAddr, IpAddr)> {
    let spot = environment.spot(proxy)?;
    let announced = spot.announced().with_context(|| proxy.clone())?;
    Ok((spot.door.address, announced, *source))
}
