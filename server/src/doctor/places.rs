//! Which nodes there are: by the settings, by Sentinels, and by the nodes of a cluster.

use redis::Value;

use super::{Diagnosis, Opinion};
use crate::redis::{Address, Dialer, Login, bare};
use crate::settings::{RolePlace, RoleSettings, Settings};

/// A node with the roles that live on it.
pub(super) struct Place {
    pub(super) address: Address,
    pub(super) login: Login,
    pub(super) dialer: Dialer,
    pub(super) roles: Vec<&'static str>,
    /// The databases of these roles.
    pub(super) databases: Vec<i64>,
}

/// Every node once, and what those who name nodes say of themselves.
pub(super) async fn find(settings: &Settings) -> (Vec<Place>, Vec<Diagnosis>) {
    let redis = &settings.redis;
    let mut places: Vec<Place> = Vec::new();
    let mut said = Vec::new();
    let roles = [("main", &redis.main), ("cache", &redis.cache), ("sessions", &redis.sessions)];
    for (role, there) in roles {
        for address in addresses(settings, role, there, &mut said).await {
            let database = there.login.database;
            match places.iter_mut().find(|place| place.address == address) {
                Some(place) => {
                    place.roles.push(role);
                    if !place.databases.contains(&database) {
                        place.databases.push(database);
                    }
                }
                None => places.push(Place {
                    address,
                    login: there.login.clone(),
                    dialer: redis.dialer(there),
                    roles: vec![role],
                    databases: vec![database],
                }),
            }
        }
    }
    (places, said)
}

async fn addresses(
    settings: &Settings,
    role: &'static str,
    there: &RoleSettings,
    said: &mut Vec<Diagnosis>,
) -> Vec<Address> {
    match &there.place {
        RolePlace::Node(address) => vec![address.clone()],
        RolePlace::Sentinels { addresses, master } => {
            let mut named = Vec::new();
            for sentinel in addresses {
                let (dialer, login) = (&settings.redis.sentinel_dialer, &there.sentinel_login);
                let opinion = match ask_sentinel(dialer, sentinel, login, master).await {
                    Ok((address, quorum)) => {
                        if !named.contains(&address) {
                            named.push(address.clone());
                        }
                        judge_sentinel(&address, quorum)
                    }
                    Err(why) => Opinion::ill(
                        format!("it cannot be asked for {master}: {why}"),
                        "start it, or correct REDIS_SENTINELS and REDIS_SENTINEL_MASTER",
                    ),
                };
                said.push(opinion.of("sentinel", &[role], &sentinel.to_string()));
            }
            named
        }
        RolePlace::Cluster(seeds) => {
            let dialer = settings.redis.dialer(there);
            for seed in seeds {
                match ask_cluster(&dialer, seed, &there.login).await {
                    Ok((masters, state)) => {
                        said.push(judge_cluster(&masters, &state).of(
                            "cluster",
                            &[role],
                            &seed.to_string(),
                        ));
                        return masters;
                    }
                    Err(why) => {
                        let advice = "start it, or correct REDIS_CLUSTER_NODES";
                        let opinion = Opinion::ill(format!("it cannot be asked: {why}"), advice);
                        said.push(opinion.of("cluster", &[role], &seed.to_string()));
                    }
                }
            }
            Vec::new()
        }
    }
}

fn judge_sentinel(master: &Address, quorum: Result<String, String>) -> Opinion {
    match quorum {
        Ok(_) => Opinion::well(format!("it names {master}, and its peers can promote another")),
        Err(why) => Opinion::ill(
            format!("nobody would be promoted: {why}"),
            "start the Sentinels that are missing, at least three on three machines",
        ),
    }
}

fn judge_cluster(masters: &[Address], state: &str) -> Opinion {
    match (masters.len(), state) {
        (0, "ok") => Opinion::unknown(
            "it says that it is well, and names no master: nothing was examined",
            "compare `redis-cli cluster slots` with `redis-cli cluster info`",
        ),
        (count, "ok") => Opinion::well(format!("all slots are served, by {count} masters")),
        (_, state) => Opinion::ill(
            format!("the cluster's state is {state}"),
            "run `redis-cli --cluster check` and bring back the masters whose slots are missing",
        ),
    }
}

