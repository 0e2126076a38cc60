//! What the faults that are toxics share: adding one to a proxy, proving it, removing it.

use super::injected::Parts;
use super::misfit::Misfit;
use super::probe::{HARNESS, HEALTHY, Probe, SILENCE, Seen, ping, ping_from_harness, send};
use super::{COMMANDS, Condition, Fault, Form, Hits, Injected, Injection, Setting, through};
use crate::environment::{Environment, Need, Remedy, ask};
use anyhow::{Context, Result, bail, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redis::{Value, cmd};
use redrill_history::PlannedFault;
use redrill_toxiproxy::client::{NewToxic, Stream};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// On how many connections a toxic acts.
pub(super) const TOXICITY: Setting = Setting {
    name: "toxicity",
    doc: "share of the connections on which it acts, from 0.01 to 1; 1 by default",
    form: Form::Share { default: 1.0 },
};

/// In which direction a toxic acts.
pub(super) const STREAM: Setting = Setting {
    name: "stream",
    doc: "downstream (what the target sends, the default), upstream (what it is sent) or both",
    form: Form::Choice(&["downstream", "upstream", "both"]),
};

/// Kinds of toxic that Shopify's Toxiproxy does not have, nor one in both directions.
const OWN_TOXICS: [&str; 2] = ["redis", "packet_loss"];

/// Probes before a toxic is there, until one shows that nothing is amiss.
const PROBES_BEFORE: u32 = 5;
/// An answer that is later than this is so by the fault; one that is later than less may be so by
/// chance, and is asked for again.
const BEYOND_CHANCE: Duration = Duration::from_millis(20);
const PROBES_OF_CHANCE: u32 = 3;

/// One in so many faults that act is taken for one that does not, where it acts by chance.
const MISSED_ONE_IN: f64 = 1e5;

/// A kind of fault that is a toxic in the proxies of its targets.
pub(super) struct Toxic {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) heals: &'static str,
    pub(super) settings: &'static [Setting],
    /// The toxic that a plan means, and what shows that it acts.
    pub(super) make: Make,
}

type Make = fn(&PlannedFault) -> Result<(NewToxic, Sign)>;

/// What shows that a toxic acts.
pub(super) struct Sign {
    /// What is sent through the proxy.
    pub(super) probe: Probe,
    /// What becomes of it.
    pub(super) shows: Shows,
    /// Of how many probes.
    pub(super) share: f64,
    /// Whether it acts only on connections that are opened while it is there.
    pub(super) on_new_connections: bool,
    /// The commands on which it acts alone, which the node must know.
    pub(super) commands: Vec<String>,
}

/// What becomes of a probe on which a toxic acts.
#[derive(Clone, Debug)]
pub(super) enum Shows {
    /// Its answer takes at least this, and about as much as that.
    Late(Duration, Duration),
    /// There is no answer.
    Silent,
    /// The connection is closed, within this time.
    Closed(Duration),
    /// There is no answer, or the connection is closed.
    SilentOrClosed,
    /// This is the answer, or part of it.
    Answered(String),
}

impl Sign {
    /// What becomes of every such probe, also on live connections.
    pub(super) fn of(probe: Probe, shows: Shows) -> Self {
        Self { probe, shows, share: 1.0, on_new_connections: false, commands: Vec::new() }
    }
}

impl Shows {
    fn is(&self, seen: Seen, answer: &str) -> bool {
        match self {
            Self::Late(least, _) => matches!(seen, Seen::Answer(after) if after >= *least),
            Self::Silent => matches!(seen, Seen::Silence(_)),
            Self::Closed(_) => seen == Seen::Closed,
            Self::SilentOrClosed => matches!(seen, Seen::Silence(_) | Seen::Closed),
            Self::Answered(text) => seen.is_answer() && answer.contains(text),
        }
    }

    /// How often it must be seen: more than once where chance might make it so.
    fn times(&self, share: f64) -> u32 {
        let may_be_chance = matches!(self, Self::Late(least, _) if *least < BEYOND_CHANCE);
        if may_be_chance && share >= 1.0 { PROBES_OF_CHANCE } else { 1 }
    }

    /// How long to wait for it.
    fn within(&self) -> Duration {
        match self {
            Self::Late(_, about) => *about + HEALTHY,
            Self::Closed(within) => *within + HEALTHY,
            Self::Answered(_) => HEALTHY,
            Self::Silent | Self::SilentOrClosed => SILENCE,
        }
    }
}

