//! Which connections to Redis are encrypted, and with what.

use std::path::Path;

use super::Args;
use super::read::Reader;
use crate::redis::Tls;

/// What all encrypted connections are made with; nothing where none is encrypted.
pub(super) struct Encryption(Option<Tls>);

impl Encryption {
    pub(super) fn read(read: &mut Reader, args: &Args) -> Self {
        let Args { redis_tls, redis_cache_tls, redis_sessions_tls, redis_sentinel_tls, .. } = args;
        let all = [redis_tls, redis_cache_tls, redis_sessions_tls, redis_sentinel_tls];
        if !all.into_iter().flatten().any(|given| given == "true") {
            return Self(None);
        }
        let Args { redis_tls_ca: ca, redis_tls_cert: certificate, redis_tls_key: key, .. } = args;
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((Path::new(certificate), Path::new(key))),
            (None, None) => None,
            (certificate, _) => {
                let (one, other) = match certificate {
                    Some(_) => ("REDIS_TLS_CERT", "REDIS_TLS_KEY"),
                    None => ("REDIS_TLS_KEY", "REDIS_TLS_CERT"),
                };
                read.unusable(format!("{one} is set; {other} must be set too"));
                None
            }
        };
        match Tls::new(ca.as_deref().map(Path::new), identity) {
            Ok(tls) => Self(Some(tls)),
            Err(error) => {
                let files = "REDIS_TLS_CA, REDIS_TLS_CERT and REDIS_TLS_KEY must be PEM files";
                read.unusable(format!("{files}: {error}"));
                Self(None)
            }
        }
    }

    /// Is anything encrypted?
    pub(super) fn is_used(&self) -> bool {
        self.0.is_some()
    }

    /// What the setting `name` says; nothing where it is not given.
    pub(super) fn of(
        &self,
        read: &mut Reader,
        name: &str,
        given: Option<&str>,
    ) -> Option<Option<Tls>> {
        let wanted = read.choice(name, given?, &[("true", true), ("false", false)]);
        Some(self.0.clone().filter(|_| wanted))
    }
}
