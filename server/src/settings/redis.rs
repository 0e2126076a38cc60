//! Where each role's Redis is, and how it is spoken to.

use std::time::Duration;

use super::Args;
use super::encryption::Encryption;
use super::read::Reader;
use crate::redis::{Address, Dialer, Login, Tls};

#[derive(Debug, Clone)]
pub(crate) struct RedisSettings {
    pub(crate) main: RoleSettings,
    pub(crate) cache: RoleSettings,
    pub(crate) sessions: RoleSettings,
    /// Before every key and channel of all roles.
    pub(crate) prefix: String,
    /// How to connect to Sentinels.
    pub(crate) sentinel_dialer: Dialer,
    dialer: Dialer,
    pub(crate) command_timeout: Duration,
    pub(crate) longest_pause: Duration,
    /// How often a command is sent again after its answer was lost.
    pub(crate) most_retries: u32,
    /// Whether failovers are met as redis-rs does by itself.
    pub(crate) naive: bool,
}

/// Where one role's Redis is.
#[derive(Debug, Clone)]
pub(crate) struct RoleSettings {
    pub(crate) place: RolePlace,
    pub(crate) login: Login,
    /// How to log in to its Sentinels.
    pub(crate) sentinel_login: Login,
    tls: Option<Tls>,
}

