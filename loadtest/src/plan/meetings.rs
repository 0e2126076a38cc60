//! Which faults may meet, and which the plan is refused for.

use super::{Overrides, PLANS, Plan};

/// A fault of that kind on that target, from one second to another; none where it is over at once.
fn fault(kind: &str, target: &str, from_s: u32, to_s: Option<u32>) -> String {
    let lasts = to_s.map(|to| format!("for = \"{}s\"\n", to - from_s)).unwrap_or_default();
    let with = if kind == "latency" { "with.latency = \"50ms\"\n" } else { "" };
    let target = format!("target = [\"{target}\"]\n");
    format!("[[fault]]\nkind = \"{kind}\"\nat = \"{from_s}s\"\n{lasts}{target}{with}")
}

fn told(text: &str) -> Option<String> {
    let read = Plan::parse("my.toml", text, &Overrides::default());
    read.err().map(|error| error.to_string())
}

#[test]
fn two_faults_that_set_the_same_of_a_node_keep_apart() {
    for (kind, other) in [
        ("memory-squeeze", "memory-squeeze"),
        ("connection-exhaustion", "connection-exhaustion"),
        ("persistence-failing", "persistence-failing"),
        ("client-pause", "client-pause"),
        ("client-pause", "block"),
    ] {
        for (one, another) in [
            ("main.master", "main.master"),
            ("main.master", "node[1]"),
            ("node[1]", "node[1]"),
            ("main.master", "cache.master"),
        ] {
            let first = fault(kind, one, 3, Some(8));
            for (at, is_refused) in [(5, true), (8, false)] {
                let text = format!("{first}{}", fault(other, another, at, Some(at + 3)));
                let told = told(&text);
                assert_eq!(told.is_some(), is_refused, "{text}{told:?}");
                let message = told.unwrap_or_default();
                let stands = !is_refused || message.starts_with("my.toml:8:6: ");
                assert!(stands && (!is_refused || message.contains("3s to 8s")), "{message}");
            }
        }
        let apart = fault(kind, "node[1]", 3, Some(8)) + &fault(other, "node[2]", 5, Some(7));
        assert_eq!(told(&apart), None);
    }
}

#[test]
fn nothing_is_done_to_a_process_that_is_surely_away() {
    for (first, on, second, to, at_s, word) in [
        ("pause", "node[0]", "pause", "node[0]", 5, "answers nobody"),
        ("kill", "node[0]", "pause", "node[0]", 5, "does not run"),
        ("kill", "server[0]", "kill", "servers", 5, "does not run"),
        ("kill", "servers", "restart", "server[1]", 5, "does not run"),
        ("stop", "sentinels", "latency", "sentinel[2]", 5, "does not run"),
        ("kill", "node[1]", "script-flush", "node[1]", 5, "does not run"),
        ("kill", "main", "memory-squeeze", "main.master", 5, "does not run"),
        ("down", "node[1]", "down", "node[1]", 5, "reached by nobody"),
        ("down", "node[1]", "latency", "node[1]", 5, "reached by nobody"),
        ("flap", "node[1]", "kill", "node[1]", 5, "comes and goes"),
        // No Sentinel has missed the master yet.
        ("pause", "main.master", "pause", "main.master", 3, "answers nobody"),
        // Another may be master by then, or may not be.
        ("pause", "main.master", "pause", "main.master", 6, ""),
        ("pause", "node[0]", "pause", "main.master", 5, ""),
        ("pause", "node[0]", "pause", "node[1]", 5, ""),
        ("pause", "node[0]", "kill", "node[0]", 5, ""),
        ("kill", "node[0]", "pause", "node[0]", 8, ""),
        ("kill", "node[0]", "down", "node[0]", 5, ""),
        ("flap", "node[1]", "latency", "node[1]", 5, ""),
        ("latency", "node[1]", "kill", "node[1]", 5, ""),
    ] {
        let heals = crate::faults::find(second).unwrap().heals().is_some();
        let after = fault(second, to, at_s, heals.then_some(at_s + 2));
        let text = fault(first, on, 3, Some(8)) + &after;
        match (told(&text), word) {
            (told, "") => assert_eq!(told, None, "{text}"),
            (told, word) => assert!(told.unwrap_or_default().contains(word), "{text}"),
        }
        // The order in which they are written is all the same.
        let turned = after + &fault(first, on, 3, Some(8));
        assert_eq!(told(&turned).is_some(), !word.is_empty(), "{turned}");
    }
    let alone = "[environment]\ntopology = \"standalone\"\n";
    let pause = fault("pause", "main.master", 3, Some(8));
    let again = fault("pause", "node[0]", 6, Some(7));
    assert!(told(&format!("{alone}{pause}{again}")).is_some());
}

