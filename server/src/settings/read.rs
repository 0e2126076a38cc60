//! Reads values as text and remembers all that are wrong.

use std::fmt::Debug;
use std::str::FromStr;
use std::time::Duration;

use super::Keep;
use crate::redis::is_host;

/// Something to go on with after a wrong value, so that the next one is read too.
pub(super) trait Placeholder {
    fn placeholder() -> Self;
}

impl Placeholder for std::net::IpAddr {
    fn placeholder() -> Self {
        std::net::Ipv4Addr::LOCALHOST.into()
    }
}

impl Placeholder for crate::redis::Address {
    fn placeholder() -> Self {
        Self { host: String::new(), port: 0 }
    }
}

#[derive(Default)]
pub(super) struct Reader {
    problems: Vec<String>,
}

impl Reader {
    pub(super) fn wrong(&mut self, name: &str, value: &str, must: &str) {
        // What is before an @ in a URL may be a password.
        let shown = match value.rsplit_once('@') {
            Some((_, rest)) => format!("…@{rest}"),
            None => value.to_owned(),
        };
        self.problems.push(format!("{name} is {shown:?}; it must be {must}"));
    }

    /// Something that is wrong with more than one setting.
    pub(super) fn unusable(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// The settings, or all that was wrong, a line each.
    pub(super) fn finish<T>(self, settings: T) -> Result<T, String> {
        if self.problems.is_empty() { Ok(settings) } else { Err(self.problems.join("\n")) }
    }

    pub(super) fn parsed<T: FromStr + Placeholder>(
        &mut self,
        name: &str,
        value: &str,
        must: &str,
    ) -> T {
        value.parse().unwrap_or_else(|_| {
            self.wrong(name, value, must);
            T::placeholder()
        })
    }

    /// The name or IP address of a host, whose port is in another setting.
    pub(super) fn host(&mut self, name: &str, value: &str, port: &str) -> String {
        let host = value.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = host.unwrap_or(value);
        if !is_host(host) {
            let must = "a host name or an IP address and nothing else";
            self.wrong(name, value, &format!("{must}; write the port to {port}"));
        }
        host.to_owned()
    }

    pub(super) fn number<T>(&mut self, name: &str, value: &str, least: u32, most: u32) -> T
    where
        T: TryFrom<u32>,
        T::Error: Debug,
    {
        let number = value.parse().ok().filter(|number| (least..=most).contains(number));
        let number = number.unwrap_or_else(|| {
            self.wrong(name, value, &format!("a whole number from {least} to {most}"));
            least
        });
        T::try_from(number).expect("the bounds of a setting fit its type")
    }

    pub(super) fn millis(&mut self, name: &str, value: &str, least: u32, most: u32) -> Duration {
        Duration::from_millis(self.number(name, value, least, most))
    }

    /// Seconds, with decimals where they are needed.
    pub(super) fn seconds(&mut self, name: &str, value: &str, least: f64, most: f64) -> Duration {
        let seconds = value.parse().ok().filter(|number| (least..=most).contains(number));
        Duration::from_secs_f64(seconds.unwrap_or_else(|| {
            self.wrong(name, value, &format!("a number of seconds from {least} to {most}"));
            least
        }))
    }

    pub(super) fn choice<T: Copy>(&mut self, name: &str, value: &str, among: &[(&str, T)]) -> T {
        match among.iter().find(|(choice, _)| *choice == value) {
            Some((_, meaning)) => *meaning,
            None => {
                let names: Vec<&str> = among.iter().map(|(choice, _)| *choice).collect();
                self.wrong(name, value, &format!("one of {}", names.join(", ")));
                among[0].1
            }
        }
    }

    pub(super) fn boolean(&mut self, name: &str, value: &str) -> bool {
        self.choice(name, value, &[("true", true), ("false", false)])
    }

    pub(super) fn log_level(&mut self, name: &str, value: &str) -> String {
        if tracing_subscriber::EnvFilter::try_new(value).is_err() {
            self.wrong(name, value, "error, warn, info, debug, trace, or directives for tracing");
        }
        value.to_owned()
    }

    pub(super) fn url(&mut self, name: &str, value: Option<&str>) -> Option<String> {
        let value = value?;
        let known = value.starts_with("http://") && reqwest::Url::parse(value).is_ok();
        if !known {
            self.wrong(name, value, "an http:// URL");
        }
        Some(value.to_owned())
    }

    pub(super) fn keep(&mut self, name: &str, value: &str) -> Keep {
        match (value, value.parse()) {
            ("all", _) => Keep::All,
            (_, Ok(count)) => Keep::Last(count),
            _ => {
                self.wrong(name, value, "a whole number or all");
                Keep::All
            }
        }
    }

    pub(super) fn durability(&mut self, name: &str, value: &str) -> Option<u32> {
        if value == "async" {
            return None;
        }
        let replicas = value.strip_prefix("replicas:").and_then(|count| count.parse().ok());
        let replicas = replicas.filter(|count| (1..=100).contains(count));
        if replicas.is_none() {
            self.wrong(name, value, "async, or replicas:N with N from 1 to 100");
        }
        replicas
    }
}

/// May this be sent as `X-Instance-Id` and be part of a key?
pub(super) fn is_header_value(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    (1..=64).contains(&text.len()) && text.chars().all(plain)
}
