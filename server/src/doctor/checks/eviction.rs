//! Jobs, counters and sessions are never thrown away for lack of memory; cached responses are.

use super::{Check, Node, Opinion, no_config};

pub(super) struct Eviction;

impl Check for Eviction {
    fn name(&self) -> &'static str {
        "eviction"
    }

    fn examine(&self, node: &Node) -> Opinion {
        let Some(policy) = node.set("maxmemory-policy") else { return no_config() };
        let bounded = node.set("maxmemory").is_some_and(|bytes| bytes != "0");
        let evicted = node.number("evicted_keys").unwrap_or(0);
        match (node.is_store(), policy) {
            (true, "noeviction") => Opinion::well("noeviction: a full node refuses writes"),
            (true, policy) => Opinion::ill(
                format!(
                    "{policy}: jobs and sessions are thrown away when memory runs out ({evicted} \
                         keys were)"
                ),
                "CONFIG SET maxmemory-policy noeviction, and keep the cache on a node of its own",
            ),
            (false, "noeviction") if bounded => Opinion::ill(
                "noeviction: a full cache stores nothing new",
                "CONFIG SET maxmemory-policy allkeys-lru",
            ),
            (false, policy) => {
                Opinion::well(format!("{policy}; {evicted} keys gave way to others"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn state(role: &'static str, maxmemory: &str, policy: &str) -> State {
        let pairs = [("maxmemory", maxmemory), ("maxmemory-policy", policy)];
        let config = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let node = Node { roles: vec![role], config: Some(config), ..Node::default() };
        Eviction.examine(&node).state
    }

    #[test]
    fn what_is_right_for_a_cache_is_wrong_for_a_queue() {
        assert_eq!(state("main", "0", "allkeys-lru"), State::Ill);
        assert_eq!(state("sessions", "100", "volatile-ttl"), State::Ill);
        assert_eq!(state("main", "100", "noeviction"), State::Well);
        assert_eq!(state("cache", "100", "allkeys-lru"), State::Well);
        assert_eq!(state("cache", "100", "noeviction"), State::Ill);
        assert_eq!(state("cache", "0", "noeviction"), State::Well);
        assert_eq!(Eviction.examine(&Node::default()).state, State::Unknown);
    }
}