impl Fault for Toxic {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn heals(&self) -> Option<&'static str> {
        Some(self.heals)
    }

    fn hits(&self) -> Hits {
        Hits::Links
    }

    fn bears(&self, left: Condition) -> bool {
        let is_of_commands = self.settings.iter().any(|setting| setting.name == COMMANDS.name);
        match left {
            Condition::Still | Condition::Unreached | Condition::Gone => false,
            // The node is asked what it knows, and closes connections.
            Condition::Full => !is_of_commands,
            Condition::Well | Condition::Flapping | Condition::Unwritten => true,
        }
    }

    fn settings(&self) -> &'static [Setting] {
        self.settings
    }

    fn agrees(&self, planned: &PlannedFault) -> Result<(), Misfit> {
        Ok((self.make)(planned).map(drop)?)
    }

    fn needs(&self, planned: &PlannedFault) -> Vec<Need> {
        // What cannot be made is refused for that.
        let made = (self.make)(planned).map(|(toxic, _)| toxic);
        let is_own = made.is_ok_and(|toxic| {
            OWN_TOXICS.contains(&toxic.kind.as_str()) || toxic.stream == Stream::Both
        });
        self.hits().needs(planned).into_iter().chain(is_own.then_some(Need::OwnProxy)).collect()
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        add_each(self.make, injection).boxed()
    }
}

async fn add_each(make: Make, injection: Injection<'_>) -> Result<Injected<'_>> {
    let mut parts = Parts::default();
    for name in &injection.targets {
        let (toxic, sign) = make(injection.planned)?;
        parts.add(add(&injection, name, toxic, sign).await).await?;
    }
    Ok(parts.all())
}

/// Adds the toxic to the proxy of `name`.
pub(super) async fn add<'a>(
    injection: &Injection<'a>,
    name: &str,
    toxic: NewToxic,
    mut sign: Sign,
) -> Result<Injected<'a>> {
    let environment = injection.environment;
    let sources = sources(injection)?;
    // Others may run a drill behind the same proxies.
    let label = format!("{}-fault-{}", environment.mark(), injection.index);
    let share = TOXICITY.share(injection.planned)?;
    sign.share *= share;
    let mut toxic = toxic.named(&label).toxicity(share);
    if !injection.from.is_empty() {
        toxic = toxic.from_peers(sources.iter().copied());
    }
    let proxy = proxy(environment, name)?;
    assert_known(environment, name, &sign.commands).await?;
    sign.shows = shows_nothing(environment, name, &sources, &sign).await?;
    let remedy = Remedy::RemoveToxic {
        api: environment.proxy().base().to_owned(),
        proxy: proxy.clone(),
        toxic: label.clone(),
    };
    let journalled = environment.journal(remedy.clone()).await?;
    let added = match environment.proxy().add_toxic(&proxy, &toxic).await {
        Ok(added) => added,
        Err(error) => {
            // It may be there all the same, where the answer alone was lost.
            let _ = environment.proxy().remove_toxic(&proxy, &label).await;
            return Err(error.into());
        }
    };
    let seen = prove(environment, name, &sources, &sign).await;
    // Its own probes are no acts on the service.
    let probed = acted(environment, &proxy, &label).await.ok().flatten();
    let count = probed.map(|probed| {
        let (proxy, label) = (proxy.clone(), label.clone());
        async move { Ok(acted(environment, &proxy, &label).await?.unwrap_or(probed) - probed) }
            .boxed()
    });
    let listed = format!("{} on {share} of the connections", added.kind);
    let name = name.to_owned();
    let told = seen.as_ref().map_or_else(|error| format!("{error:#}"), Clone::clone);
    let found = remedy.clone();
    let injected = Injected::new(format!("{name}: {listed}; {told}"), async move {
        remedy.apply().await?;
        for source in sources {
            assert_healed(environment, &name, source).await?;
        }
        environment.healed(journalled).await
    });
    let look = async move { found.undone().await };
    injected.looked_at(look).counted(count).if_proven(seen.is_ok(), "the toxic does not act").await
}

/// On how many commands a toxic has acted; none of one that acts on bytes.
async fn acted(environment: &Environment, proxy: &str, toxic: &str) -> Result<Option<u64>> {
    let toxics = environment.proxy().proxy(proxy).await?.toxics;
    Ok(toxics.into_iter().find(|one| one.name == toxic).and_then(|one| one.acted))
}

/// The direction that a plan means.
pub(super) fn stream(planned: &PlannedFault) -> Result<Stream> {
    Ok(match STREAM.text(planned)? {
        "upstream" => Stream::Upstream,
        "both" => Stream::Both,
        _ => Stream::Downstream,
    })
}

/// Whose connections it acts on: those of `from`, or the harness's, like everybody's.
fn sources(injection: &Injection<'_>) -> Result<Vec<IpAddr>> {
    let source = |peer: &String| {
        let source = injection.environment.spot(peer)?.source;
        source.with_context(|| format!("{peer} has no source address"))
    };
    match injection.from.as_slice() {
        [] => Ok(vec![HARNESS]),
        from => from.iter().map(source).collect(),
    }
}