#[test]
fn what_only_a_master_can_suffer_is_not_done_to_replicas() {
    for kind in ["memory-squeeze", "persistence-failing", "mass-expiry", "flushall", "full-resync"]
    {
        let heals = crate::faults::find(kind).unwrap().heals().is_some();
        let on = |target: &str| fault(kind, target, 3, heals.then_some(8));
        for target in ["replicas", "main.replica[0]", "main"] {
            let told = told(&on(target)).unwrap();
            assert!(told.contains("main.master"), "{told}");
        }
        assert_eq!(told(&on("main.master")), None);
        let alone = format!("[environment]\ntopology = \"standalone\"\n{}", on("main.master"));
        assert_eq!(told(&alone).is_some(), kind == "full-resync", "{alone}");
    }
    let restart = fault("restart", "main.master", 3, None) + "otherwise = \"failover\"\n";
    assert_eq!(told(&restart), None);
    let alone = format!("[environment]\ntopology = \"standalone\"\n{restart}");
    assert!(told(&alone).unwrap().contains("cannot take the place of restart"));
    let squeeze = fault("memory-squeeze", "main.master", 3, Some(8));
    let told = told(&format!("{squeeze}with.policy = \"lru\"\n")).unwrap();
    assert!(told.contains("my.toml:6:6: ") && told.contains("allkeys-lru"), "{told}");
}

#[test]
fn chaos_draws_nothing_that_the_environment_cannot_have() {
    let chaos = |kind: &str| {
        format!("[environment]\ntopology = \"standalone\"\n[chaos]\nfaults = [\"{kind}\"]\n")
    };
    for kind in ["failover", "full-resync", "replica-lag"] {
        let told = told(&chaos(kind)).unwrap();
        assert!(told.contains(&format!("target for {kind}")), "{told}");
    }
    assert_eq!(told(&chaos("memory-squeeze")), None);
    for (name, text) in PLANS {
        assert_eq!(told(text), None, "{name}");
    }
}

#[test]
fn a_fault_that_could_not_be_told_from_none_is_refused() {
    let on = |kind: &str, with: &str| {
        format!("{}with = {{ {with} }}\n", fault(kind, "main.master", 3, Some(8)))
    };
    for (kind, with, word) in [
        ("slow-commands", "delay = \"1us\"", "at least 1ms"),
        ("slow-commands", "delay = 5", "like \"250ms\""),
        ("slow_close", "delay = \"10us\"", "at least 1ms"),
        ("slicer", "delay = \"0s\"", "at least 1ms"),
        ("reset_peer", "timeout = \"1us\"", "at least 1ms"),
        ("error-replies", "error = \"\"", "must say something"),
        ("error-replies", "error = \"- \"", "must say something"),
    ] {
        let told = told(&on(kind, with)).unwrap();
        assert!(told.starts_with("my.toml:6:10: ") && told.contains(word), "{told}");
    }
    assert_eq!(told(&on("reset_peer", "timeout = \"0s\"")), None);
}

#[test]
fn what_needs_a_node_to_answer_or_to_take_a_client_waits_until_it_does() {
    let alone = "[environment]\ntopology = \"standalone\"\n";
    for (first, with, second, word) in [
        ("connection-exhaustion", "", "client-kill", "takes no more clients"),
        ("connection-exhaustion", "", "memory-squeeze", "takes no more clients"),
        ("connection-exhaustion", "", "lost-commands", "takes no more clients"),
        ("connection-exhaustion", "with.room = 20\n", "client-kill", ""),
        ("connection-exhaustion", "", "latency", ""),
        ("connection-exhaustion", "", "kill", ""),
        ("client-pause", "", "memory-squeeze", "answers nobody"),
        ("client-pause", "", "script-flush", "answers nobody"),
        ("client-pause", "", "latency", "answers nobody"),
        ("client-pause", "", "kill", ""),
        ("client-pause", "with.mode = \"write\"\n", "memory-squeeze", "lets writes wait"),
        ("client-pause", "with.mode = \"write\"\n", "script-flush", ""),
        ("block", "", "script-flush", "answers nobody"),
    ] {
        let heals = crate::faults::find(second).unwrap().heals().is_some();
        let second = fault(second, "main.master", 5, heals.then_some(7));
        let text = format!("{}{with}{second}", fault(first, "main.master", 3, Some(8)));
        let said = told(&format!("{alone}{text}"));
        assert!(said.is_some() != word.is_empty(), "{text}{said:?}");
        assert!(said.unwrap_or_default().contains(word), "{text}");
        // With Sentinels, who paused a master for so long has another by then; who filled it, not.
        let is_full = word.contains("clients");
        assert_eq!(told(&text).is_some(), is_full, "{text}");
        let moved = format!("{text}{}", fault("failover", "main.master", 4, None));
        assert_eq!(told(&moved), None, "{moved}");
    }
}