impl RedisSettings {
    /// How to connect to a role's nodes.
    pub(crate) fn dialer(&self, role: &RoleSettings) -> Dialer {
        Dialer { tls: role.tls.clone(), ..self.dialer.clone() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum RolePlace {
    Node(Address),
    Sentinels {
        addresses: Vec<Address>,
        /// The name by which they know it.
        master: String,
    },
    /// Some of the nodes; they know the others.
    Cluster(Vec<Address>),
}

/// What is given for one role, as text.
struct Given<'a> {
    /// What its variables begin with.
    name: &'static str,
    host: Option<&'a str>,
    port: &'a str,
    username: Option<&'a String>,
    password: Option<&'a String>,
    database: &'a str,
    sentinels: Option<&'a str>,
    sentinel_password: Option<&'a String>,
    master: Option<&'a str>,
    cluster: Option<&'a str>,
    tls: Option<&'a str>,
}

pub(super) fn read(read: &mut Reader, args: &Args) -> RedisSettings {
    let tls = Encryption::read(read, args);
    let main = main(read, args, &tls);
    let cache = Given {
        name: "REDIS_CACHE",
        host: args.redis_cache_host.as_deref(),
        port: &args.redis_cache_port,
        username: args.redis_cache_username.as_ref(),
        password: args.redis_cache_password.as_ref(),
        database: &args.redis_cache_db,
        sentinels: args.redis_cache_sentinels.as_deref(),
        sentinel_password: args.redis_cache_sentinel_password.as_ref(),
        master: args.redis_cache_sentinel_master.as_deref(),
        cluster: args.redis_cache_cluster_nodes.as_deref(),
        tls: args.redis_cache_tls.as_deref(),
    };
    let sessions = Given {
        name: "REDIS_SESSIONS",
        host: args.redis_sessions_host.as_deref(),
        port: &args.redis_sessions_port,
        username: args.redis_sessions_username.as_ref(),
        password: args.redis_sessions_password.as_ref(),
        database: &args.redis_sessions_db,
        sentinels: args.redis_sessions_sentinels.as_deref(),
        sentinel_password: args.redis_sessions_sentinel_password.as_ref(),
        master: args.redis_sessions_sentinel_master.as_deref(),
        cluster: args.redis_sessions_cluster_nodes.as_deref(),
        tls: args.redis_sessions_tls.as_deref(),
    };
    if args.redis_key_prefix.contains(['{', '}']) {
        let must = "without braces, which mark the part of a key that decides its slot";
        read.wrong("REDIS_KEY_PREFIX", &args.redis_key_prefix, must);
    }
    let source = args.redis_source_address.as_deref();
    let connecting = &args.redis_connection_timeout;
    let sentinel_tls = tls.of(read, "REDIS_SENTINEL_TLS", args.redis_sentinel_tls.as_deref());
    let sentinel_tls = sentinel_tls.unwrap_or_else(|| main.tls.clone());
    let dialer = Dialer {
        source: source.map(|text| read.parsed("REDIS_SOURCE_ADDRESS", text, "an IP address")),
        timeout: read.millis("REDIS_CONNECTION_TIMEOUT", connecting, 1, 60_000),
        tls: None,
    };
    let naive = read.choice(
        "REDIS_FAILOVER",
        &args.redis_failover,
        &[("supervised", false), ("naive", true)],
    );
    if naive && (args.has_cluster() || tls.is_used()) {
        read.wrong("REDIS_FAILOVER", "naive", "supervised with a cluster or TLS");
    }
    RedisSettings {
        naive,
        cache: other(read, args, &main, &cache, &tls),
        sessions: other(read, args, &main, &sessions, &tls),
        main,
        prefix: args.redis_key_prefix.clone(),
        sentinel_dialer: Dialer { tls: sentinel_tls, ..dialer.clone() },
        dialer,
        command_timeout: read.millis(
            "REDIS_COMMAND_TIMEOUT",
            &args.redis_command_timeout,
            10,
            60_000,
        ),
        longest_pause: read.millis("REDIS_RETRY_DELAY", &args.redis_retry_delay, 1, 60_000),
        most_retries: read.number("REDIS_MAX_RETRIES", &args.redis_max_retries, 0, 100),
    }
}

fn main(read: &mut Reader, args: &Args, encryption: &Encryption) -> RoleSettings {
    let given = Given {
        name: "REDIS",
        host: Some(&args.redis_host),
        port: &args.redis_port,
        username: args.redis_username.as_ref(),
        password: args.redis_password.as_ref(),
        database: &args.redis_db,
        sentinels: args.redis_sentinels.as_deref(),
        sentinel_password: args.redis_sentinel_password.as_ref(),
        master: None,
        cluster: args.redis_cluster_nodes.as_deref(),
        tls: args.redis_tls.as_deref(),
    };
    let place = place(read, args, &given).unwrap_or_else(|| unreachable!("main has a host"));
    let login = login(read, &given, &place);
    let sentinel_login = Login {
        username: args.redis_sentinel_username.clone(),
        password: given.sentinel_password.cloned(),
        database: 0,
    };
    let tls = encryption.of(read, "REDIS_TLS", given.tls).flatten();
    RoleSettings { place, login, sentinel_login, tls }
}

/// A role that is not told where its Redis is lives on main's, in its own database. One that is not
/// told how to log in, there or to Sentinels, does so as main; with a Redis of its own and an empty
/// password it does not log in.
fn other(
    read: &mut Reader,
    args: &Args,
    main: &RoleSettings,
    given: &Given<'_>,
    encryption: &Encryption,
) -> RoleSettings {
    let own_place = place(read, args, given);
    let is_elsewhere = own_place.is_some();
    let place = own_place.unwrap_or_else(|| main.place.clone());
    let own = login(read, given, &place);
    let has_none =
        |password: Option<&String>| is_elsewhere && password.is_some_and(String::is_empty);
    let as_main = |own: Login, main: &Login| Login {
        username: own.username.or_else(|| main.username.clone()),
        password: own.password.or_else(|| main.password.clone()),
        ..own
    };
    let login = if has_none(given.password) { own } else { as_main(own, &main.login) };
    let password = given.sentinel_password;
    let own = Login { password: some(password), ..Login::default() };
    let sentinel_login = if has_none(password) { own } else { as_main(own, &main.sentinel_login) };
    let name = format!("{}_TLS", given.name);
    let tls = encryption.of(read, &name, given.tls).unwrap_or_else(|| main.tls.clone());
    RoleSettings { place, login, sentinel_login, tls }
}

fn place(read: &mut Reader, args: &Args, given: &Given<'_>) -> Option<RolePlace> {
    let name = |part: &str| format!("{}_{part}", given.name);
    let port = read.number(&name("PORT"), given.port, 1, 65535);
    if let (Some(_), Some(nodes)) = (given.sentinels, given.cluster) {
        let must = format!("left out where {} is set", name("SENTINELS"));
        read.wrong(&name("CLUSTER_NODES"), nodes, &must);
    }
    let mut list = |part: &str, text: &str| -> Vec<Address> {
        let each = text.split(',').map(str::trim);
        each.map(|each| read.parsed(&name(part), each, "host:port,host:port")).collect()
    };
    match (given.sentinels, given.cluster, given.host) {
        (Some(sentinels), _, _) => Some(RolePlace::Sentinels {
            addresses: list("SENTINELS", sentinels),
            master: given.master.unwrap_or(&args.redis_sentinel_master).to_owned(),
        }),
        (None, Some(nodes), _) => Some(RolePlace::Cluster(list("CLUSTER_NODES", nodes))),
        (None, None, Some(host)) => {
            let host = read.host(&name("HOST"), host, &name("PORT"));
            Some(RolePlace::Node(Address { host, port }))
        }
        (None, None, None) => None,
    }
}

fn login(read: &mut Reader, given: &Given<'_>, place: &RolePlace) -> Login {
    let database = read.number(&format!("{}_DB", given.name), given.database, 0, 1_000_000);
    Login {
        username: given.username.cloned(),
        password: some(given.password),
        // A cluster has only this one.
        database: if matches!(place, RolePlace::Cluster(_)) { 0 } else { database },
    }
}

/// An empty password is none.
fn some(password: Option<&String>) -> Option<String> {
    password.filter(|password| !password.is_empty()).cloned()
}
