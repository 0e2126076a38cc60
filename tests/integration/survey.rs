//! What is told of an environment that somebody else runs and that cannot be used: every cause, and
//! nothing that follows from one that is told.

use crate::byhand::{ByHand, VARIABLE};
use crate::environment::tell;
use crate::faults::{HARNESS, SECOND};
use redrill::environment::backend;
use redrill::plan::{Overrides, Plan};
use redrill_toxiproxy::client::{NewProxy, NewToxic};

/// The lines of a refusal of the environment that is written so; none where it can be used.
async fn complaints(written: &str) -> Vec<String> {
    let plan = Plan::parse("test.toml", written, &Overrides::default()).unwrap();
    let found = backend("external").unwrap().find(&plan.resolved.environment).await;
    let told = found.err().map(|error| format!("{error:#}")).unwrap_or_default();
    told.lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

/// One complaint for each beginning, in this order.
async fn are_told(written: &str, beginnings: &[&str]) {
    let told = complaints(written).await;
    let is_so = told.len() == beginnings.len()
        && told.iter().zip(beginnings).all(|(line, beginning)| line.starts_with(beginning));
    assert!(is_so, "expected {beginnings:#?}, and told is {told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cause_is_told_and_nothing_that_follows_from_it() {
    let there = ByHand::start(false).await;
    let written = there.environment();
    are_told(&written, &[]).await;

    // Proxies, one of which is the master's: the Sentinels send clients there, and nobody answers.
    there.client.add_toxic("redis 1", &NewToxic::new("latency")).await.unwrap();

    there.client.set_enabled("redis 0", false).await.unwrap();
    let causes = ["node[0]: its proxy redis 0 is disabled", "node[1]: its proxy redis 1 has the"];
    are_told(&written, &causes).await;
    there.client.reset().await.unwrap();

    // What a node without a proxy announces cannot be right.
    for (name, cause) in [("redis 1", "node[1]: "), ("watcher 2", "sentinel[2]: ")] {
        let proxy = there.client.proxy(name).await.unwrap();
        there.client.delete(name).await.unwrap();
        let told = complaints(&written).await;
        assert!(told.len() == 1 && told[0].starts_with(cause), "{told:#?}");
        assert!(told[0].contains("has no proxy"), "{told:#?}");
        let again = NewProxy::new(proxy.name, &proxy.listen, &proxy.upstream);
        there.client.create(&again).await.unwrap();
    }

    // A user who may touch the run's keys alone, and not what shows that it is there.
    there.ask(there.nodes[0], "ACL SETUSER default resetkeys ~redrill:*").await;
    let told = complaints(&written).await;
    let [line] = &told[..] else { panic!("{told:#?}") };
    assert!(line.contains("the user default may not touch 'claimed-by-a-run"), "{line}");
    there.ask(there.nodes[0], "ACL SETUSER default allkeys").await;

    // A node that announces itself, beside what has nothing to do with it.
    let port = there.nodes[2].port();
    there.ask(there.nodes[2], &format!("CONFIG SET replica-announce-port {port}")).await;
    for sentinel in &there.sentinels[..2] {
        tell(HARNESS, *sentinel, "SENTINEL SET mymaster quorum 3", SECOND).await.unwrap();
    }
    let announced = format!("node[2]: announces 127.0.0.1:{port}, and not its proxy's address");
    let causes = [announced.as_str(), "sentinel[0] and sentinel[1]: quorum is 3 there"];
    are_told(&written, &causes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_meant_and_how_many_there_are_is_told_plainly() {
    let there = ByHand::start(true).await;
    let written = there.environment();
    let unset = format!("environment.external.password_variable: the variable {VARIABLE}, which");
    assert!(std::env::var_os(VARIABLE).is_none(), "a test must not set it");
    are_told(&written, &[&unset]).await;

    let without = written.replace(&format!("password_variable = \"{VARIABLE}\"\n"), "");
    let told = complaints(&without).await;
    assert!(told.len() == 1 && told[0].contains("node[1] and node[2]: it asks for"), "{told:#?}");
    assert!(told[0].contains("password_variable = \"NAME\", in [environment.ext"), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_what_they_are_listed_as_are_told() {
    let there = ByHand::start(false).await;
    let written = there.environment();
    let listed =
        |from: usize, to: String| written.replace(&format!("\"{}\"", there.nodes[from]), &to);
    let port = there.nodes[0].port();
    // By another name, so that the plan cannot see it.
    let twice = listed(1, format!("\"localhost:{port}\""));
    let told = complaints(&twice).await;
    let same = |line: &String| line.starts_with("node[1]: ") && line.contains("is node[0] by");
    assert!(told.iter().any(same), "{told:#?}");

    let sentinel = there.sentinels[0];
    let swapped = listed(2, "\"there\"".to_owned());
    let swapped = swapped.replace(&format!("\"{sentinel}\""), &format!("\"{}\"", there.nodes[2]));
    let swapped = swapped.replace("\"there\"", &format!("\"{sentinel}\""));
    let told = complaints(&swapped).await;
    assert!(told.iter().any(|line| line.contains("list it under sentinels")), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("list it under nodes")), "{told:#?}");

    // A replica that nobody listed: who counts how many is said.
    let fewer = written.replace(&format!(", \"{}\"", there.nodes[2]), "");
    let told = complaints(&fewer).await;
    let [line] = &told[..] else { panic!("{told:#?}") };
    assert!(line.starts_with("sentinel[0], sentinel[1] and sentinel[2]: knows 2 repl"), "{line}");
    assert!(line.contains("[environment.external] lists 1 replica beside the master"), "{line}");
}
