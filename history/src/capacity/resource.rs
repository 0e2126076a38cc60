//! Which resource was full at the rate that broke.

use super::{Answer, Calls, Step};
use crate::{RunView, Sample, process_kind};
use std::collections::BTreeMap;

/// A thread that used this much of its time had none to spare.
const FULL_THREAD: f64 = 0.9;
/// Processors of which this share was used had no time to spare.
const FULL_MACHINE: f64 = 0.9;
/// Other programs that use this share of the machine make it another machine.
const MUCH: f64 = 0.2;
/// A dependency that takes this many times as long as in the lowest step has a queue.
const SLOWER: f64 = 1.5;
/// A dependency that is busy with this share of the calls that it works on at once has no turn to
/// spare.
const FULL_DEPENDENCY: f64 = 0.9;
/// By less than this a played dependency may be slower by chance, and breaks no objective.
const MUCH_SLOWER_NS: f64 = 5e6;

/// What a process used of the processors in a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// `server[0]`, `node[1]`, `proxy`, `harness`.
    pub process: String,
    /// Processors that it kept busy, on average.
    pub cores: f64,
    /// The share of the time in which its main thread ran, where that is known.
    pub main_thread: Option<f64>,
}

impl Usage {
    /// The usage of every process that was sampled twice, in order of name.
    pub(super) fn of(samples: &[Sample]) -> Vec<Self> {
        let mut ends: BTreeMap<&str, (&Sample, &Sample)> = BTreeMap::new();
        for sample in samples.iter().filter(|sample| sample.values.contains_key("cpu_seconds")) {
            ends.entry(&sample.source).or_insert((sample, sample)).1 = sample;
        }
        ends.into_iter()
            .filter_map(|(process, (first, last))| {
                let main_thread = rise(first, last, "main_thread_cpu_seconds");
                let cores = rise(first, last, "cpu_seconds")?;
                Some(Self { process: process.to_owned(), cores, main_thread })
            })
            .collect()
    }

    /// Processors that the machine kept busy with all that ran on it.
    pub(super) fn machine_busy(samples: &[Sample]) -> Option<f64> {
        let is_machine = |sample: &&Sample| sample.source == "machine";
        let first = samples.iter().find(is_machine)?;
        rise(first, samples.iter().rfind(is_machine)?, "busy_seconds")
    }
}

/// How much a counter of seconds rose in a second.
fn rise(first: &Sample, last: &Sample, name: &str) -> Option<f64> {
    let seconds = (last.at_ns - first.at_ns) as f64 / 1e9;
    let used = last.values.get(name)? - first.values.get(name)?;
    (seconds > 0.0).then_some(used / seconds)
}

/// A resource that a service can use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Processor time of the service's instances.
    ServerCpu,
    /// The one thread in which Redis executes commands.
    RedisMainThread,
    /// The model and mail API.
    Dependencies,
    /// The load generator itself, with its proxies: the service may carry more.
    Generator,
    /// The machine, by programs that are no part of the run.
    Others,
    /// None that is watched.
    Unknown,
}

impl Resource {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServerCpu => "server CPU",
            Self::RedisMainThread => "Redis' main thread",
            Self::Dependencies => "the model API",
            Self::Generator => "the load generator",
            Self::Others => "the machine, by other programs",
            Self::Unknown => "nothing that is watched",
        }
    }

    /// The name in a sentence.
    pub const fn told(self) -> &'static str {
        match self {
            Self::ServerCpu => "Server CPU was full",
            Self::RedisMainThread => "Redis' main thread was full",
            Self::Dependencies => "The model API was full",
            Self::Generator => "The load generator was full",
            Self::Others => "Other programs filled the machine",
            Self::Unknown => "Nothing that is watched was full",
        }
    }

    /// True when the service may carry more where it has the machine to itself.
    pub const fn is_outside(self) -> bool {
        matches!(self, Self::Generator | Self::Others)
    }
}

/// The resource that was full, and by what that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Bottleneck {
    /// Which.
    pub resource: Resource,
    /// By what it is known, as part of a sentence.
    pub because: String,
}

impl Bottleneck {
    /// Names what was full at the lowest rate that broke; none while no rate did.
    pub fn at_knee(steps: &[Step], run: &RunView) -> Option<Self> {
        let knee = Answer::of_steps(steps).knee(steps)?;
        let rate = |step: &&Step| step.rate_per_s;
        let lowest = steps.iter().min_by(|one, other| rate(one).total_cmp(&rate(other)))?;
        Some(Self::of(knee, lowest, run.environment.cores, run.plan.effects.at_once))
    }

