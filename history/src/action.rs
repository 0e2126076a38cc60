//! What can be done to a service, and what the service does to its dependencies.

use serde::{Deserialize, Serialize};

/// A use that services make of Redis, exercised by one scenario and judged by its checkers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Capability {
    /// Read-through cache in front of the model API.
    Cache = 1,
    /// User sessions.
    Sessions = 2,
    /// Rate limits.
    Limiter = 3,
    /// Job queues.
    Queue = 4,
    /// Who is online.
    Presence = 5,
}

impl Capability {
    /// Every capability, in the order in which reports show them.
    pub const ALL: [Self; 5] =
        [Self::Cache, Self::Sessions, Self::Limiter, Self::Queue, Self::Presence];

    /// The name in plans, logs and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Sessions => "sessions",
            Self::Limiter => "limiter",
            Self::Queue => "queue",
            Self::Presence => "presence",
        }
    }

    /// The capability of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.name() == name)
    }

    /// What its virtual users ask of the service, as rates and latency count it.
    pub const fn requests(self) -> &'static [Action] {
        match self {
            Self::Cache => &[Action::Generate],
            Self::Sessions => &[
                Action::Login,
                Action::SessionWrite,
                Action::SessionRead,
                Action::Logout,
                Action::DeadRead,
            ],
            Self::Limiter => &[Action::Hit],
            Self::Queue => &[Action::Submit],
            Self::Presence => &[Action::Online, Action::Lookup],
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| *capability as u8 == code)
    }
}

/// What one operation did. The meaning of an operation's `key` and `value` goes with its action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Action {
    /// Cache: ask for a response. Key: prompt. Value: the prompt that the response answers
    /// (`u64::MAX` when it answers none that was asked, or holds no response).
    Generate = 1,
    /// Sessions: log in. Key: session (each login makes a new one; its user has the same number).
    Login = 10,
    /// Sessions: write the field. Key: session. Value: number written, rising in a session.
    SessionWrite = 11,
    /// Sessions: read. Key: session. Value: number read, 0 when the field is absent.
    /// Observation: `owner`, the user whom the answer names.
    SessionRead = 12,
    /// Sessions: log out. Key: session.
    Logout = 13,
    /// Sessions: read with the cookie of a session that was logged out. Key: session.
    /// Status 401 is what must come.
    DeadRead = 14,
    /// Limiter: one request of a client. Key: `policy << 32 | client` (see
    /// [`Action::limiter_key`]). Value: 1 admitted, 0 rejected.
    Hit = 20,
    /// Queue: submit a job. Key: job. Value: queue (0 model calls, 1 mails).
    Submit = 30,
    /// Queue: ask for a job's state. Key: job. Value: see [`Action::JOB_STATES`].
    JobStatus = 31,
    /// Presence: open a socket and go online. Key: user. Value: the socket's number.
    Online = 40,
    /// Presence: close the socket. Key: user. Value: the socket's number.
    Offline = 41,
    /// Presence: ask an instance about a user. Key: user. Value: 1 online, 0 offline.
    Lookup = 42,
    /// Presence: a status message arrived at a virtual user's socket. Key: the user it is about.
    /// Value: its sequence number `<< 1`, plus 1 for online. Started = finished = arrival.
    StatusMessage = 43,
    /// Presence: a socket was closed by the other side. Key: user. Value: the socket's number.
    Dropped = 44,
    /// Effect: the service called the model API. Key: prompt (cache) or job (queue).
    /// Value: the attempt it named, 0 if none.
    ModelCall = 50,
    /// Effect: the service called the mail API. Key: job. Value: the attempt it named, 0 if none.
    MailCall = 51,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 16] = [
        Self::Generate,
        Self::Login,
        Self::SessionWrite,
        Self::SessionRead,
        Self::Logout,
        Self::DeadRead,
        Self::Hit,
        Self::Submit,
        Self::JobStatus,
        Self::Online,
        Self::Offline,
        Self::Lookup,
        Self::StatusMessage,
        Self::Dropped,
        Self::ModelCall,
        Self::MailCall,
    ];

    /// What the value of a [`Action::JobStatus`] means: the index is the value.
    pub const JOB_STATES: [&'static str; 6] =
        ["absent", "waiting", "active", "delayed", "completed", "failed"];

    /// The name in logs and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Login => "login",
            Self::SessionWrite => "write",
            Self::SessionRead => "read",
            Self::Logout => "logout",
            Self::DeadRead => "read-after-logout",
            Self::Hit => "hit",
            Self::Submit => "submit",
            Self::JobStatus => "job-status",
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Lookup => "lookup",
            Self::StatusMessage => "status-message",
            Self::Dropped => "dropped",
            Self::ModelCall => "model-call",
            Self::MailCall => "mail-call",
        }
    }

    /// True where a broken answer leaves open whether the service's state changed.
    pub const fn is_write(self) -> bool {
        matches!(
            self,
            Self::Login
                | Self::SessionWrite
                | Self::Logout
                | Self::Hit
                | Self::Submit
                | Self::Online
                | Self::Offline
                | Self::ModelCall
                | Self::MailCall
        )
    }

    /// True for what a virtual user asked of the service and waited for: what rates, latency and
    /// availability count.
    pub const fn is_request(self) -> bool {
        !matches!(
            self,
            Self::StatusMessage | Self::Dropped | Self::ModelCall | Self::MailCall | Self::Offline
        )
    }

    /// The key of a limiter's client under a policy.
    pub const fn limiter_key(policy: u32, client: u32) -> u64 {
        (policy as u64) << 32 | client as u64
    }

    /// Policy and client of a limiter's key.
    pub const fn limiter_parts(key: u64) -> (u32, u32) {
        ((key >> 32) as u32, (key & 0xffff_ffff) as u32)
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|action| *action as u8 == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_distinct_and_come_back() {
        for action in Action::ALL {
            assert_eq!(Action::from_code(action as u8), Some(action));
            assert_eq!(Action::ALL.iter().filter(|other| other.name() == action.name()).count(), 1);
        }
        for capability in Capability::ALL {
            assert_eq!(Capability::from_code(capability as u8), Some(capability));
            assert_eq!(Capability::from_name(capability.name()), Some(capability));
        }
    }

    #[test]
    fn the_requests_of_the_capabilities_are_all_requests_there_are() {
        let mut listed: Vec<Action> =
            Capability::ALL.iter().flat_map(|of| of.requests()).copied().collect();
        let mut all: Vec<Action> =
            Action::ALL.into_iter().filter(|action| action.is_request()).collect();
        all.retain(|action| *action != Action::JobStatus);
        listed.sort_unstable();
        all.sort_unstable();
        assert_eq!(listed, all);
    }

    #[test]
    fn a_limiter_key_comes_apart_again() {
        assert_eq!(Action::limiter_parts(Action::limiter_key(2, 7)), (2, 7));
    }
}
