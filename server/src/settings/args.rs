//! Every setting as a flag and as an environment variable. Values are read as text here and
//! checked in [`super::Settings`], so that all wrong ones are named at once.

use clap::Args as ClapArgs;

macro_rules! args {
    ($($group:literal {
        $($(#[doc = $help:literal])+ $field:ident: $type:ty, $env:literal $(= $default:literal)?;)+
    })+) => {
        /// The reference server's settings, as given.
        #[derive(Debug, Clone, ClapArgs)]
        pub struct Args {
            $($(
                $(#[doc = $help])+
                #[arg(long, env = $env, help_heading = $group
                    , value_name = value_name(stringify!($field))
                    $(, default_value = $default)?, hide_env_values = true)]
                pub $field: $type,
            )+)+
        }

        impl Args {
            /// An empty value is as none: templates such as compose's `${X:-}` cannot leave one
            /// out. But an empty password of a role with a Redis of its own is no password.
            pub(super) fn without_empty(&self) -> Self {
                let settled = Self {
                    $($($field: self.$field.or_unset(first!($($default)? "")),)+)+
                };
                Self {
                    redis_cache_password: self.redis_cache_password.clone(),
                    redis_cache_sentinel_password: self.redis_cache_sentinel_password.clone(),
                    redis_sessions_password: self.redis_sessions_password.clone(),
                    redis_sessions_sentinel_password: self.redis_sessions_sentinel_password.clone(),
                    ..settled
                }
            }
        }
    };
}

macro_rules! first {
    ($first:literal $($other:literal)?) => {
        $first
    };
}

/// A value as it was given.
trait Given {
    /// What it is where nothing was given, if it is empty.
    fn or_unset(&self, default: &str) -> Self;
}

impl Given for String {
    fn or_unset(&self, default: &str) -> Self {
        if self.is_empty() { default.to_owned() } else { self.clone() }
    }
}

impl Given for Option<String> {
    fn or_unset(&self, _: &str) -> Self {
        self.clone().filter(|value| !value.is_empty())
    }
}

/// What stands for the value in the manual: its unit, where it has one.
fn value_name(field: &str) -> &'static str {
    const NAMES: &[(&[&str], &str)] = &[
        (&["_ms", "_timeout", "_delay"], "MS"),
        (&["_seconds"], "SECONDS"),
        (&["port"], "PORT"),
        (&["host", "_address"], "HOST"),
        (&["_url", "_endpoint"], "URL"),
        (&["_sentinels", "_nodes"], "HOST:PORT,…"),
        (&["_password", "_secret"], "SECRET"),
        (&["_db", "_requests", "_instances", "_concurrency", "_attempts", "_retries"], "N"),
        (&["_keys", "_stalls"], "N"),
        (&["_bytes"], "BYTES"),
        (&["_llm_responses", "_api_responses", "_enable_metrics", "_tls"], "BOOLEAN"),
    ];
    let ends = |(ends, _): &&(&[&str], &str)| ends.iter().any(|end| field.ends_with(end));
    NAMES.iter().find(ends).map_or("VALUE", |(_, name)| name)
}

