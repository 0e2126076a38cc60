//! The node answers, and is not still reading its data.

use super::{Check, Node, Opinion};

pub(super) struct Connectivity;

impl Check for Connectivity {
    fn name(&self) -> &'static str {
        "connectivity"
    }

    fn examine(&self, node: &Node) -> Opinion {
        if node.text("loading") == "1" {
            let left = node.text("loading_eta_seconds");
            let found = format!("it is loading its data, for {left} s more");
            return Opinion::ill(found, "wait; if that is too long, keep less data on one node");
        }
        // A Valkey says its own version beside that of the Redis whose commands it knows.
        let (product, version) = match node.text("valkey_version") {
            "" => ("Redis", node.text("redis_version")),
            version => ("Valkey", version),
        };
        let days = node.number("uptime_in_days").unwrap_or(0);
        Opinion::well(format!("{product} {version} answers, up for {days} days"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valkey_is_told_from_the_redis_whose_commands_it_knows() {
        let found = |info: &str| {
            Connectivity.examine(&Node { info: info.to_owned(), ..Node::default() }).found
        };
        let redis = "redis_version:7.2.4\r\nuptime_in_days:3\r\n";
        assert_eq!(found(redis), "Redis 7.2.4 answers, up for 3 days");
        let valkey = format!("{redis}server_name:valkey\r\nvalkey_version:8.0.1\r\n");
        assert_eq!(found(&valkey), "Valkey 8.0.1 answers, up for 3 days");
    }
}
