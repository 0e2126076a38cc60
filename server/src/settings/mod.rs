//! What an instance is told: read from flags and variables, checked all at once.

mod args;
mod encryption;
mod read;
mod redis;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub use args::Args;
use read::Reader;
pub(crate) use redis::{RedisSettings, RolePlace, RoleSettings};

/// Characters of a secret that nobody guesses.
const SHORTEST_SECRET: usize = 32;

/// Settings that were checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) instance: String,
    pub(crate) production: bool,
    pub(crate) log_level: String,
    pub(crate) otlp_endpoint: Option<String>,
    /// How often Redis is asked how it is; never where metrics are off.
    pub(crate) collect_every: Option<Duration>,
    pub(crate) llm_upstream: Option<String>,
    pub(crate) mail_upstream: Option<String>,
    pub(crate) upstream_timeout: Duration,
    pub(crate) redis: RedisSettings,
    pub(crate) cache: CacheSettings,
    pub(crate) sessions: SessionSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) queues: QueueSettings,
    pub(crate) presence: PresenceSettings,
}

#[derive(Debug, Clone)]
pub(crate) struct CacheSettings {
    pub(crate) ttl: Duration,
    pub(crate) llm_responses: bool,
    /// How long answers of this service itself are kept, if they are.
    pub(crate) api_responses: Option<Duration>,
}

#[derive(Debug, Clone)]
pub(crate) struct SessionSettings {
    pub(crate) ttl: Duration,
    pub(crate) prefix: String,
    /// The most keys in a session's data.
    pub(crate) most_keys: u32,
    /// The most bytes of its keys and values, as JSON.
    pub(crate) most_bytes: u32,
    pub(crate) secret: String,
}

#[derive(Debug, Clone)]
pub(crate) struct LimitSettings {
    pub(crate) prefix: String,
    pub(crate) general: LimitPolicy,
    pub(crate) llm: LimitPolicy,
    pub(crate) burst: LimitPolicy,
    pub(crate) algorithm: Algorithm,
    pub(crate) draft: Draft,
    pub(crate) on_error: OnError,
    pub(crate) instances: u64,
}

/// How requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    FixedWindow,
    SlidingWindow,
    Gcra,
}

/// Which draft of the RateLimit headers answers follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Draft {
    Six,
    Eight,
}

/// So many requests in a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LimitPolicy {
    pub(crate) limit: u64,
    pub(crate) window: Duration,
}

/// What a limiter does while Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnError {
    Closed,
    Open,
    Local,
}

#[derive(Debug, Clone)]
pub(crate) struct QueueSettings {
    /// How many replicas must have a job before it is acknowledged; none with `async`.
    pub(crate) replicas: Option<u32>,
    pub(crate) lease: Duration,
    /// How often a job's lease may lapse before the job has failed.
    pub(crate) most_stalls: u32,
    pub(crate) backoff: Duration,
    pub(crate) llm: QueueLimits,
    pub(crate) email: QueueLimits,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueLimits {
    pub(crate) concurrency: usize,
    pub(crate) attempts: u32,
    pub(crate) keep_completed: Keep,
    pub(crate) keep_failed: Keep,
}

/// How many finished jobs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    All,
    Last(u32),
}

#[derive(Debug, Clone)]
pub(crate) struct PresenceSettings {
    pub(crate) ttl: Duration,
    pub(crate) ping: Duration,
}

impl TryFrom<&Args> for Settings {
    type Error = String;

    /// All that is wrong, a line each.
    fn try_from(args: &Args) -> Result<Self, Self::Error> {
        let (mut read, args) = (Reader::default(), &args.without_empty());
        let production = read.choice(
            "NODE_ENV",
            &args.node_env,
            &[("production", true), ("development", false), ("test", false)],
        );
        let host: IpAddr = read.parsed("HOST", &args.host, "an IP address");
        let settings = Self {
            listen: SocketAddr::new(host, read.number("PORT", &args.port, 0, 65535)),
            instance: args.instance_id.clone().unwrap_or_else(|| crate::random::hex(4)),
            production,
            log_level: read.log_level("REDIS_LOG_LEVEL", &args.redis_log_level),
            otlp_endpoint: read
                .url("OTEL_EXPORTER_OTLP_ENDPOINT", args.otel_exporter_otlp_endpoint.as_deref()),
            collect_every: collect_every(&mut read, args),
            llm_upstream: read.url("LLM_UPSTREAM_URL", args.llm_upstream_url.as_deref()),
            mail_upstream: read.url("MAIL_UPSTREAM_URL", args.mail_upstream_url.as_deref()),
            upstream_timeout: read.millis(
                "UPSTREAM_TIMEOUT_MS",
                &args.upstream_timeout_ms,
                1,
                600_000,
            ),
            redis: redis::read(&mut read, args),
            cache: cache(&mut read, args),
            sessions: sessions(&mut read, args, production),
            limits: limits(&mut read, args),
            queues: queues(&mut read, args),
            presence: PresenceSettings {
                ttl: read.seconds("PRESENCE_TTL_SECONDS", &args.presence_ttl_seconds, 0.3, 86400.0),
                ping: read.seconds(
                    "PRESENCE_PING_SECONDS",
                    &args.presence_ping_seconds,
                    0.1,
                    3600.0,
                ),
            },
        };
        if !read::is_header_value(&settings.instance) {
            read.wrong("INSTANCE_ID", &settings.instance, "1 to 64 letters, digits, '.', '_', '-'");
        }
        read.finish(settings)
    }
}