    /// Names what was full in `step`, on a machine of `cores` processors whose dependencies work
    /// on `at_once` calls at a time, where that is bounded; `lowest` is the step of the lowest
    /// rate, in which nothing was.
    pub fn of(step: &Step, lowest: &Step, cores: u32, at_once: Option<u32>) -> Self {
        let groups = Groups::of(&step.usage);
        let machine = f64::from(cores.max(1));
        let ours = groups.generator + groups.server + groups.redis + groups.others;
        let used = step.machine_busy.unwrap_or(ours).max(ours);
        let is_full = used >= FULL_MACHINE * machine;
        let largest = groups.server.max(groups.redis).max(groups.generator);
        let of_machine = |whose: &str, cores: f64| {
            format!(
                "{whose} used {cores:.2} of the machine's {machine} processors, of which \
                 {used:.2} were in use"
            )
        };
        if is_full && used - ours >= MUCH * machine {
            let because = of_machine("they", used - ours);
            return Self { resource: Resource::Others, because };
        }
        if is_full && groups.generator >= largest {
            let because = of_machine("it and its proxies", groups.generator);
            return Self { resource: Resource::Generator, because };
        }
        if step.is_generator_late() && !is_full {
            let because = format!("{:.1} % of its arrivals started late", step.late * 100.0);
            return Self { resource: Resource::Generator, because };
        }
        if let Some(full) = full_thread(&step.usage, "node") {
            return Self { resource: Resource::RedisMainThread, because: full };
        }
        if let Some(full) = full_thread(&step.usage, "server") {
            return Self { resource: Resource::ServerCpu, because: full };
        }
        if is_full && groups.server >= largest {
            let because = of_machine("its instances", groups.server);
            return Self { resource: Resource::ServerCpu, because };
        }
        if let Some(slower) = slower_dependency(step, lowest, at_once) {
            return slower;
        }
        let because = format!(
            "{used:.2} of the machine's {machine} processors were in use, no main thread was full \
             and the dependencies answered as fast as ever: look for a limit, a lock or a pool \
             inside the service"
        );
        Self { resource: Resource::Unknown, because }
    }
}

fn full_thread(usage: &[Usage], kind: &str) -> Option<String> {
    let its = usage.iter().filter(|usage| process_kind(&usage.process) == kind);
    let share = |usage: &Usage| usage.main_thread.unwrap_or(0.0);
    let busiest = its.max_by(|one, other| share(one).total_cmp(&share(other)))?;
    (share(busiest) >= FULL_THREAD).then(|| {
        let percent = share(busiest) * 100.0;
        format!("the main thread of {} was busy {percent:.0} % of the time", busiest.process)
    })
}

/// The dependencies are played by the generator. They are full where they work on all the calls
/// that the plan lets them; where they are slower without that, the generator itself is.
fn slower_dependency(step: &Step, lowest: &Step, at_once: Option<u32>) -> Option<Bottleneck> {
    let before = |calls: &Calls| {
        let same =
            |known: &&Calls| (known.capability, known.action) == (calls.capability, calls.action);
        lowest.calls.iter().find(same).map(|known| known.p50_ns as f64)
    };
    let slower = |calls: &Calls| Some((calls.p50_ns as f64 / before(calls)?, *calls));
    let compared = step.calls.iter().filter_map(slower);
    let (times, calls) = compared.max_by(|one, other| one.0.total_cmp(&other.0))?;
    let under_way: f64 = step.calls.iter().map(|calls| calls.under_way).sum();
    let now_ns = calls.p50_ns as f64;
    let (now_ms, then_ms) = (now_ns / 1e6, now_ns / times / 1e6);
    let name = calls.capability.name();
    let is_slower = times >= SLOWER;
    if let Some(most) = at_once.filter(|most| under_way >= FULL_DEPENDENCY * f64::from(*most)) {
        // Where the lowest step broke there is no faster one.
        let because = format!(
            "its calls for the {name} took {now_ms:.1} ms at the median, {then_ms:.1} ms in the \
             lowest step, and {under_way:.0} were under way at a time, of which it works on {most}"
        );
        let is_full = is_slower || step.segment == lowest.segment;
        return is_full.then_some(Bottleneck { resource: Resource::Dependencies, because });
    }
    let because = format!(
        "it plays the dependencies, and calls for the {name} took {now_ms:.1} ms at the median, \
         {then_ms:.1} ms in the lowest step, though no bound held them up"
    );
    let is_much = is_slower && now_ns - now_ns / times >= MUCH_SLOWER_NS;
    is_much.then_some(Bottleneck { resource: Resource::Generator, because })
}

/// Processors that each kind of process kept busy.
#[derive(Default)]
struct Groups {
    generator: f64,
    server: f64,
    redis: f64,
    others: f64,
}