/// The master that a Sentinel names, and what `CKQUORUM` says.
async fn ask_sentinel(
    dialer: &Dialer,
    sentinel: &Address,
    login: &Login,
    master: &str,
) -> Result<(Address, Result<String, String>), String> {
    let asking = async {
        let (mut connection, _driver) = bare(dialer, sentinel, login).await?;
        let mut named = redis::cmd("SENTINEL");
        named.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
        let named: Option<(String, u16)> = named.query_async(&mut connection).await?;
        let mut quorum = redis::cmd("SENTINEL");
        quorum.arg("CKQUORUM").arg(master);
        let quorum: Result<String, _> = quorum.query_async(&mut connection).await;
        Ok::<_, redis::RedisError>((named, quorum.map_err(|error| error.to_string())))
    };
    let asked = tokio::time::timeout(dialer.timeout, asking).await;
    let (named, quorum) =
        asked.map_err(|_| "it is silent".to_owned())?.map_err(|error| error.to_string())?;
    let (host, port) = named.ok_or("it does not know this name")?;
    Ok((Address { host, port }, quorum))
}

/// The masters with slots and `cluster_state`.
async fn ask_cluster(
    dialer: &Dialer,
    seed: &Address,
    login: &Login,
) -> Result<(Vec<Address>, String), String> {
    let asking = async {
        let (mut connection, _driver) = bare(dialer, seed, login).await?;
        let mut pipeline = redis::pipe();
        pipeline.cmd("CLUSTER").arg("INFO").cmd("CLUSTER").arg("SLOTS");
        pipeline.query_async::<(String, Value)>(&mut connection).await
    };
    let asked = tokio::time::timeout(dialer.timeout, asking).await;
    let (info, slots) =
        asked.map_err(|_| "it is silent".to_owned())?.map_err(|error| error.to_string())?;
    let masters = masters(slots, seed).ok_or("its answer to CLUSTER SLOTS makes no sense")?;
    let state = crate::metrics::field_of(&info, "cluster_state").unwrap_or("unknown");
    Ok((masters, state.to_owned()))
}

/// The masters in an answer to `CLUSTER SLOTS` that came from `asked`. A node whose own endpoint is
/// not to be told, or not known, has NULL, nothing or `?` for a host: it is where it was asked
/// (redis.io, `CLUSTER SLOTS`, "preferred endpoint").
fn masters(slots: Value, asked: &Address) -> Option<Vec<Address>> {
    let Value::Array(ranges) = slots else { return None };
    let mut masters = Vec::new();
    for range in ranges {
        let Value::Array(parts) = range else { return None };
        let Value::Array(master) = parts.into_iter().nth(2)? else { return None };
        let (host, port) = (master.first()?.clone(), master.get(1)?.clone());
        let host = redis::from_redis_value::<Option<String>>(host).ok()?;
        let host = host.filter(|host| !["", "?"].contains(&host.as_str()));
        let host = host.unwrap_or_else(|| asked.host.clone());
        let address = Address { host, port: redis::from_redis_value(port).ok()? };
        if !masters.contains(&address) {
            masters.push(address);
        }
    }
    Some(masters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_of_which_nothing_was_examined_does_not_pass() {
        assert_eq!(judge_cluster(&[], "ok").state, super::super::State::Unknown);
        assert_eq!(judge_cluster(&[], "fail").state, super::super::State::Ill);
    }

    #[test]
    fn an_answer_without_sense_is_not_one_without_masters() {
        let asked = Address { host: "a".to_owned(), port: 1 };
        let ranges = |node: Vec<Value>| {
            let bounds = [Value::Int(0), Value::Int(16_383), Value::Array(node)];
            masters(Value::Array(vec![Value::Array(bounds.to_vec())]), &asked)
        };
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        for host in [Value::Nil, text(""), text("?")] {
            let at_port_2 = Address { port: 2, ..asked.clone() };
            assert_eq!(ranges(vec![host, Value::Int(2)]), Some(vec![at_port_2]));
        }
        assert_eq!(ranges(vec![text("b")]), None);
        assert_eq!(masters(Value::Nil, &asked), None);
    }
}
