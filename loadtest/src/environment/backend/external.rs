//! External: nodes, Sentinels and proxies that somebody else runs, and that are left as they were.

use super::{Backend, Need, Supply};
use crate::environment::survey::survey;
use anyhow::Result;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_history::{EnvironmentPlan, PlannedFault, Role};

pub(super) struct External;

impl Backend for External {
    fn name(&self) -> &'static str {
        "external"
    }

    fn doc(&self) -> &'static str {
        "nodes and Sentinels that somebody else runs behind a Toxiproxy; what is done to them can \
         be undone, and is"
    }

    fn lacks(&self, need: Need, planned: &PlannedFault, plan: &EnvironmentPlan) -> Option<String> {
        let proxy = plan.external.as_ref().map(|external| external.proxy.as_str());
        let reason = match need {
            Need::Processes => {
                "redrill does not end or stop what it did not start; down is a node that nobody \
                 reaches, timeout one that answers nobody"
            }
            Need::Sources => {
                "its proxies do not know by a source address who connects; down, timeout and \
                 latency without from act on everybody"
            }
            Need::OwnProxy if proxy == Some("redrill") => return None,
            Need::OwnProxy => {
                "Shopify's Toxiproxy has no such toxic, nor one in both directions; start 'redrill \
                 toxiproxy' in its place and write proxy = \"redrill\" in [environment.external], \
                 or use latency, timeout or reset_peer in one direction"
            }
            Need::Debug => {
                "nodes do not take DEBUG unless they were started for it; client-pause lets all \
                 clients wait, too"
            }
            Need::Files => "the files of its nodes are not here; memory-squeeze has writes refused",
            Need::Data => "what it deletes nobody could give back",
            Need::Alone if !is_shared(plan) => return None,
            Need::Alone => {
                "a Redis of which only keys with a prefix are the run's is used by others, whose \
                 connections and scripts would be hit, too"
            }
            Need::Eviction if !evicts(planned, plan) => return None,
            Need::Eviction => {
                "what is evicted nobody could give back; with policy = \"noeviction\" writes are \
                 refused instead"
            }
        };
        Some(reason.to_owned())
    }

    fn find<'a>(&self, plan: &'a EnvironmentPlan) -> BoxFuture<'a, Result<Supply>> {
        async move { Ok(Supply::Adopted(Box::new(survey(plan).await?))) }.boxed()
    }
}

/// Whether others may use the Redis: then the plan says what the run's own keys begin with.
fn is_shared(plan: &EnvironmentPlan) -> bool {
    plan.external.as_ref().is_none_or(|external| external.prefix.is_some())
}

