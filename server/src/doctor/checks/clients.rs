//! There is room for more clients.

use super::{Check, Node, Opinion};

pub(super) struct Clients;

/// Percent of maxclients above which it is tight.
const TIGHT: u64 = 80;

impl Check for Clients {
    fn name(&self) -> &'static str {
        "clients"
    }

    fn examine(&self, node: &Node) -> Opinion {
        let Some(clients) = node.number("connected_clients") else {
            return Opinion::unknown("INFO does not tell", "permit INFO to this user");
        };
        let most = node.number("maxclients").or_else(|| node.set("maxclients")?.parse().ok());
        let rejected = node.number("rejected_connections").unwrap_or(0);
        let advice = "find who opens them with CLIENT LIST; raise maxclients and the limit of open \
                      files (`ulimit -n`)";
        match most {
            _ if rejected > 0 => Opinion::ill(
                format!("{rejected} clients were turned away; {clients} are connected"),
                format!("{advice}; CONFIG RESETSTAT forgets those that were turned away"),
            ),
            Some(most) if clients * 100 > most * TIGHT => {
                Opinion::ill(format!("{clients} of {most} clients are connected"), advice)
            }
            Some(most) => Opinion::well(format!("{clients} of {most} clients are connected")),
            None => Opinion::well(format!("{clients} clients are connected")),
        }
    }
}
