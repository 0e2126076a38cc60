//! What a plan is refused for: where the message points, and what it says.

use super::{Overrides, PLANS, Plan};

fn refusal(text: &str) -> String {
    match Plan::parse("my.toml", text, &Overrides::default()) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

/// Refuses each text at its place, with these words and none of Rust's.
fn refuses(table: &[(&str, &str, &str)]) {
    for (text, place, words) in table {
        let told = refusal(text);
        let place = format!("my.toml:{place}: ");
        assert!(told.starts_with(&place) && told.contains(words), "{text}{told}");
        for rust in ["expected", "invalid type", "struct", "u64", "f64", "variant", "field"] {
            let message = told.lines().next().unwrap();
            assert!(!message.contains(rust), "{rust}: {message}");
        }
    }
}

#[test]
fn a_plan_of_nothing_and_names_that_no_folder_can_have() {
    let long = format!("name = \"{}\"\n", "x".repeat(65));
    refuses(&[
        ("", "1:1", "the plan is empty"),
        ("# nothing yet\n\n", "1:1", "redrill plan new"),
        ("name = \"\"\n", "1:8", "1 to 64 letters"),
        ("name = \"a/b\"\n", "1:8", "letters"),
        ("name = \"..\"\n", "1:8", "begins with a letter"),
        ("name = \".hidden\"\n", "1:8", "begins with a letter"),
        ("name = \"a b\"\n", "1:8", "letters"),
        ("name = \"a\\nb\"\n", "1:8", "letters"),
        ("name = \"a\\u0007\"\n", "1:8", "letters"),
        ("name = \"ä\"\n", "1:8", "a to z"),
        (&long, "1:8", "64"),
        ("name = \"a\"\nname = \"b\"\n", "2:1", "already given"),
        ("question = \"a\\nb\"\n", "1:12", "one line"),
        ("redrill = \"9.0.0\"\n", "1:11", "is for redrill 9.0.0, and this is redrill "),
        ("redrill = \"new\"\n", "1:11", "is the version"),
    ]);
    for name in ["a", "A-1_x.y", &"x".repeat(64)] {
        let plan = Plan::parse("my.toml", &format!("name = \"{name}\"\n"), &Overrides::default());
        assert_eq!(plan.unwrap().resolved.name, name);
    }
}

#[test]
fn durations_that_no_run_could_last() {
    let longest = "18446744073709551615s";
    for (section, key) in [
        ("load", "duration"),
        ("load", "drain"),
        ("load", "client_timeout"),
        ("effects", "model_takes"),
        ("effects", "job_takes"),
        ("target.promises", "command_timeout"),
        ("target.promises", "session_ttl"),
        ("target.promises", "job_lease"),
        ("environment", "down_after"),
        ("environment", "failover_timeout"),
        ("gate", "discard"),
        ("capacity", "within"),
    ] {
        let place = format!("2:{}", key.len() + 4);
        let text = |value: &str| format!("[{section}]\n{key} = {value}\n");
        refuses(&[
            (&text(&format!("\"{longest}\"")), &place, "366d"),
            (&text("\"1000000d\""), &place, "366d"),
            (&text("40"), &place, "like \"40s\" or \"250ms\""),
            (&text("true"), &place, "like \"250ms\""),
            (&text("\"-1s\""), &place, "no duration"),
        ]);
    }
    let fault = |at: &str, lasts: &str, latency: &str| {
        format!(
            "[[fault]]\nkind = \"latency\"\nat = \"{at}\"\nfor = \"{lasts}\"\n\
             target = [\"main.master\"]\nwith = {{ latency = \"{latency}\" }}\n"
        )
    };
    refuses(&[
        ("[load]\nduration = \"8d\"\n", "2:12", "from 1s to 7d"),
        ("[load]\nduration = \"0s\"\n", "2:12", "from 1s to 7d"),
        ("[load]\ndrain = \"8d\"\n", "2:9", "from 0s to 7d"),
        ("[load]\nclient_timeout = \"0s\"\n", "2:18", "from 1ms to 10m"),
        ("[environment]\ndown_after = \"0s\"\n", "2:14", "from 1ms"),
        ("fail_if = [\"p99 > 99999999999999999999s\"]\n", "1:19", "366d"),
        ("[objectives]\n\"service.recovery\" = \"1000000d\"\n", "2:22", "366d"),
        (&fault("1000000d", "1s", "5ms"), "3:6", "366d"),
        (&fault("8d", "1s", "5ms"), "3:6", "7d"),
        (&fault("1s", "1000000d", "5ms"), "4:7", "366d"),
        (&fault("29s", "2s", "5ms"), "3:6", "over after 31s, and the load after 30s"),
        (&fault("1s", "1s", "1000000d"), "6:10", "366d"),
        (&fault("1s", "1s", "1100ms"), "6:10", "longer than the fault lasts"),
    ]);
}

#[test]
fn numbers_that_make_no_load() {
    let queue = |line: &str| format!("[load.capabilities.queue]\n{line}\n");
    refuses(&[
        (&queue("rate_per_s = 0"), "2:14", "from 0.001 to 100000"),
        (&queue("rate_per_s = -1"), "2:14", "from 0.001"),
        (&queue("rate_per_s = 1e-300"), "2:14", "from 0.001"),
        (&queue("rate_per_s = nan"), "2:14", "from 0.001"),
        (&queue("rate_per_s = inf"), "2:14", "from 0.001"),
        (&queue("rate_per_s = \"x\""), "2:14", "write a number"),
        (&queue("vus = 4000000000"), "2:7", "from 1 to 200000"),
        (&queue("vus = -1"), "2:7", "from 1 to 200000"),
        (&queue("rate_per_s = 50\nvus = 3"), "3:7", "need 100 vus, not 3"),
        (&queue("keys = 0"), "2:8", "from 1"),
        (&queue("model = \"x\""), "2:9", "constant"),
        ("[load.capabilities.quue]\n", "1:20", "cache, sessions, limiter, queue, presence"),
        ("[load]\ncapabilities = {}\n", "2:16", "no capability"),
        (
            "[load]\nclient_timeout = \"10m\"\n[load.capabilities.queue]\nrate_per_s = 1000\n",
            "4:14",
            "need 600000 vus in queue, and at most 200000",
        ),
        ("[target]\ninstances = 300\n", "2:13", "from 1 to 16"),
        ("[target]\ninstances = \"x\"\n", "2:13", "write a whole number"),
        ("[target]\naddresses = [\"a\"]\n", "2:14", "host:port"),
        ("[target]\naddresses = []\n", "2:13", "1 to 16"),
        ("[target]\naddresses = [\"a:1\", \"a:1\"]\n", "2:21", "already in this list"),
        ("[target]\ninstances = 3\naddresses = [\"a:1\"]\n", "2:13", "instances is 1"),
        ("[effects]\nlisten = \"8100\"\n", "2:10", "0.0.0.0:8100"),
        ("[target]\nname = \"nope\"\n", "2:8", "no target 'nope'"),
        ("[effects]\nat_once = 0\n", "2:11", "from 1"),
        ("[environment]\nreplicas = 0\n", "2:12", "from 1 to 5"),
        ("[environment]\ntopology = \"standalone\"\nreplicas = 2\n", "3:12", "has no replicas"),
        ("[environment]\ntopology = \"ring\"\n", "2:12", "sentinel, standalone, cluster"),
        ("[environment]\nmasters = 2\n", "2:11", "masters must be from 1 to 1"),
        ("[environment]\ntopology = \"cluster\"\nmasters = 2\n", "3:11", "from 3 to 5"),
        ("[environment]\ntopology = \"cluster\"\nsentinels = 3\n", "3:13", "has no sentinels"),
        ("[environment]\nmaxmemory = \"much\"\n", "2:13", "such as \"64mb\""),
        ("[environment]\nmaxmemory = \"1mb\"\n", "2:13", "4mb or more"),
        ("[environment]\nmaxmemory_policy = \"lru\"\n", "2:20", "noeviction, allkeys-lru"),
        ("[environment]\nbackend = \"podman\"\n", "2:11", "no backend 'podman'"),
        ("[environment]\nimage = \"redis:7\"\n", "2:9", "backend = \"docker\""),
        ("[environment]\nbackend = \"docker\"\nimage = \"a b\"\n", "3:9", "\"redis:7\""),
        ("[environment]\ncache = 4\n", "2:9", "write [environment.cache]"),
        ("[environment.cache]\nreplicas = 0\n", "2:12", "from 1 to 5"),
        ("[environment.cache]\nbackend = \"processes\"\n", "2:1", "topology, masters"),
        ("[environment.sessions]\ntopology = \"x\"\n", "2:12", "sentinel, standalone, cluster"),
        ("kind = \"capacity\"\n[capacity]\nfrom_per_s = 1e-300\n", "3:14", "from 0.001"),
        ("kind = \"capacity\"\n[capacity]\nfrom_per_s = 60000\n", "2:1", "above capacity.most"),
        ("kind = \"gate\"\n[load]\nduration = \"1s\"\n", "3:12", "500ms longer"),
        ("[capacity]\nprecision = 0\n", "2:13", "from 0.01 to 1"),
        ("[gate.tolerated]\nspeed = \"1%\"\n", "2:1", "no metric 'speed'"),
        ("kind = \"capacity\"\n[capacity]\nprecision = 0\n", "3:13", "from 0.01 to 1"),
        ("[load]\ndurration = \"5s\"\n", "2:1", "duration, client_timeout"),
        ("seed = -1\n", "1:8", "whole number"),
        ("seed = 1.5\n", "1:8", "whole number"),
        ("seed = 99999999999999999999\n", "1:8", "out of range"),
        ("load = 4\n", "1:8", "write [load]"),
        ("load = [\"5s\"]\n", "1:8", "write [load]"),
        ("[[load]]\nduration = \"5s\"\n", "1:1", "write [load]"),
        ("[load.capabilities]\nqueue = [\"constant\", 5.0]\n", "2:9", "write [load.cap"),
        ("[target]\npromises = []\n", "2:12", "write [target.promises]"),
    ]);
}

#[test]
fn promises_that_nobody_can_keep() {
    let promise = |line: &str| format!("[target.promises]\n{line}\n");
    let limit = |policy: &str, limit: &str, window: &str| {
        promise(&format!(
            "limits = [{{ policy = \"{policy}\", limit = {limit}, window = \"{window}\" }}]"
        ))
    };
    let twice = "limits = [{ policy = \"llm\", limit = 1, window = \"1s\" }, \
                 { policy = \"llm\", limit = 2, window = \"1s\" }]";
    refuses(&[
        (&promise("job_lease = \"0s\""), "2:13", "from 1ms"),
        (&promise("cache_ttl = \"0s\""), "2:13", "from 1ms"),
        (&promise("job_attempts = 0"), "2:16", "from 1 to 100"),
        (&limit("llm", "0", "1s"), "2:37", "limit must be from 1"),
        (&limit("llm", "1", "0s"), "2:49", "window must be from 1ms"),
        (&limit("", "1", "1s"), "2:22", "letters"),
        (&limit("x", "1", "1s"), "2:22", "no route for the policy 'x'; there are burst"),
        (&promise(twice), "2:68", "'llm' is given twice"),
        (&promise("limits = []"), "2:10", "leave limits out"),
        (&promise("limits = [{}]"), "2:11", "policy is missing"),
        (&promise("limits = [[\"llm\", 1, \"1s\"]]"), "2:11", "[[target.promises.limits]]"),
    ]);
}

#[test]
fn objectives_of_the_wrong_kind() {
    let objective = |id: &str, bound: &str| format!("[objectives]\n\"{id}\" = {bound}\n");
    refuses(&[
        (&objective("queue.lots", "0"), "2:1", "queue.lost"),
        (&objective("service.recovery", "5"), "2:22", "takes a time at most, such as \"5s\""),
        (&objective("service.availability", "0"), "2:26", "a share at least, such as \"95%\""),
        (&objective("queue.lost", "\"95%\""), "2:16", "definite violations at most"),
        (&objective("queue.lost", "\"5s\""), "2:16", "such as 0"),
        (&objective("queue.lost", "\"x\""), "2:16", "write a count (0)"),
        (&objective("queue.lost", "-1"), "2:16", "a count (0)"),
        (&objective("service.availability", "\"101%\""), "2:26", "from 0% to 100%"),
        (&objective("gate.p50", "0"), "2:1", "[gate.tolerated]"),
        (&objective("capacity.rate", "0"), "2:1", "capacity.at_least_per_s"),
        (&objective("cache.origin-amplification", "0"), "2:1", "only tells a number"),
        (&objective("service.recovery", "\"5s\""), "2:1", "no fault is injected"),
        (
            "[load.capabilities]\nsessions = {}\n[objectives]\n\"queue.lost\" = 0\n",
            "4:1",
            "queue is not under load; take it out",
        ),
        ("fail_if = [\"errors > 1%\", \"errors  > 1%\"]\n", "1:27", "already in the list"),
    ]);
}

/// A cache without replicas, and a fault.
const ALONE: &str = "[environment.cache]\ntopology = \"standalone\"\n[[fault]]";

/// A failover where nobody can take over.
const HEIRLESS: &str = "[environment.cache]\ntopology = \"standalone\"\n[[fault]]\n\
                        kind = \"failover\"\nat = \"1s\"\ntarget = [\"cache.master\"]\n";

#[test]
fn faults_that_cannot_act() {
    let fault = |lines: &str| format!("[[fault]]\nkind = \"kill\"\n{lines}\n");
    let late = |with: &str| {
        format!(
            "[[fault]]\nkind = \"latency\"\nat = \"1s\"\nfor = \"1s\"\n\
             target = [\"node[0]\"]\nwith = {with}\n"
        )
    };
    let on = |targets: &str| fault(&format!("at = \"1s\"\nfor = \"1s\"\ntarget = {targets}"));
    refuses(&[
        ("[[fault]]\nkind = \"explode\"\nat = \"1s\"\n", "2:8", "kill, stop"),
        ("[[fault]]\nat = \"1s\"\n", "1:1", "kind is missing"),
        ("[fault]\nkind = \"kill\"\n", "1:1", "written [[fault]]"),
        ("fault = [[\"kill\", \"1s\"]]\n", "1:10", "written [[fault]]"),
        (&fault("for = \"1s\""), "1:1", "at is missing"),
        (&fault("at = \"1s\"\nfor = \"0s\"\ntarget = [\"node[0]\"]"), "4:7", "must not be 0"),
        (&fault("at = \"1s\"\ntarget = [\"node[0]\"]"), "2:8", "for = \"10s\""),
        (&on("[]"), "5:10", "such as [\"main.master\"]"),
        (&on("\"main.master\""), "5:10", "a list in square brackets"),
        (&on("[\"node[9]\"]"), "5:11", "main.master"),
        (&on("[\"node[0]\", \"node[0]\"]"), "5:22", "already in this list"),
        (&on("[\"main.master\", \"cache.master\"]"), "5:26", "already in this list"),
        (&on("[\"cache.replicas\"]").replace("[[fault]]", ALONE), "7:11", "cache.node[0]"),
        (&on("[\"main.master[0]\"]"), "5:11", "main.master"),
        (&on("[\"node[0]\"]\notherwise = \"x\""), "6:13", "no fault 'x'; there are kill"),
        (&on("[\"node[0]\"]\notherwise = \"restart\""), "6:13", "cannot take the place of kill"),
        (HEIRLESS, "6:10", "needs a replica, and cache.master has none"),
        (&late("{ latncy = \"1s\" }"), "6:10", "with takes latency"),
        (&late("{ latency = \"x\" }"), "6:10", "no duration"),
        (&late("{ latency = \"5ms\", toxicity = 2 }"), "6:27", "from 0.01 to 1"),
        (&late("{ latency = 5 }"), "6:10", "like \"250ms\""),
        (&late("{ latency = \"1us\" }"), "6:10", "at least 1ms"),
        (&late("{ latency = \"10ms\", jitter = \"1s\" }"), "6:28", "less than latency"),
        (&late("{}"), "2:8", "with.latency is missing"),
        (&late("5"), "6:8", "a table"),
    ]);
}

#[test]
fn variables_that_no_process_can_have() {
    refuses(&[
        ("[target]\nvariables = 3\n", "2:13", "write [target.variables]"),
        ("[target]\nvariables = { \"A B\" = \"x\" }\n", "2:13", "'A B' is no name of a variable"),
        ("[target]\nvariables = { \"1A\" = \"x\" }\n", "2:13", "no digit first"),
        ("[target]\nvariables = { A = \"x\\u0000\" }\n", "2:13", "the value of A has a NUL"),
        ("[target]\nvariables = { A = 1 }\n", "2:19", "text"),
    ]);
    let text = "[target.variables]\nREDIS_FAILOVER = \"naive\"\n";
    let resolved = Plan::parse("my.toml", text, &Overrides::default()).unwrap().resolved;
    assert_eq!(resolved.target.variables["REDIS_FAILOVER"], "naive");
}

#[test]
fn environments_that_nobody_could_use() {
    let there = |lines: &str| {
        format!("[environment]\nbackend = \"external\"\n[environment.external]\n{lines}\n")
    };
    let good = "toxiproxy = \"h:8474\"\nnodes = [\"h:1\"]";
    Plan::parse("my.toml", &there(good), &Overrides::default()).unwrap();
    let lists = |lists: &str| there(&format!("toxiproxy = \"h:8474\"\n{lists}"));
    let gate = format!("kind = \"gate\"\n{}", there(good));
    refuses(&[
        ("[environment]\nbackend = \"external\"\n", "2:11", "[environment.external] is missing"),
        ("[environment.external]\nnodes = [\"h:1\"]\n", "1:1", "read where backend = "),
        ("[environment]\nexternal = 4\n", "2:12", "write [environment.external]"),
        (&there("nodes = [\"h:1\"]"), "3:1", "toxiproxy is missing"),
        (&there("toxiproxy = \"h:8474\""), "3:1", "nodes is missing"),
        (&there("toxiproxy = \"http://h:1\"\nnodes = [\"h:1\"]"), "4:13", "\"host:port\""),
        (&lists("nodes = []"), "5:9", "an address is missing"),
        (&lists("nodes = [\"h\"]"), "5:10", "\"host:port\""),
        (&lists("nodes = [\"h:1\", \"h:1\"]"), "5:17", "already in this list"),
        (&lists("nodes = [\"h:1\", \"h:2\"]"), "3:1", "a master and 1 replica, and the"),
        (
            &lists("nodes = [\"h:1\"]\nsentinels = [\"h:2\", \"h:3\", \"h:4\"]"),
            "3:1",
            "nodes lists 1, a master and 0 replicas, and the topology sentinel has 1 to 5",
        ),
        (
            &lists("nodes = [\"h:1\", \"h:2\"]\nsentinels = [\"h:5\"]"),
            "3:1",
            "sentinels lists 1 sentinel, and the topology sentinel has 3 to 7",
        ),
        (
            &lists("nodes = [\"h:1\", \"h:2\"]\nsentinels = [\"h:5\", \"h:2\", \"h:7\"]"),
            "6:21",
            "\"h:2\" is already in nodes of",
        ),
        (
            &lists("nodes = [\"h:1\"]\n[environment.external.cache]\nnodes = [\"h:1\"]"),
            "7:10",
            "\"h:1\" is already in nodes of",
        ),
        (&lists("nodes = [\"h:1\"]\nproxy = \"x\""), "6:9", "toxiproxy, redrill"),
        (&lists("nodes = [\"h:1\"]\nprefix = \"\""), "6:10", "1 to 64"),
        (&lists("nodes = [\"h:1\"]\npassword_variable = \"a b\""), "6:21", "never the password"),
        (
            &there(good).replace("[environment.e", "topology = \"cluster\"\n[environment.e"),
            "4:1",
            "no cluster",
        ),
        (
            &there(good).replace("[environment.e", "maxmemory = \"64mb\"\n[environment.e"),
            "3:13",
            "leave the line out",
        ),
        (
            &format!("{}[environment.cache]\ntopology = \"standalone\"\n", there(good)),
            "3:1",
            "[environment.external.cache]",
        ),
    ]);
    let told = refusal(&gate);
    assert!(told.starts_with("my.toml: 'redrill gate' empties"), "{told}");
    let chaos = format!("{}[chaos]\nfaults = [\"kill\", \"cut\"]\n", there(good));
    let told = refusal(&chaos);
    assert!(told.contains("cannot do cut: its proxies do not know"), "{told}");
    assert!(told.contains("take it out of faults"), "{told}");
}

/// What a team can do of what comes with redrill on a Redis with Sentinels of its own, and why not
/// the rest.
#[test]
fn of_every_ready_plan_it_is_told_why_it_cannot_run_on_what_somebody_else_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("staging.toml");
    let there = "[environment]\nbackend = \"external\"\n[environment.external]\n\
                 toxiproxy = \"h:8474\"\nnodes = [\"h:1\", \"h:2\", \"h:3\"]\n\
                 sentinels = [\"h:5\", \"h:6\", \"h:7\"]\n";
    std::fs::write(&path, there).unwrap();
    let overrides = Overrides { environment: Some(path), ..Overrides::default() };
    let mut runs = 0;
    for (name, _) in PLANS {
        let Err(error) = Plan::load(name, &overrides) else {
            runs += 1;
            continue;
        };
        let told = error.to_string();
        assert!(told.contains("the backend external ") || name == &"gate", "{told}");
    }
    assert!(runs > 10, "{runs}");
    let told = Plan::load("cluster-node-loss", &overrides).unwrap_err().to_string();
    let why = "needs the topology cluster, which the backend external does not take, and main is \
               sentinel here";
    assert!(told.contains(why), "{told}");
}