impl Groups {
    fn of(usage: &[Usage]) -> Self {
        let mut groups = Self::default();
        for Usage { process, cores, .. } in usage {
            let group = match process_kind(process) {
                "harness" | "proxy" => &mut groups.generator,
                "server" => &mut groups.server,
                "node" => &mut groups.redis,
                _ => &mut groups.others,
            };
            *group += cores;
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::End;
    use crate::{Action, Capability, SegmentRole, Traffic};

    /// A step with what processes used: cores, and the share of the main thread.
    fn step(usage: &[(&str, f64, f64)], effect_ms: u64) -> Step {
        let used = |&(process, cores, main_thread): &(&str, f64, f64)| Usage {
            process: process.to_owned(),
            cores,
            main_thread: Some(main_thread),
        };
        Step {
            segment: 0,
            role: SegmentRole::Probe,
            rate_per_s: 100.0,
            measured_ns: 0..1,
            traffic: Traffic::default(),
            broken: Vec::new(),
            untold: Vec::new(),
            end: End::Broke,
            late: 0.0,
            usage: usage.iter().map(used).collect(),
            machine_busy: None,
            calls: vec![Calls {
                capability: Capability::Cache,
                action: Action::ModelCall,
                p50_ns: effect_ms * 1_000_000,
                under_way: 3.0,
            }],
        }
    }

    /// What is named beside a lowest step of 20 ms a call, where three calls are worked on at once.
    fn named(step: &Step) -> Resource {
        named_of(step, Some(3))
    }

    fn named_of(step: &Step, at_once: Option<u32>) -> Resource {
        let lowest = Step { segment: 7, ..self::step(&[], 20) };
        let bottleneck = Bottleneck::of(step, &lowest, 2, at_once);
        assert!(!bottleneck.because.is_empty());
        bottleneck.resource
    }

    #[test]
    fn each_resource_is_named_when_it_is_full() {
        let idle = ("node[0]", 0.2, 0.2);
        let server =
            [("server[0]", 0.7, 0.5), ("server[1]", 0.7, 0.5), ("harness", 0.4, 0.1), idle];
        assert_eq!(named(&step(&server, 20)), Resource::ServerCpu);
        let one_thread = [("server[0]", 1.0, 0.97), ("harness", 0.4, 0.1), idle];
        assert_eq!(named(&step(&one_thread, 20)), Resource::ServerCpu);
        let redis = [("cache.node[0]", 1.1, 0.95), ("server[0]", 0.3, 0.3), ("harness", 0.4, 0.1)];
        assert_eq!(named(&step(&redis, 20)), Resource::RedisMainThread);
        let generator = [("harness", 0.9, 0.1), ("proxy", 0.3, 0.3), ("server[0]", 0.7, 0.2), idle];
        assert_eq!(named(&step(&generator, 20)), Resource::Generator);
        let calm = [("harness", 0.3, 0.1), ("server[0]", 0.2, 0.1), idle];
        assert_eq!(named(&step(&calm, 60)), Resource::Dependencies);
        assert_eq!(named(&step(&calm, 21)), Resource::Unknown);
    }

    #[test]
    fn a_dependency_is_full_only_where_the_plan_bounds_it() {
        let calm = [("harness", 0.3, 0.1), ("server[0]", 0.2, 0.1)];
        let slow = step(&calm, 60);
        assert_eq!(named_of(&slow, Some(3)), Resource::Dependencies);
        // Three calls at a time leave turns to spare, or there is no such thing as a turn.
        assert_eq!(named_of(&slow, Some(4)), Resource::Generator);
        assert_eq!(named_of(&slow, None), Resource::Generator);
        assert_eq!(named_of(&step(&calm, 24), None), Resource::Unknown);
        let only = Bottleneck::of(&slow, &slow, 2, Some(3));
        assert_eq!(only.resource, Resource::Dependencies);
        assert_eq!(Bottleneck::of(&slow, &slow, 2, None).resource, Resource::Unknown);
    }

    #[test]
    fn a_machine_that_others_fill_says_nothing_of_the_service() {
        let calm = [("harness", 0.4, 0.1), ("server[0]", 0.6, 0.4)];
        let shared = Step { machine_busy: Some(1.95), ..step(&calm, 60) };
        assert_eq!(named(&shared), Resource::Others);
        assert_eq!(named(&Step { machine_busy: Some(1.2), ..shared }), Resource::Dependencies);
        assert!(Resource::Others.is_outside() && !Resource::ServerCpu.is_outside());
    }

    #[test]
    fn a_late_generator_is_named_unless_the_service_takes_its_time() {
        let calm = [("harness", 0.3, 0.1), ("server[0]", 0.2, 0.1)];
        assert_eq!(named(&Step { late: 0.02, ..step(&calm, 60) }), Resource::Generator);
        let server = [("server[0]", 1.6, 0.8), ("harness", 0.3, 0.1)];
        assert_eq!(named(&Step { late: 0.02, ..step(&server, 60) }), Resource::ServerCpu);
    }

    #[test]
    fn usage_is_what_a_counter_rose_in_the_time_between_two_samples() {
        let sample = |second: u64, source: &str, values: &[(&str, f64)]| Sample {
            at_ns: second * 1_000_000_000,
            source: source.to_owned(),
            values: values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        };
        let node = |second, cpu, main| {
            let values = [("cpu_seconds", cpu), ("main_thread_cpu_seconds", main)];
            sample(second, "node[0]", &values)
        };
        let samples = [
            node(1, 10.0, 5.0),
            sample(1, "harness", &[("cpu_seconds", 3.0)]),
            sample(2, "node[0]", &[("used_memory_bytes", 1.0)]),
            node(5, 14.0, 7.0),
        ];
        let expected = Usage { process: "node[0]".to_owned(), cores: 1.0, main_thread: Some(0.5) };
        assert_eq!(Usage::of(&samples), [expected]);
    }
}