/// Whether a squeeze would evict keys of others: where they may be, and something is evicted.
fn evicts(planned: &PlannedFault, plan: &EnvironmentPlan) -> bool {
    let evicting = |policy: &str| policy != "noeviction";
    let policy = planned.with.get("policy").and_then(toml::Value::as_str);
    let policy = policy.filter(|policy| !policy.is_empty());
    let its_own = |target: &String| {
        let role = Role::from_name(target.split('.').next().unwrap_or(target));
        evicting(&plan.home(role.unwrap_or(Role::Main)).1.maxmemory_policy)
    };
    is_shared(plan) && policy.map_or_else(|| planned.target.iter().any(its_own), evicting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Plan};

    /// The plan of a fault on a Redis that others use, too.
    fn plan(fault: &str, external: &str) -> Result<Plan> {
        parsed(&text(fault, external))
    }

    fn parsed(text: &str) -> Result<Plan> {
        Plan::parse("my.toml", text, &Overrides::default())
    }

    fn text(fault: &str, external: &str) -> String {
        format!(
            "[environment]\nbackend = \"external\"\n[environment.external]\n\
             toxiproxy = \"127.0.0.1:8474\"\nprefix = \"drill:\"\n{external}\n\
             nodes = [\"127.0.0.1:7001\", \"127.0.0.1:7002\"]\n\
             sentinels = [\"127.0.0.1:7101\", \"127.0.0.1:7102\", \"127.0.0.1:7103\"]\n\
             [[fault]]\n{fault}\nat = \"1s\"\n"
        )
    }

    #[test]
    fn what_cannot_be_undone_is_refused_with_the_line_and_a_way_out() {
        let master = "for = \"5s\"\ntarget = [\"main.master\"]";
        for (fault, way_out) in [
            (format!("kind = \"kill\"\n{master}"), "down"),
            (format!("kind = \"flap\"\n{master}"), "timeout"),
            (format!("kind = \"cut\"\n{master}\nfrom = [\"replicas\"]"), "latency without from"),
            (format!("kind = \"down\"\n{master}\n").replace("down", "lost-replies"), "toxiproxy'"),
            (format!("kind = \"timeout\"\n{master}\nwith.stream = \"both\""), "one direction"),
            (format!("kind = \"block\"\n{master}"), "client-pause"),
            (format!("kind = \"persistence-failing\"\n{master}"), "memory-squeeze"),
            (format!("kind = \"memory-squeeze\"\n{master}\nwith.policy = \"allkeys-lru\""), "noev"),
            ("kind = \"script-flush\"\ntarget = [\"main.master\"]".to_owned(), "used by others"),
            ("kind = \"client-kill\"\ntarget = [\"main.master\"]".to_owned(), "used by others"),
            (
                "kind = \"flushall\"\ntarget = [\"main.master\"]".to_owned(),
                "nobody could give back",
            ),
        ] {
            let told = plan(&fault, "").unwrap_err().to_string();
            assert!(told.starts_with("my.toml:10:8: the backend external cannot do "), "{told}");
            assert!(told.contains(way_out) && told.contains("otherwise"), "{told}");
            // Down lasts, and is down for everybody.
            let fits = fault.contains("for =") && !fault.contains("from =");
            assert_eq!(told.contains("otherwise = \"down\""), fits, "{told}");
        }
    }

    #[test]
    fn what_can_be_undone_is_not() {
        let master = "for = \"5s\"\ntarget = [\"main.master\"]";
        for (fault, external) in [
            (format!("kind = \"down\"\n{master}"), ""),
            (format!("kind = \"timeout\"\n{master}"), ""),
            (format!("kind = \"memory-squeeze\"\n{master}"), ""),
            (format!("kind = \"lost-replies\"\n{master}"), "proxy = \"redrill\""),
            ("kind = \"kill\"\nfor = \"2s\"\ntarget = [\"server[0]\"]".to_owned(), ""),
            ("kind = \"failover\"\ntarget = [\"main.master\"]".to_owned(), ""),
        ] {
            let planned = plan(&fault, external).unwrap().resolved.faults.remove(0);
            assert_eq!((planned.instead_of, planned.otherwise), (None, None));
        }
        for kind in ["script-flush", "client-kill"] {
            let fault = format!("kind = \"{kind}\"\ntarget = [\"main.master\"]");
            let alone = text(&fault, "").replace("prefix = \"drill:\"\n", "");
            assert!(parsed(&alone).is_ok(), "nobody else uses it: {alone}");
        }
    }

    #[test]
    fn a_substitute_is_done_and_written_down() {
        let fault = "kind = \"kill\"\nfor = \"5s\"\ntarget = [\"main.master\"]\notherwise = ";
        let plan_of = |other: &str| plan(&format!("{fault}\"{other}\""), "");
        let resolved = plan_of("down").unwrap().resolved;
        let planned = &resolved.faults[0];
        assert_eq!(planned.kind, "down");
        assert_eq!(planned.instead_of.as_deref(), Some("kill"));
        let again = resolved.to_toml().unwrap();
        let again = Plan::parse("again", &again, &Overrides::default()).unwrap().resolved;
        assert_eq!(again, resolved);
        let told = plan_of("pause").unwrap_err().to_string();
        assert!(told.starts_with("my.toml:13:13: the backend external cannot do pause"), "{told}");
    }
}