/// A command that the node does not know is nobody's.
async fn assert_known(environment: &Environment, name: &str, commands: &[String]) -> Result<()> {
    if commands.is_empty() {
        return Ok(());
    }
    let info = cmd("COMMAND").arg("INFO").arg(commands).to_owned();
    let told: Vec<Value> = ask(environment.spot(name)?.door, &info, HEALTHY).await?;
    let unknown = commands.iter().zip(&told).find(|(_, told)| matches!(told, Value::Nil));
    ensure!(
        unknown.is_none(),
        "{name} knows no command {}, so nobody gives it",
        unknown.map(|(command, _)| command.as_str()).unwrap_or_default()
    );
    Ok(())
}

/// Probes from each source before the toxic is there: what shows by itself proves nothing. Gives
/// what must be seen with it, which is later where answers are late already.
async fn shows_nothing(
    environment: &Environment,
    name: &str,
    sources: &[IpAddr],
    sign: &Sign,
) -> Result<Shows> {
    let announced = announced(environment, name)?;
    let probe = sign.probe.clone().by(environment.spot(name)?.door.login);
    let mut late = None;
    for source in sources {
        let mut quickest: Option<Duration> = None;
        let mut left = PROBES_BEFORE;
        loop {
            let (seen, answer) = send(*source, announced, &probe, sign.shows.within()).await;
            if !sign.shows.is(seen, &answer) {
                break;
            }
            if let Seen::Answer(after) = seen {
                quickest = Some(quickest.map_or(after, |known| known.min(after)));
            }
            left -= 1;
            if left == 0 {
                let told = seen.of(&sign.probe.what);
                let is_late = matches!(sign.shows, Shows::Late(..));
                ensure!(is_late, "{told} before the fault, too: nothing would show that it acts");
                late = late.max(quickest);
                break;
            }
        }
    }
    Ok(match (&sign.shows, late) {
        (Shows::Late(least, about), Some(late)) => Shows::Late(late + *least / 2, late + *about),
        (shows, _) => shows.clone(),
    })
}

/// Probes from each source until one shows it: where it acts by chance, the first may not.
async fn prove(
    environment: &Environment,
    name: &str,
    sources: &[IpAddr],
    sign: &Sign,
) -> Result<String> {
    if sign.on_new_connections {
        through::close(environment, name, &proxy(environment, name)?).await?;
    }
    let announced = announced(environment, name)?;
    let probe = sign.probe.clone().by(environment.spot(name)?.door.login);
    let mut told = String::new();
    for source in sources {
        let mut left = tries(sign.share);
        let mut to_see = sign.shows.times(sign.share);
        loop {
            let (seen, answer) = send(*source, announced, &probe, sign.shows.within()).await;
            told = seen.of(&sign.probe.what) + " through the proxy";
            if sign.shows.is(seen, &answer) {
                to_see -= 1;
                if to_see == 0 {
                    break;
                }
                continue;
            }
            left -= 1;
            ensure!(left > 0, "{told}");
        }
        if let Shows::Answered(text) = &sign.shows {
            told = format!("{} was answered {text} through the proxy", sign.probe.what);
        }
    }
    Ok(told)
}

/// How many probes it takes for one to be acted on, but by the worst luck.
fn tries(share: f64) -> u32 {
    if share >= 1.0 {
        return 1;
    }
    (-MISSED_ONE_IN.ln() / (1.0 - share).ln()).ceil() as u32
}

/// The address of the proxy of a process.
pub(super) fn announced(environment: &Environment, name: &str) -> Result<SocketAddr> {
    environment.spot(name)?.announced().with_context(|| name.to_owned())
}

/// The name of the proxy of a process.
pub(super) fn proxy(environment: &Environment, name: &str) -> Result<String> {
    let proxy = environment.spot(name)?.proxy;
    proxy.map(|(_, name)| name).with_context(|| format!("{name} has no proxy"))
}

/// A process that answers must be reached through its proxy, unless another fault is on it.
pub(super) async fn assert_healed(
    environment: &Environment,
    name: &str,
    source: IpAddr,
) -> Result<()> {
    let spot = environment.spot(name)?;
    let proxy = environment.proxy().proxy(&proxy(environment, name)?).await?;
    let is_disturbed = !proxy.enabled
        || !proxy.toxics.is_empty()
        || environment.is_cut(&(name.to_owned(), source)).await;
    if is_disturbed || !ping_from_harness(spot.door.address, HEALTHY).await.is_answer() {
        return Ok(());
    }
    let seen = ping(source, announced(environment, name)?, HEALTHY).await;
    if !seen.is_answer() {
        bail!("{name} answers, but through its proxy {seen}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_delay_must_be_seen_more_than_once() {
        let late = |millis| Shows::Late(Duration::from_millis(millis), Duration::from_millis(1));
        assert_eq!(late(1).times(1.0), PROBES_OF_CHANCE);
        assert_eq!((late(20).times(1.0), Shows::Silent.times(1.0)), (1, 1));
    }

    #[test]
    fn what_acts_by_chance_is_probed_until_luck_is_no_excuse() {
        assert_eq!(tries(1.0), 1);
        assert_eq!(tries(0.5), 17);
        assert_eq!(tries(0.01), 1146);
    }
}
