//! Wrong settings are named all at once.

use clap::{Args as _, Command};
use redrill_server::Args;
use serde_json::json;

use crate::redis::{Group, Node};
use crate::server::{Server, header, settings};

#[test]
fn every_wrong_setting_is_named_in_one_message() {
    let wrong = [
        ("--port", "70000", "PORT"),
        ("--redis-sentinels", "nowhere", "REDIS_SENTINELS"),
        ("--redis-max-retries", "101", "REDIS_MAX_RETRIES"),
        ("--cache-ttl-seconds", "soon", "CACHE_TTL_SECONDS"),
        ("--rate-limit-on-error", "shut", "RATE_LIMIT_ON_ERROR"),
        ("--queue-durability", "replicas:0", "QUEUE_DURABILITY"),
        ("--queue-llm-keep-failed", "some", "QUEUE_LLM_KEEP_FAILED"),
        ("--llm-upstream-url", "model.local", "LLM_UPSTREAM_URL"),
        ("--instance-id", "one two", "INSTANCE_ID"),
        ("--redis-log-level", "loud=loud", "REDIS_LOG_LEVEL"),
        ("--redis-metrics-interval-ms", "99", "REDIS_METRICS_INTERVAL_MS"),
        ("--redis-enable-metrics", "yes", "REDIS_ENABLE_METRICS"),
        ("--otel-exporter-otlp-endpoint", "collector:4318", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("--cache-api-responses", "1", "CACHE_API_RESPONSES"),
    ];
    let flags: Vec<&str> = wrong.iter().flat_map(|(flag, value, _)| [*flag, *value]).collect();
    let message = settings(&flags).expect_err("all of them are wrong");
    for (_, value, name) in wrong {
        assert!(message.contains(&format!("{name} is {value:?}")), "{name} is not in\n{message}");
    }
}

/// What teams that come from other services have set, and what it is where they have not.
const DEFAULTS: &[(&str, &str)] = &[
    ("PORT", "3001"),
    ("NODE_ENV", "development"),
    ("REDIS_HOST", "localhost"),
    ("REDIS_PORT", "6379"),
    ("REDIS_DB", "0"),
    ("REDIS_CACHE_PORT", "6380"),
    ("REDIS_CACHE_DB", "1"),
    ("REDIS_SESSIONS_PORT", "6381"),
    ("REDIS_SESSIONS_DB", "2"),
    ("REDIS_MAX_RETRIES", "3"),
    ("REDIS_RETRY_DELAY", "1000"),
    ("REDIS_CONNECTION_TIMEOUT", "5000"),
    ("REDIS_COMMAND_TIMEOUT", "3000"),
    ("REDIS_LOG_LEVEL", "info"),
    ("REDIS_ENABLE_METRICS", "true"),
    ("REDIS_METRICS_INTERVAL_MS", "60000"),
    ("REDIS_SENTINEL_MASTER", "mymaster"),
    ("CACHE_TTL_SECONDS", "3600"),
    ("CACHE_LLM_RESPONSES", "true"),
    ("CACHE_API_RESPONSES", "true"),
    ("SESSION_TTL_SECONDS", "86400"),
    ("SESSION_STORE_PREFIX", "sess:"),
    ("RATE_LIMIT_WINDOW_MS", "60000"),
    ("RATE_LIMIT_MAX_REQUESTS", "100"),
    ("RATE_LIMIT_REDIS_PREFIX", "rl:"),
    ("RATE_LIMIT_ALGORITHM", "fixed-window"),
    ("RATE_LIMIT_HEADERS", "draft-6"),
    ("RATE_LIMIT_ON_ERROR", "closed"),
    ("QUEUE_DURABILITY", "async"),
    ("PRESENCE_TTL_SECONDS", "300"),
    ("PRESENCE_PING_SECONDS", "15"),
];

#[test]
fn what_is_not_set_is_as_it_was_promised() {
    let command = Args::augment_args(Command::new("serve"));
    for (name, value) in DEFAULTS {
        let mut settings = command.get_arguments();
        let setting = settings.find(|it| it.get_env().is_some_and(|env| env == *name));
        let setting = setting.unwrap_or_else(|| panic!("{name} is no setting"));
        assert_eq!(setting.get_default_values(), [*value], "{name}");
    }
}

#[test]
fn a_cluster_goes_with_neither_sentinels_nor_naivety() {
    let cluster = ["--redis-cluster-nodes", "a:1", "--redis-sentinels", "b:1"];
    let naive = ["--redis-failover", "naive", "--redis-key-prefix", "{tag}"];
    let message = settings(&[cluster, naive].concat()).expect_err("it does not");
    for name in ["REDIS_CLUSTER_NODES", "REDIS_FAILOVER", "REDIS_KEY_PREFIX"] {
        assert!(message.contains(name), "{name} is not in\n{message}");
    }
}

#[test]
fn production_demands_a_secret() {
    let message = settings(&["--node-env", "production"]).expect_err("there is no secret");
    assert!(message.contains("SESSION_SECRET"), "{message}");
    let secret = "0123456789abcdef0123456789abcdef";
    let given = |secret| settings(&["--node-env", "production", "--session-secret", secret]);
    assert!(given(secret).is_ok());
    assert!(given("").is_err_and(|message| message.contains("SESSION_SECRET is not set;")));
    let message = given("hunter2").expect_err("it is too short");
    assert!(message.contains("SESSION_SECRET has 7 characters;"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn an_empty_value_is_as_none() {
    let command = Args::augment_args(Command::new("serve"));
    // These two are drawn anew where they are not set.
    let drawn = ["instance_id", "session_secret"];
    let flags = command.get_arguments().map(|it| it.get_id().as_str());
    let flags = flags.filter(|name| !drawn.contains(name));
    let flags: Vec<String> = flags.map(|name| format!("--{}=", name.replace('_', "-"))).collect();
    assert!(flags.len() > 50, "{flags:?}");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let drawn = ["--instance-id", "a", "--session-secret", "b"];
    let read = |flags: &[&str]| format!("{:?}", settings(flags).expect("nothing is wrong"));
    assert_eq!(read(&[&flags[..], &drawn].concat()), read(&drawn));
    assert!(settings(&["--instance-id", "", "--session-secret", ""]).is_ok());
}

#[test]
fn what_is_no_host_is_refused_with_what_to_write() {
    for (host, shown) in [
        ("10.0.0.1:6379", "10.0.0.1:6379"),
        ("redis://localhost", "redis://localhost"),
        ("redis://:hunter2@there", "…@there"),
        ("a host", "a host"),
        (" ", " "),
    ] {
        for role in ["", "-cache", "-sessions"] {
            let message = settings(&[&format!("--redis{role}-host"), host]).expect_err(host);
            let name = format!("REDIS{}_", role.replace('-', "_").to_uppercase());
            assert!(message.contains(&format!("{name}HOST is {shown:?}; ")), "{message}");
            assert!(message.contains(&format!("write the port to {name}PORT")), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
    let lists = ["--redis-sentinels", "redis://a:1"];
    assert!(settings(&lists).is_err_and(|message| message.contains("REDIS_SENTINELS")));
    for host in ["localhost", "redis-1.svc.local", "10.0.0.1", "::1", "[::1]"] {
        assert!(settings(&["--redis-host", host]).is_ok(), "{host}");
    }
}

#[tokio::test]
async fn an_empty_secret_is_a_random_one() {
    let node = Node::start();
    let empty = ["--session-secret", ""];
    let (one, other) = (Server::on(&node, &empty).await, Server::on(&node, &empty).await);
    let login = one.post("/api/session/login", json!({ "userId": "ada" })).await;
    let session = async |server: &Server| {
        let request = server.request(reqwest::Method::GET, "/api/session");
        let request = request.header("cookie", header(&login, "set-cookie"));
        request.send().await.expect("an answer").status()
    };
    assert_eq!(session(&one).await, 200);
    assert_eq!(session(&other).await, 401, "whoever knows one secret does not know another's");
}

#[tokio::test]
async fn an_empty_password_is_none() {
    let node = Node::start();
    let empty = ["--redis-password", "", "--redis-username", "", "--redis-cache-password", ""];
    // Without a password of its own the node refuses whoever has one.
    let server = Server::on(&node, &empty).await;
    assert_eq!(server.get("/api/limited").await.status(), 200);
}

#[tokio::test]
async fn a_role_has_mains_password_unless_its_own_is_empty() {
    let (main, cache) = (Node::start(), Node::start());
    let ports = [&main, &cache].map(|node| node.port.to_string());
    let host = ["--redis-host", "127.0.0.1", "--redis-port", &ports[0]];
    let own = ["--redis-cache-host", "127.0.0.1", "--redis-cache-port", &ports[1]];
    let flags = [&host[..], &own, &["--redis-password", "hunter2"]].concat();
    let guard = |node: &Node| node.ask("CONFIG SET requirepass hunter2").expect("an answer");
    guard(&main);
    // Without a password of its own the node refuses whoever has one.
    let none = [&flags[..], &["--redis-cache-password", ""]].concat();
    drop(Server::start(&none).await);
    guard(&cache);
    drop(Server::start(&flags).await);
    // One that lives on main's Redis logs in as main does.
    let sessions = ["--redis-sessions-password", ""];
    drop(Server::start(&[&flags[..], &sessions].concat()).await);
}

#[tokio::test]
async fn a_role_has_the_password_of_mains_sentinels_unless_its_own_is_another_or_empty() {
    let (main, cache) = (Group::start(), Group::start());
    let guard = |group: &Group, password: &str| {
        for sentinel in &group.sentinels {
            let told = sentinel.ask(&format!("ACL SETUSER default resetpass >{password}"));
            assert_eq!(told.as_deref(), Some("+OK\r\n"));
        }
    };
    let (of_main, of_cache) = (main.addresses(), cache.addresses());
    let there = ["--redis-sentinels", &of_main, "--redis-cache-sentinels", &of_cache];
    let flags = [&there[..], &["--redis-sentinel-password", "hunter2"]].concat();
    let with = |own: &'static str| {
        let own = ["--redis-cache-sentinel-password", own];
        [&flags[..], &own].concat()
    };
    guard(&main, "hunter2");
    // Without a password of its own a Sentinel refuses whoever has one.
    drop(Server::start(&with("")).await);
    guard(&cache, "theirs");
    drop(Server::start(&with("theirs")).await);
    // On main's Redis nobody is asked for another.
    let sessions = ["--redis-sessions-sentinel-password", ""];
    drop(Server::start(&[&with("theirs")[..], &sessions].concat()).await);
    // With main on one node, so that nothing but the cache's Sentinels asks for it.
    let port = main.nodes[0].port.to_string();
    let host = ["--redis-host", "127.0.0.1", "--redis-port", &port];
    let general = ["--redis-cache-sentinels", &of_cache, "--redis-sentinel-password", "theirs"];
    drop(Server::start(&[&host[..], &general].concat()).await);
}