fn collect_every(read: &mut Reader, args: &Args) -> Option<Duration> {
    let name = "REDIS_METRICS_INTERVAL_MS";
    let every = read.millis(name, &args.redis_metrics_interval_ms, 100, 3_600_000);
    let on = read.boolean("REDIS_ENABLE_METRICS", &args.redis_enable_metrics);
    on.then_some(every)
}

fn cache(read: &mut Reader, args: &Args) -> CacheSettings {
    const YEAR: f64 = 31_536_000.0;
    let name = "CACHE_API_TTL_SECONDS";
    let api_ttl = read.seconds(name, &args.cache_api_ttl_seconds, 0.001, 86400.0);
    CacheSettings {
        ttl: read.seconds("CACHE_TTL_SECONDS", &args.cache_ttl_seconds, 0.001, YEAR),
        llm_responses: read.boolean("CACHE_LLM_RESPONSES", &args.cache_llm_responses),
        api_responses: read
            .boolean("CACHE_API_RESPONSES", &args.cache_api_responses)
            .then_some(api_ttl),
    }
}

fn sessions(read: &mut Reader, args: &Args, production: bool) -> SessionSettings {
    const YEAR: f64 = 31_536_000.0;
    let secret = args.session_secret.clone();
    let length = secret.as_ref().map_or(0, |secret| secret.chars().count());
    if production && length < SHORTEST_SECRET {
        let is = match length {
            0 => "is not set".to_owned(),
            1 => "has 1 character".to_owned(),
            length => format!("has {length} characters"),
        };
        let must = format!("it must have at least {SHORTEST_SECRET} in production");
        read.unusable(format!("SESSION_SECRET {is}; {must}"));
    }
    SessionSettings {
        ttl: read.seconds("SESSION_TTL_SECONDS", &args.session_ttl_seconds, 0.001, YEAR),
        prefix: args.session_store_prefix.clone(),
        most_keys: read.number("SESSION_MAX_KEYS", &args.session_max_keys, 1, 10_000),
        most_bytes: read.number("SESSION_MAX_BYTES", &args.session_max_bytes, 1, 1_048_576),
        secret: secret.unwrap_or_else(|| crate::random::hex(32)),
    }
}

fn limits(read: &mut Reader, args: &Args) -> LimitSettings {
    let mut policy = |name: &str, limit: &str, window: &str| LimitPolicy {
        limit: read.number(&format!("RATE_LIMIT_{name}MAX_REQUESTS"), limit, 1, 1_000_000),
        window: read.millis(&format!("RATE_LIMIT_{name}WINDOW_MS"), window, 10, 86_400_000),
    };
    let choices = [("closed", OnError::Closed), ("open", OnError::Open), ("local", OnError::Local)];
    let algorithms = [
        ("fixed-window", Algorithm::FixedWindow),
        ("sliding-window", Algorithm::SlidingWindow),
        ("gcra", Algorithm::Gcra),
    ];
    let drafts = [("draft-6", Draft::Six), ("draft-8", Draft::Eight)];
    LimitSettings {
        prefix: args.rate_limit_redis_prefix.clone(),
        general: policy("", &args.rate_limit_max_requests, &args.rate_limit_window_ms),
        llm: policy("LLM_", &args.rate_limit_llm_max_requests, &args.rate_limit_llm_window_ms),
        burst: policy(
            "BURST_",
            &args.rate_limit_burst_max_requests,
            &args.rate_limit_burst_window_ms,
        ),
        algorithm: read.choice("RATE_LIMIT_ALGORITHM", &args.rate_limit_algorithm, &algorithms),
        draft: read.choice("RATE_LIMIT_HEADERS", &args.rate_limit_headers, &drafts),
        on_error: read.choice("RATE_LIMIT_ON_ERROR", &args.rate_limit_on_error, &choices),
        instances: read.number("RATE_LIMIT_INSTANCES", &args.rate_limit_instances, 1, 1000),
    }
}

fn queues(read: &mut Reader, args: &Args) -> QueueSettings {
    let mut queue = |name: &str, concurrency: &str, attempts: &str, keep: [&str; 2]| QueueLimits {
        concurrency: read.number(&format!("QUEUE_{name}_CONCURRENCY"), concurrency, 0, 1000),
        attempts: read.number(&format!("QUEUE_{name}_ATTEMPTS"), attempts, 1, 100),
        keep_completed: read.keep(&format!("QUEUE_{name}_KEEP_COMPLETED"), keep[0]),
        keep_failed: read.keep(&format!("QUEUE_{name}_KEEP_FAILED"), keep[1]),
    };
    QueueSettings {
        llm: queue(
            "LLM",
            &args.queue_llm_concurrency,
            &args.queue_llm_attempts,
            [&args.queue_llm_keep_completed, &args.queue_llm_keep_failed],
        ),
        email: queue(
            "EMAIL",
            &args.queue_email_concurrency,
            &args.queue_email_attempts,
            [&args.queue_email_keep_completed, &args.queue_email_keep_failed],
        ),
        replicas: read.durability("QUEUE_DURABILITY", &args.queue_durability),
        lease: read.millis("QUEUE_LEASE_MS", &args.queue_lease_ms, 100, 3_600_000),
        most_stalls: read.number("QUEUE_MAX_STALLS", &args.queue_max_stalls, 0, 1000),
        backoff: read.millis("QUEUE_BACKOFF_MS", &args.queue_backoff_ms, 0, 86_400_000),
    }
}