args! {
    "Service" {
        /// Address to listen on
        host: String, "HOST" = "127.0.0.1";
        /// Port to listen on, 0 to 65535; 0 takes a free one
        port: String, "PORT" = "3001";
        /// Name of this instance in X-Instance-Id; default: a random one
        instance_id: Option<String>, "INSTANCE_ID";
        /// `development`, `test` or `production`; production demands a session secret and marks
        /// cookies Secure
        node_env: String, "NODE_ENV" = "development";
        /// Longest time a call of the model or mail API may take, 1 to 600000 ms
        upstream_timeout_ms: String, "UPSTREAM_TIMEOUT_MS" = "30000";
        /// Whether /metrics is there and Redis' INFO collected, true or false
        redis_enable_metrics: String, "REDIS_ENABLE_METRICS" = "true";
        /// How often Redis' INFO and the depths of queues are collected, 100 to 3600000 ms
        redis_metrics_interval_ms: String, "REDIS_METRICS_INTERVAL_MS" = "60000";
        /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or directives such as
        /// `info,redrill_server::queues=debug`
        redis_log_level: String, "REDIS_LOG_LEVEL" = "info";
        /// Collector of OpenTelemetry that spans are sent to (OTLP over HTTP); none where not set
        otel_exporter_otlp_endpoint: Option<String>, "OTEL_EXPORTER_OTLP_ENDPOINT";
        /// Model API; where not set, a built-in stub answers
        llm_upstream_url: Option<String>, "LLM_UPSTREAM_URL";
        /// Mail API; where not set, a built-in stub answers
        mail_upstream_url: Option<String>, "MAIL_UPSTREAM_URL";
    }
    "Redis" {
        /// Host of the main role: its name or IP address
        redis_host: String, "REDIS_HOST" = "localhost";
        /// Port of the main role, 1 to 65535
        redis_port: String, "REDIS_PORT" = "6379";
        /// User name, for an ACL
        redis_username: Option<String>, "REDIS_USERNAME";
        /// Password
        redis_password: Option<String>, "REDIS_PASSWORD";
        /// Whether connections are encrypted, true or false; default: false
        redis_tls: Option<String>, "REDIS_TLS";
        /// PEM file of the certificates by which servers are trusted; default: the system's
        redis_tls_ca: Option<String>, "REDIS_TLS_CA";
        /// PEM file of our own certificate, where servers ask for one
        redis_tls_cert: Option<String>, "REDIS_TLS_CERT";
        /// PEM file of its key
        redis_tls_key: Option<String>, "REDIS_TLS_KEY";
        /// Database of the main role, 0 to 1000000; in a cluster always 0
        redis_db: String, "REDIS_DB" = "0";
        /// Host of the cache role; default: main's address, Sentinels or cluster
        redis_cache_host: Option<String>, "REDIS_CACHE_HOST";
        /// Port of the cache role where it has its own host, 1 to 65535
        redis_cache_port: String, "REDIS_CACHE_PORT" = "6380";
        /// User name of the cache role; default: main's
        redis_cache_username: Option<String>, "REDIS_CACHE_USERNAME";
        /// Password of the cache role; default: main's, also for a Redis of its own, where an empty
        /// value is for none
        redis_cache_password: Option<String>, "REDIS_CACHE_PASSWORD";
        /// Sentinels of the cache role, if it has its own
        redis_cache_sentinels: Option<String>, "REDIS_CACHE_SENTINELS";
        /// Name by which the Sentinels know the cache role's master; default: that of main's
        redis_cache_sentinel_master: Option<String>, "REDIS_CACHE_SENTINEL_MASTER";
        /// Password of the cache role's Sentinels; default: that of main's, where an empty value is
        /// for none
        redis_cache_sentinel_password: Option<String>, "REDIS_CACHE_SENTINEL_PASSWORD";
        /// Nodes of the cache role's own cluster as host:port,host:port
        redis_cache_cluster_nodes: Option<String>, "REDIS_CACHE_CLUSTER_NODES";
        /// Whether connections to the cache role are encrypted, true or false; default: main's
        redis_cache_tls: Option<String>, "REDIS_CACHE_TLS";
        /// Database of the cache role, 0 to 1000000; in a cluster always 0
        redis_cache_db: String, "REDIS_CACHE_DB" = "1";
        /// Host of the sessions role; default: main's address, Sentinels or cluster
        redis_sessions_host: Option<String>, "REDIS_SESSIONS_HOST";
        /// Port of the sessions role where it has its own host, 1 to 65535
        redis_sessions_port: String, "REDIS_SESSIONS_PORT" = "6381";
        /// User name of the sessions role; default: main's
        redis_sessions_username: Option<String>, "REDIS_SESSIONS_USERNAME";
        /// Password of the sessions role; default: main's, also for a Redis of its own, where an
        /// empty value is for none
        redis_sessions_password: Option<String>, "REDIS_SESSIONS_PASSWORD";
        /// Sentinels of the sessions role, if it has its own
        redis_sessions_sentinels: Option<String>, "REDIS_SESSIONS_SENTINELS";
        /// Name by which the Sentinels know the sessions role's master; default: that of main's
        redis_sessions_sentinel_master: Option<String>, "REDIS_SESSIONS_SENTINEL_MASTER";
        /// Password of the sessions role's Sentinels; default: that of main's, where an empty
        /// value is for none
        redis_sessions_sentinel_password: Option<String>, "REDIS_SESSIONS_SENTINEL_PASSWORD";
        /// Nodes of the sessions role's own cluster as host:port,host:port
        redis_sessions_cluster_nodes: Option<String>, "REDIS_SESSIONS_CLUSTER_NODES";
        /// Whether connections to the sessions role are encrypted, true or false; default: main's
        redis_sessions_tls: Option<String>, "REDIS_SESSIONS_TLS";
        /// Database of the sessions role, 0 to 1000000; in a cluster always 0
        redis_sessions_db: String, "REDIS_SESSIONS_DB" = "2";
        /// Sentinels of main as host:port,host:port; all of them
        redis_sentinels: Option<String>, "REDIS_SENTINELS";
        /// Name by which the Sentinels know the master
        redis_sentinel_master: String, "REDIS_SENTINEL_MASTER" = "mymaster";
        /// User name on the Sentinels
        redis_sentinel_username: Option<String>, "REDIS_SENTINEL_USERNAME";
        /// Password of the Sentinels
        redis_sentinel_password: Option<String>, "REDIS_SENTINEL_PASSWORD";
        /// Whether connections to Sentinels are encrypted, true or false; default: as main's
        redis_sentinel_tls: Option<String>, "REDIS_SENTINEL_TLS";
        /// Nodes of main's cluster as host:port,host:port; some of them, they know the others
        redis_cluster_nodes: Option<String>, "REDIS_CLUSTER_NODES";
        /// Before every key and channel of all roles, so that services can share a Redis
        redis_key_prefix: String, "REDIS_KEY_PREFIX" = "";
        /// Local address that every Redis and Sentinel connection is bound to
        redis_source_address: Option<String>, "REDIS_SOURCE_ADDRESS";
        /// `supervised`, or `naive`: failovers are met as redis-rs does by itself, for the contrast
        redis_failover: String, "REDIS_FAILOVER" = "supervised";
        /// How often a command that may be repeated is sent again after its answer was lost, 0 to
        /// 100, within REDIS_COMMAND_TIMEOUT; what may not be repeated never is
        redis_max_retries: String, "REDIS_MAX_RETRIES" = "3";
        /// Longest pause between two attempts to connect, 1 to 60000 ms
        redis_retry_delay: String, "REDIS_RETRY_DELAY" = "1000";
        /// Longest time to open a connection, 1 to 60000 ms
        redis_connection_timeout: String, "REDIS_CONNECTION_TIMEOUT" = "5000";
        /// Longest time a request waits for Redis, 10 to 60000 ms
        redis_command_timeout: String, "REDIS_COMMAND_TIMEOUT" = "3000";
    }
    "Cache" {
        /// How long a response is kept, 0.001 to 31536000 s
        cache_ttl_seconds: String, "CACHE_TTL_SECONDS" = "3600";
        /// Whether model responses are cached, true or false
        cache_llm_responses: String, "CACHE_LLM_RESPONSES" = "true";
        /// Whether answers of GET /api/cache/stats are cached, true or false
        cache_api_responses: String, "CACHE_API_RESPONSES" = "true";
        /// How long such an answer is kept, 0.001 to 86400 s
        cache_api_ttl_seconds: String, "CACHE_API_TTL_SECONDS" = "1";
    }
    "Sessions" {
        /// How long an unused session lives, 0.001 to 31536000 s
        session_ttl_seconds: String, "SESSION_TTL_SECONDS" = "86400";
        /// Prefix of the keys of sessions
        session_store_prefix: String, "SESSION_STORE_PREFIX" = "sess:";
        /// Most keys in the data of a session, 1 to 10000
        session_max_keys: String, "SESSION_MAX_KEYS" = "256";
        /// Most bytes of keys and values, as JSON, in the data of a session, 1 to 1048576
        session_max_bytes: String, "SESSION_MAX_BYTES" = "65536";
        /// What cookies are signed with, the same on all instances; needed in production, of at
        /// least 32 characters; default: a random one
        session_secret: Option<String>, "SESSION_SECRET";
    }
    "Rate limits" {
        /// Window of the general policy, 10 to 86400000 ms
        rate_limit_window_ms: String, "RATE_LIMIT_WINDOW_MS" = "60000";
        /// Requests a window of the general policy, 1 to 1000000
        rate_limit_max_requests: String, "RATE_LIMIT_MAX_REQUESTS" = "100";
        /// Window of the llm policy, 10 to 86400000 ms
        rate_limit_llm_window_ms: String, "RATE_LIMIT_LLM_WINDOW_MS" = "60000";
        /// Requests a window of the llm policy, 1 to 1000000
        rate_limit_llm_max_requests: String, "RATE_LIMIT_LLM_MAX_REQUESTS" = "10";
        /// Window of the burst policy, 10 to 86400000 ms
        rate_limit_burst_window_ms: String, "RATE_LIMIT_BURST_WINDOW_MS" = "1000";
        /// Requests a window of the burst policy, 1 to 1000000
        rate_limit_burst_max_requests: String, "RATE_LIMIT_BURST_MAX_REQUESTS" = "5";
        /// Prefix of the keys of limits; the policy's and the algorithm's names follow
        rate_limit_redis_prefix: String, "RATE_LIMIT_REDIS_PREFIX" = "rl:";
        /// `fixed-window` (aligned to Redis' clock), `sliding-window` or `gcra`
        rate_limit_algorithm: String, "RATE_LIMIT_ALGORITHM" = "fixed-window";
        /// Which RateLimit headers answers carry, `draft-6` or `draft-8`
        rate_limit_headers: String, "RATE_LIMIT_HEADERS" = "draft-6";
        /// While Redis is away: `closed` (503), `open` (admit), `local` (limit in the process the
        /// 32768 users and addresses that were seen last; one that is forgotten begins anew)
        rate_limit_on_error: String, "RATE_LIMIT_ON_ERROR" = "closed";
        /// Instances that share a limit while Redis is away and the answer is `local`, 1 to 1000
        rate_limit_instances: String, "RATE_LIMIT_INSTANCES" = "1";
    }
    "Queues" {
        /// `async`, or `replicas:N`: a job is acknowledged when N replicas have it
        queue_durability: String, "QUEUE_DURABILITY" = "async";
        /// How long a worker owns a job without renewing it, 100 to 3600000 ms
        queue_lease_ms: String, "QUEUE_LEASE_MS" = "30000";
        /// How often a job's worker may die, or lose it, before the job has failed, 0 to 1000; such
        /// an attempt is none of those that failed
        queue_max_stalls: String, "QUEUE_MAX_STALLS" = "3";
        /// First pause before a failed job runs again, doubling each time up to a day, 0 to
        /// 86400000 ms
        queue_backoff_ms: String, "QUEUE_BACKOFF_MS" = "1000";
        /// Jobs of llm-processing that an instance runs at once, 0 to 1000; 0 runs none
        queue_llm_concurrency: String, "QUEUE_LLM_CONCURRENCY" = "5";
        /// Attempts of a job of llm-processing, 1 to 100
        queue_llm_attempts: String, "QUEUE_LLM_ATTEMPTS" = "3";
        /// Completed jobs of llm-processing that are kept, a number or `all`
        queue_llm_keep_completed: String, "QUEUE_LLM_KEEP_COMPLETED" = "10";
        /// Failed jobs of llm-processing that are kept, a number or `all`
        queue_llm_keep_failed: String, "QUEUE_LLM_KEEP_FAILED" = "5";
        /// Jobs of email-notifications that an instance runs at once, 0 to 1000; 0 runs none
        queue_email_concurrency: String, "QUEUE_EMAIL_CONCURRENCY" = "3";
        /// Attempts of a job of email-notifications, 1 to 100
        queue_email_attempts: String, "QUEUE_EMAIL_ATTEMPTS" = "5";
        /// Completed jobs of email-notifications that are kept, a number or `all`
        queue_email_keep_completed: String, "QUEUE_EMAIL_KEEP_COMPLETED" = "20";
        /// Failed jobs of email-notifications that are kept, a number or `all`
        queue_email_keep_failed: String, "QUEUE_EMAIL_KEEP_FAILED" = "10";
    }
    "Presence" {
        /// How long the sockets of a dead instance are shown, 0.3 to 86400 s
        presence_ttl_seconds: String, "PRESENCE_TTL_SECONDS" = "300";
        /// How often a socket is pinged, 0.1 to 3600 s; one that answers none is closed
        presence_ping_seconds: String, "PRESENCE_PING_SECONDS" = "15";
    }
}

impl Args {
    /// Does any role live on a cluster?
    pub(super) fn has_cluster(&self) -> bool {
        let Self {
            redis_cluster_nodes: main,
            redis_cache_cluster_nodes: cache,
            redis_sessions_cluster_nodes: sessions,
            ..
        } = self;
        main.is_some() || cache.is_some() || sessions.is_some()
    }
}
