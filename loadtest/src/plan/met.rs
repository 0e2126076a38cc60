//! Whether anything in the load meets a fault: what nobody uses fails unseen, and the run passes.

use crate::environment::Target;
use redrill_history::{EnvironmentPlan, LoadPlan, PlannedFault};
use redrill_scenarios::capability::{CAPABILITIES, Capability};

/// Why nothing in the load can meet a fault; none where something does.
pub(super) fn unmet(
    planned: &PlannedFault,
    load: &LoadPlan,
    environment: &EnvironmentPlan,
) -> Option<String> {
    let hit = planned.target.iter().chain(&planned.from);
    let users: Vec<&dyn Capability> =
        hit.filter_map(|name| users(name, environment)).flatten().collect();
    let is_loaded = |user: &&dyn Capability| load.capabilities.contains_key(&user.kind());
    // Where it hits but the service itself, everything meets it.
    if users.is_empty() || users.iter().any(is_loaded) {
        return None;
    }
    let targets = planned.target.join(", ");
    let mut names: Vec<&str> = users.iter().map(|user| user.name()).collect();
    names.sort_unstable();
    names.dedup();
    let names = names.join(" or ");
    Some(format!(
        "nothing in the load meets {} of {targets}, which the service needs for {names} alone; put \
         that under load, or take the fault out",
        planned.kind
    ))
}

/// The capabilities for which the service needs what has that name; none where it is the service.
fn users(name: &str, environment: &EnvironmentPlan) -> Option<Vec<&'static dyn Capability>> {
    let target = Target::read(name)?;
    let all = CAPABILITIES.iter().copied();
    match target {
        Target::Server(_) | Target::Servers => None,
        Target::Model | Target::Mail => {
            Some(all.filter(|user| user.calls().contains(&name)).collect())
        }
        Target::Redis(role, _) => {
            let (hit, _) = environment.home(role);
            Some(all.filter(|user| environment.home(user.lives_in()).0 == hit).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{Overrides, Plan};

    /// A cache and sessions that live apart.
    const APART: &str = "[environment.cache]\ntopology = \"standalone\"\n\
                         [environment.sessions]\ntopology = \"standalone\"\n";

    fn under(capability: &str) -> String {
        format!("{APART}[load.capabilities]\n{capability} = {{}}\n")
    }

    #[test]
    fn a_fault_that_nothing_in_the_load_meets_is_refused_where_it_stands() {
        for (capability, kind, target, needed_for) in [
            ("sessions", "api-failing", "model\", \"mail", "cache or queue"),
            ("cache", "api-failing", "mail", "for queue alone"),
            ("sessions", "kill", "cache", "for cache alone"),
            ("sessions", "down", "cache.master", "for cache alone"),
            ("sessions", "kill", "main.master", "limiter or queue"),
            ("cache", "kill", "sessions", "presence or sessions"),
            ("limiter", "kill", "sentinels", ""),
            ("queue", "api-failing", "mail", ""),
            ("cache", "api-failing", "mail\", \"model", ""),
            ("presence", "kill", "sessions", ""),
            ("presence", "kill", "servers", ""),
        ] {
            let text = format!(
                "{}[[fault]]\nkind = \"{kind}\"\nat = \"5s\"\nfor = \"3s\"\n\
                 target = [\"{target}\"]\n",
                under(capability)
            );
            let told = Plan::parse("my.toml", &text, &Overrides::default());
            let told = told.err().map(|error| error.to_string()).unwrap_or_default();
            let place =
                if needed_for.is_empty() { "" } else { "my.toml:11:10: nothing in the load" };
            assert!(told.starts_with(place), "{text}{told}");
            assert!(
                told.contains(needed_for) && told.is_empty() == needed_for.is_empty(),
                "{told}"
            );
        }
    }

    #[test]
    fn chaos_draws_nothing_that_nothing_in_the_load_meets() {
        let drawn = |seed| {
            let text = format!("{}[load]\nduration = \"5m\"\n[chaos]\n", under("sessions"));
            let overrides = Overrides { seed: Some(seed), ..Overrides::default() };
            Plan::parse("my.toml", &text, &overrides).unwrap().resolved.faults
        };
        let faults: Vec<_> = (0..20).flat_map(drawn).collect();
        assert!(faults.len() > 100, "{}", faults.len());
        for fault in faults {
            let names = || fault.target.iter().chain(&fault.from);
            let is_met = |name: &String| name.starts_with("sessions");
            let is_service = |name: &String| name.starts_with("server");
            assert!(names().any(is_met) || names().all(is_service), "{fault:?}");
        }
    }
}
