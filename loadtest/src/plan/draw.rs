//! Drawing a timeline: which fault, when, for how long and on what.

use super::met::unmet;
use super::settings;
use crate::environment::parse_target;
use crate::faults::{COMMANDS, Condition, Fault, Hits, refusal};
use redrill_history::{EnvironmentPlan, LoadPlan, PlannedFault, print_duration};
use redrill_scenarios::random::{below, mix};
use std::time::Duration;

/// What the draws of a timeline are told from those of the load by.
const SALT: u64 = 0xc4a0;
/// Times are drawn in these, so that a timeline is read with ease.
const STEP: Duration = Duration::from_millis(100);

/// What Sentinel takes at most to replace a master, with its usual `down_after` and
/// `failover_timeout`.
const SETTLES: Duration = Duration::from_secs(4);

/// What may be drawn.
pub(super) struct Chances<'a> {
    pub(super) kinds: Vec<&'static dyn Fault>,
    /// What may be hit; none for all that there is.
    pub(super) targets: Option<Vec<String>>,
    /// From one fault to the next, at the mean.
    pub(super) every: Duration,
    /// The shortest and the longest.
    pub(super) lasts: (Duration, Duration),
    pub(super) environment: &'a EnvironmentPlan,
    pub(super) instances: u8,
    pub(super) load: &'a LoadPlan,
}

/// Draws the timeline of a seed around the faults that are `fixed`.
///
/// # Errors
/// Why there is no room for one.
pub(super) fn draw(
    chances: &Chances<'_>,
    seed: u64,
    fixed: &[PlannedFault],
) -> Result<Vec<PlannedFault>, String> {
    let (least, most) = chances.lasts;
    let (first, last) = chances.span();
    if first + least > last {
        return Err(format!(
            "the load, {}, is too short for chaos: before a fault there must be time to see the \
             service well, and after it time to recover; lengthen load.duration, or shorten \
             chaos.lasts",
            print_duration(chances.load.duration)
        ));
    }
    let mut dice = Dice { seed: mix(seed, SALT), thrown: 0 };
    let mut drawn: Vec<PlannedFault> = Vec::new();
    let mut is_any_possible = false;
    let mut at = first + dice.time(Duration::ZERO, chances.every.min(last - least - first));
    while at + least <= last {
        let lasts = dice.time(least, most.min(last - at));
        // Until one can act then: of those that can, each is as likely.
        let mut kinds = chances.kinds.clone();
        while !kinds.is_empty() {
            let kind = kinds.swap_remove(dice.below(kinds.len()));
            let faults = chances.faults(kind, at, lasts, &mut dice);
            is_any_possible |= !faults.is_empty();
            let faults = faults.into_iter();
            let mut fitting: Vec<_> = faults.filter(|one| is_free(one, fixed, &drawn)).collect();
            if !fitting.is_empty() {
                drawn.push(fitting.swap_remove(dice.below(fitting.len())));
                break;
            }
        }
        at += dice.time(chances.every / 2, chances.every * 3 / 2).max(STEP);
    }
    match drawn.is_empty() {
        false => Ok(drawn),
        true if !is_any_possible => {
            let (least, most) = (print_duration(least), print_duration(most));
            Err(format!(
                "nothing that chaos may draw lasts {least} to {most} within this load; change \
                 chaos.lasts, name other faults in chaos.faults, or lengthen load.duration"
            ))
        }
        true => Err("the plan's own faults leave chaos no room; take some of them out".to_owned()),
    }
}

