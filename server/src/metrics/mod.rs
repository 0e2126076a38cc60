//! What `/metrics` tells of this instance since its start.

mod family;
mod info;

use std::time::Duration;

use family::{Counter, Family, Gauge, Histogram};
use info::Info;
pub(crate) use info::field_of;

/// The type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

macro_rules! metrics {
    ($($field:ident: $kind:ident = $name:literal [$($label:literal),*] $help:literal;)+) => {
        /// Every family, by what it is about.
        pub(crate) struct Metrics {
            $(pub(crate) $field: Family<$kind>,)+
            /// What each role's node says of itself.
            pub(crate) info: Info,
        }

        impl Default for Metrics {
            fn default() -> Self {
                Self {
                    $($field: Family::new($name, $help, &[$($label),*]),)+
                    info: Info::default(),
                }
            }
        }

        impl Metrics {
            /// Every series, in the text format of Prometheus.
            pub(crate) fn render(&self) -> String {
                let mut out = String::new();
                $(self.$field.render(&mut out);)+
                self.info.render(&mut out);
                out
            }
        }
    };
}

metrics! {
    http: Histogram = "http_request_duration_seconds" ["method", "route", "status"]
        "Time from a request's head to its answer's, by the pattern of its path.";
    commands: Histogram = "redis_command_duration_seconds" ["role", "outcome"]
        "Time from a command's submission to its answer, waiting for a connection included.";
    connections: Counter = "redis_connections_total" ["role"]
        "Connections that were opened.";
    disconnections: Counter = "redis_disconnections_total" ["role", "why"]
        "Connections that were lost or given up.";
    up: Gauge = "redis_up" ["role"]
        "1 while the role is connected.";
    breaker: Gauge = "redis_breaker_open" ["role"]
        "1 while the role's commands are refused at once: an outage outlasted the time-out.";
    refusals: Counter = "redis_breaker_refusals_total" ["role"]
        "Commands that the open breaker refused.";
    cache: Counter = "cache_requests_total" ["cache", "result"]
        "Requests that a cache answered (hit), could not answer (miss), or whose Redis was away.";
    cache_ratio: Gauge = "cache_hit_ratio" ["cache"]
        "Hits among hits and misses since the start.";
    limits: Counter = "rate_limit_decisions_total" ["policy", "decision"]
        "Requests that were admitted or rejected, by Redis or, while it was away, without it.";
    submitted: Counter = "queue_jobs_submitted_total" ["queue"]
        "Jobs that were acknowledged.";
    attempts: Histogram = "queue_attempt_duration_seconds" ["queue", "outcome"]
        "Attempts of jobs by this instance.";
    stalled: Counter = "queue_jobs_stalled_total" ["queue", "outcome"]
        "Jobs whose worker's lease lapsed, and what became of them: again or failed.";
    running: Gauge = "queue_jobs_running" ["queue"]
        "Jobs that this instance runs at this moment.";
    jobs: Gauge = "queue_jobs" ["queue", "state"]
        "Jobs in Redis, as last collected.";
    sockets: Gauge = "presence_sockets" []
        "Open WebSockets of this instance.";
    online: Gauge = "presence_users_online" []
        "Users who are online on any instance, as last collected.";
    status: Counter = "presence_status_events_total" ["status"]
        "Changes of users' status that this instance told its sockets.";
    tasks: Gauge = "process_tasks" []
        "Asynchronous tasks that are alive.";
    collections: Counter = "redis_info_collections_total" ["role", "outcome"]
        "Collections of INFO.";
}

impl Metrics {
    /// A command of a role ended.
    pub(crate) fn redis_command(&self, role: &str, took: Duration, ok: bool) {
        self.commands.observe(&[role, if ok { "ok" } else { "error" }], took);
    }

    /// The breaker of a role refused a command.
    pub(crate) fn refused_by_breaker(&self, role: &str) {
        self.refusals.add(&[role]);
    }

    /// A role connected.
    pub(crate) fn connected(&self, role: &str) {
        self.connections.add(&[role]);
    }

    /// A role lost its connection or gave it up.
    pub(crate) fn disconnected(&self, role: &str, why: &str) {
        self.disconnections.add(&[role, why]);
    }
}
