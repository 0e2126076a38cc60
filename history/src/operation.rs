//! One operation: a fixed-size record of 64 bytes.

use crate::log::Record;
use crate::{Action, Capability, Outcome};
use serde::Serialize;

/// The instance of an operation that addressed none.
pub const NO_INSTANCE: u8 = u8::MAX;

/// Yes-or-no facts about an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Flags(pub u16);

impl Flags {
    /// The answer said that it came from the cache.
    pub const HIT: Self = Self(1);
    /// Asked after the load ended, to learn the final state; no rate or latency counts it.
    pub const FINAL: Self = Self(1 << 1);
    /// At the intended start every virtual user was busy: the target was slow, not the generator.
    pub const NO_IDLE_VU: Self = Self(1 << 2);
    /// The answer said that it was made without Redis.
    pub const DEGRADED: Self = Self(1 << 3);
    /// The answer said that nothing was done.
    pub const PROMISED_REFUSED: Self = Self(1 << 4);
    /// No whole answer came within the client's time-out.
    pub const TIMED_OUT: Self = Self(1 << 5);
    /// The effect was answered with an error on demand.
    pub const FAILED_ON_DEMAND: Self = Self(1 << 6);

    /// True when every flag of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One operation of a virtual user, or one effect that a dependency saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// Sequence number in the run, from 1; effects have their own numbering.
    pub seq: u64,
    /// When it should have started: the arrival's time. For effects and final reads, `started`.
    pub intended_ns: u64,
    /// When the request was begun.
    pub started_ns: u64,
    /// When the answer's last byte had been read, or the attempt was given up.
    pub finished_ns: u64,
    /// What it was about; see [`Action`].
    pub key: u64,
    /// What it wrote or read; see [`Action`].
    pub value: u64,
    /// The virtual user, from 0 in each capability.
    pub vu: u32,
    /// HTTP status, 0 without an answer.
    pub status: u16,
    /// Whose scenario did it.
    pub capability: Capability,
    /// What was done.
    pub action: Action,
    /// What is known of it.
    pub outcome: Outcome,
    /// The instance that was addressed, [`NO_INSTANCE`] if none.
    pub instance: u8,
    /// Yes-or-no facts.
    pub flags: Flags,
    /// The load segment, from 0.
    pub segment: u16,
}

impl Operation {
    /// Latency as a user feels it: from the intended start, in nanoseconds.
    pub const fn latency_ns(&self) -> u64 {
        self.finished_ns.saturating_sub(self.intended_ns)
    }

    /// Latency from the real start, in nanoseconds.
    pub const fn service_ns(&self) -> u64 {
        self.finished_ns.saturating_sub(self.started_ns)
    }

    /// True when it was acknowledged.
    pub fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }

    /// True when the service answered as it means to: acknowledged, or declined because what was
    /// asked for is not there (a session whose time is over, a job that was never submitted). What
    /// availability counts: a 5xx, a time-out, a broken connection and any other 4xx are none of
    /// it. Whether the thing should have been there is for other checks.
    pub fn is_answered(&self) -> bool {
        let may_be_gone = !matches!(self.capability, Capability::Cache | Capability::Limiter);
        self.is_ok() || (may_be_gone && matches!(self.status, 401 | 404 | 410))
    }

    /// True for a request of the load: not a final read, not a message or an effect.
    pub fn is_load(&self) -> bool {
        self.action.is_request() && !self.flags.has(Flags::FINAL)
    }
}

impl Record for Operation {
    const SIZE: usize = 64;
    const MAGIC: [u8; 8] = *b"REDRILOP";

    fn encode(&self, out: &mut Vec<u8>) {
        for word in
            [self.seq, self.intended_ns, self.started_ns, self.finished_ns, self.key, self.value]
        {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&self.vu.to_le_bytes());
        out.extend_from_slice(&self.status.to_le_bytes());
        out.extend_from_slice(&[
            self.capability as u8,
            self.action as u8,
            self.outcome as u8,
            self.instance,
        ]);
        out.extend_from_slice(&self.flags.0.to_le_bytes());
        out.extend_from_slice(&self.segment.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let word = |index: usize| -> Option<u64> {
            Some(u64::from_le_bytes(bytes.get(index * 8..index * 8 + 8)?.try_into().ok()?))
        };
        let short = |at: usize| -> Option<u16> {
            Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
        };
        Some(Self {
            seq: word(0)?,
            intended_ns: word(1)?,
            started_ns: word(2)?,
            finished_ns: word(3)?,
            key: word(4)?,
            value: word(5)?,
            vu: u32::from_le_bytes(bytes.get(48..52)?.try_into().ok()?),
            status: short(52)?,
            capability: Capability::from_code(*bytes.get(54)?)?,
            action: Action::from_code(*bytes.get(55)?)?,
            outcome: Outcome::from_code(*bytes.get(56)?)?,
            instance: *bytes.get(57)?,
            flags: Flags(short(58)?),
            segment: short(60)?,
        })
    }
}