impl Chances<'_> {
    /// The first moment of a fault, and the last: there is a baseline before, and time to recover
    /// after.
    fn span(&self) -> (Duration, Duration) {
        let load = self.load.duration;
        let first = (load / 6).clamp(Duration::from_secs(3), Duration::from_secs(10));
        let recovery = (load / 4).clamp(Duration::from_secs(5), Duration::from_secs(20));
        (first, load.saturating_sub(recovery))
    }

    /// A fault of that kind on each place that it may hit.
    fn faults(
        &self,
        kind: &'static dyn Fault,
        at: Duration,
        lasts: Duration,
        dice: &mut Dice,
    ) -> Vec<PlannedFault> {
        let mut fitting = self.fitting(kind, at, lasts, dice);
        fitting.retain(|fault| refusal(kind, fault, self.environment).is_none());
        fitting
    }

    /// The same, whether or not the backend can do it there.
    fn fitting(
        &self,
        kind: &'static dyn Fault,
        at: Duration,
        lasts: Duration,
        dice: &mut Dice,
    ) -> Vec<PlannedFault> {
        let needed = kind.settings().iter().filter(|setting| setting.is_required());
        let with = needed
            .map(|setting| (setting.name.to_owned(), settings::drawn(setting, |n| dice.below(n))))
            .collect();
        let fault = PlannedFault {
            kind: kind.name().to_owned(),
            at,
            lasts: kind.heals().map(|_| lasts),
            target: Vec::new(),
            from: Vec::new(),
            with,
            otherwise: None,
            instead_of: None,
        };
        let places = self.all_places(kind).into_iter();
        let faults = places.map(|(target, from)| PlannedFault { target, from, ..fault.clone() });
        let fits = |fault: &PlannedFault| {
            kind.check(fault).is_ok()
                && kind.fits(fault, self.environment).is_ok()
                && unmet(fault, self.load, self.environment).is_none()
                && (self.targets.is_some() || !(stands_still(kind, fault) && is_sentinel(fault)))
        };
        faults.filter(fits).collect()
    }

    /// Why the backend cannot do a kind wherever it would fit.
    pub(super) fn refusal(&self, kind: &'static dyn Fault) -> Option<String> {
        let mut dice = Dice { seed: 0, thrown: 0 };
        let fitting = self.fitting(kind, Duration::ZERO, self.lasts.1, &mut dice);
        fitting.iter().find_map(|fault| refusal(kind, fault, self.environment))
    }

    /// The places that a kind may hit.
    pub(super) fn places(&self, kind: &'static dyn Fault) -> Vec<PlannedFault> {
        self.faults(kind, Duration::ZERO, self.lasts.1, &mut Dice { seed: 0, thrown: 0 })
    }

    /// Target and other side of everything that might be hit.
    fn all_places(&self, kind: &'static dyn Fault) -> Vec<(Vec<String>, Vec<String>)> {
        let places = match kind.hits() {
            Hits::Pairs => self.partitions(),
            // A node by its number may be a master or a replica by then.
            Hits::Replicas if self.targets.is_none() => {
                let replicas = self.exists("replicas").then(|| "replicas".to_owned());
                replicas.into_iter().map(|name| (vec![name], Vec::new())).collect()
            }
            hits if self.targets.is_none() && asks_masters(kind, hits) => {
                let masters = self.singles().into_iter().filter(|name| name.ends_with(".master"));
                masters.map(|name| (vec![name], Vec::new())).collect()
            }
            // Nobody gives a Sentinel commands while the master is well.
            _ if is_of_commands(kind) => {
                let nodes = self.singles().into_iter().filter(|name| !name.contains("sentinel"));
                nodes.map(|name| (vec![name], Vec::new())).collect()
            }
            _ => self.singles().into_iter().map(|name| (vec![name], Vec::new())).collect(),
        };
        let may_hit = |(target, _): &(Vec<String>, Vec<String>)| {
            let named = self.targets.as_ref();
            named.is_none_or(|named| target.iter().all(|name| named.contains(name)))
        };
        places.into_iter().filter(may_hit).collect()
    }

    /// Everything that a fault may hit alone; groups only where they are named.
    fn singles(&self) -> Vec<String> {
        if let Some(named) = &self.targets {
            return named.clone();
        }
        // By number, because a replica by its rank may be none while the roles change.
        let numbered = |name: &'static str| (0..).map(move |index| format!("{name}[{index}]"));
        let numbered = |name| numbered(name).take_while(|name| self.exists(name));
        let parts = ["node", "sentinel", "server"].into_iter().flat_map(numbered);
        let own = self.environment.groups().map(|(role, _)| format!("{role}.master"));
        let others = own.chain(["model", "mail"].map(str::to_owned));
        others.filter(|name| self.exists(name)).chain(parts).collect()
    }

    /// Two sides that can be cut apart whatever the roles are then.
    fn partitions(&self) -> Vec<(Vec<String>, Vec<String>)> {
        let sentinels = (0..).map(|index| format!("sentinel[{index}]"));
        let servers = (0..).map(|index| format!("server[{index}]"));
        let alone = sentinels.take_while(|name| self.exists(name));
        let alone = alone.chain(servers.take_while(|name| self.exists(name)));
        let mut sides = vec![
            ("main.master".to_owned(), vec!["replicas"]),
            ("main.master".to_owned(), vec!["sentinels"]),
            ("main.master".to_owned(), vec!["replicas", "sentinels"]),
            ("servers".to_owned(), vec!["main.master"]),
        ];
        let has_replicas = self.exists("main.replica[0]");
        let nodes =
            if has_replicas { vec!["main.master", "replicas"] } else { vec!["main.master"] };
        sides.extend(alone.map(|name| (name, nodes.clone())));
        let all =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
        let sides = sides.into_iter().map(|(one, other)| (vec![one], all(&other)));
        let exists = |names: &[String]| names.iter().all(|name| self.exists(name));
        sides.filter(|(one, other)| exists(one) && exists(other)).collect()
    }

    fn exists(&self, name: &str) -> bool {
        // Without a first there are none.
        let first = match name {
            "sentinels" => "sentinel[0]",
            "replicas" => "main.replica[0]",
            name => name,
        };
        parse_target(first, self.environment, self.instances).is_ok()
    }
}

/// Whether a kind acts on what a master alone does, or is asked by the service.
fn asks_masters(kind: &dyn Fault, hits: Hits) -> bool {
    is_of_commands(kind) || matches!(hits, Hits::Nodes | Hits::Writable)
}

/// Whether a kind acts on the commands that the service gives.
fn is_of_commands(kind: &dyn Fault) -> bool {
    kind.settings().iter().any(|setting| setting.name == COMMANDS.name)
}

/// Whether a kind lets a process stand still: a Sentinel would be in TILT for 30 s, and what
/// follows would say nothing of the service.
fn stands_still(kind: &dyn Fault, fault: &PlannedFault) -> bool {
    matches!(kind.leaves(fault), Condition::Still | Condition::Flapping)
}

/// Whether nothing else acts there then, nor shortly before or after: a process that is down cannot
/// be paused, one that is paused proves nothing of its proxy, and a master must have been found
/// before the next is lost.
fn is_free(fault: &PlannedFault, fixed: &[PlannedFault], drawn: &[PlannedFault]) -> bool {
    let end = |fault: &PlannedFault| fault.at + fault.lasts.unwrap_or_default() + SETTLES;
    let meets = |other: &&PlannedFault| other.at < end(fault) && fault.at < end(other);
    let here = areas(fault);
    let mut others = fixed.iter().chain(drawn).filter(meets);
    !others.any(|other| areas(other).iter().any(|area| here.contains(area)))
}

fn is_sentinel(fault: &PlannedFault) -> bool {
    fault.target.iter().any(|name| name.contains("sentinel"))
}

/// A part of the environment in which one fault acts at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Area {
    Nodes,
    Sentinels,
    Servers,
    Apis,
}

/// Where a fault acts. Roles move, so that all nodes are one place.
fn areas(fault: &PlannedFault) -> Vec<Area> {
    let areas = fault.target.iter().chain(&fault.from).flat_map(|name| {
        let part = name.rsplit('.').next().unwrap_or(name);
        match part.split('[').next().unwrap_or(part) {
            "sentinel" => vec![Area::Sentinels],
            // Without them no master is replaced.
            "sentinels" => vec![Area::Sentinels, Area::Nodes],
            "server" | "servers" => vec![Area::Servers],
            "model" | "mail" => vec![Area::Apis],
            _ => vec![Area::Nodes],
        }
    });
    areas.collect()
}

/// The plan's chance, one throw after another.
struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    /// A number below this, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        self.thrown += 1;
        usize::try_from(below(mix(self.seed, self.thrown), bound as u64)).unwrap_or(0)
    }

    /// A time from one to the other, in steps.
    fn time(&mut self, from: Duration, to: Duration) -> Duration {
        let steps = to.saturating_sub(from).as_millis() / STEP.as_millis();
        let steps = usize::try_from(steps).unwrap_or(usize::MAX - 1);
        from + STEP * u32::try_from(self.below(steps + 1)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::FAULTS;
    use crate::plan::{Overrides, Plan};
    use std::collections::BTreeMap;

    fn fault(kind: &str, at_s: u64, target: &str) -> PlannedFault {
        PlannedFault {
            kind: kind.to_owned(),
            at: Duration::from_secs(at_s),
            target: vec![target.to_owned()],
            ..PlannedFault::example()
        }
    }

    #[test]
    fn faults_of_one_place_keep_apart_and_those_of_others_may_overlap() {
        let free = |one: &PlannedFault, other: PlannedFault| is_free(one, &[other], &[]);
        // Each lasts for 10 s, and 4 s are left to settle.
        let killed = fault("kill", 20, "node[1]");
        assert!(!free(&killed, fault("pause", 33, "main.master")));
        assert!(free(&killed, fault("pause", 34, "main.master")));
        assert!(!free(&killed, fault("pause", 7, "node[2]")));
        assert!(free(&killed, fault("pause", 6, "node[2]")));
        assert!(free(&killed, fault("kill", 20, "server[0]")));
        assert!(free(&killed, fault("kill", 20, "sentinel[0]")));
        assert!(!free(&killed, fault("kill", 20, "sentinels")));
        let from = vec!["main.master".to_owned()];
        assert!(!free(&killed, PlannedFault { from, ..fault("cut", 20, "server[0]") }));
    }

    #[test]
    fn there_is_a_baseline_before_and_time_to_recover_after() {
        for seconds in [30, 60, 600] {
            let text = format!("[load]\nduration = \"{seconds}s\"\n[chaos]\nevery = \"4s\"\n");
            for seed in 0..50 {
                let overrides = Overrides { seed: Some(seed), ..Overrides::default() };
                let plan = Plan::parse("my.toml", &text, &overrides).unwrap().resolved;
                let load = plan.load.duration;
                for fault in &plan.faults {
                    let end = fault.at + fault.lasts.unwrap_or_default();
                    assert!(fault.at >= Duration::from_secs(3), "{fault:?}");
                    assert!(end + Duration::from_secs(5) <= load, "{fault:?}");
                }
            }
        }
    }

    #[test]
    fn no_sentinel_is_paused_unless_that_is_asked_for() {
        let drawn = |targets: &str| -> Vec<PlannedFault> {
            let text =
                format!("[load]\nduration = \"1h\"\n[chaos]\nfaults = [\"pause\"]\n{targets}");
            Plan::parse("my.toml", &text, &Overrides::default()).unwrap().resolved.faults
        };
        let hits = |faults: &[PlannedFault], name: &str| {
            faults.iter().filter(|fault| fault.target[0].starts_with(name)).count()
        };
        let all = drawn("");
        assert!(hits(&all, "sentinel") == 0 && hits(&all, "server") > 0 && hits(&all, "node") > 0);
        let asked = drawn("targets = [\"sentinel[1]\"]\n");
        assert_eq!(hits(&asked, "sentinel[1]"), asked.len());
    }

    /// How often what `of` tells of each fault is drawn, of all that heals, in ten minutes of each
    /// of some hundred seeds.
    fn shares<K: Ord>(of: impl Fn(&PlannedFault) -> Vec<K>) -> BTreeMap<K, u32> {
        let text = "[load]\nduration = \"10m\"\n[chaos]\n";
        let mut shares = BTreeMap::new();
        for seed in 0..300 {
            let overrides = Overrides { seed: Some(seed), ..Overrides::default() };
            let plan = Plan::parse("my.toml", text, &overrides).unwrap().resolved;
            for one in plan.faults.iter().flat_map(&of) {
                *shares.entry(one).or_default() += 1;
            }
        }
        shares
    }

    #[test]
    fn kinds_that_can_act_as_often_are_drawn_as_often() {
        let kinds = shares(|fault| vec![fault.kind.clone()]);
        let healing = FAULTS.iter().filter(|kind| kind.heals().is_some());
        // All but packet_loss.
        assert_eq!(kinds.len(), healing.count() - 1, "{kinds:?}");
        let mut alike: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (name, times) in &kinds {
            let kind = FAULTS.iter().find(|kind| kind.name() == name).unwrap();
            // What is asked of nodes alone, whatever it is, finds them free as often.
            let places = match asks_masters(*kind, kind.hits()) {
                true => "masters".to_owned(),
                false => {
                    format!("{:?}, still: {}", kind.hits(), stands_still(*kind, &fault("", 0, "")))
                }
            };
            alike.entry(places).or_default().push(*times);
        }
        for (which, times) in &alike {
            let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
            assert!(*most < least * 4 / 3, "{which}: {kinds:?}");
        }
        // Some can act while the nodes are busy and others cannot.
        let (least, most) = (kinds.values().min().unwrap(), kinds.values().max().unwrap());
        assert!(*most < least * 2, "{kinds:?}");
    }

    #[test]
    fn most_faults_are_of_redis() {
        let places = shares(areas);
        let all: u32 = shares(|_| vec![()]).values().sum();
        let of = |area: Area| places.get(&area).copied().unwrap_or(0);
        assert!(of(Area::Nodes) * 2 > all, "{places:?} of {all}");
        assert!((of(Area::Nodes) + of(Area::Sentinels)) * 4 > all * 3, "{places:?} of {all}");
        assert!(of(Area::Servers) * 20 > all, "{places:?} of {all}");
        assert!((all / 20..all / 6).contains(&of(Area::Apis)), "{places:?} of {all}");
    }
}
