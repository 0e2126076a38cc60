//! What is stored of a response, and under which key.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::upstream::Question;
use crate::{clock, hex};

/// Where the response to a question is stored.
#[derive(Clone)]
pub(crate) struct Key {
    /// The Redis key: 16 digits over `prompt:model:temperature:maxTokens`, as other services
    /// compute it. Questions that differ can share it, since a prompt may contain colons.
    pub(crate) name: String,
    /// Tells all questions apart, so that a response is never served to another question.
    pub(crate) id: [u8; 32],
}

/// A response and how it came about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) response: String,
    pub(crate) metadata: Metadata,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) model: String,
    pub(crate) temperature: f64,
    pub(crate) max_tokens: u64,
    /// When the model answered, in ms since the Unix epoch.
    pub(crate) timestamp: u64,
    /// How long the model took, in ms.
    pub(crate) response_time: u64,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    fingerprint: String,
    #[serde(flatten)]
    entry: Entry,
}

impl Key {
    /// `prefix` goes before the digits.
    pub(crate) fn of(question: &Question, prefix: &str) -> Self {
        let Question { prompt, model, temperature, max_tokens } = question;
        let short = Sha256::digest(format!("{prompt}:{model}:{temperature}:{max_tokens}"));
        let lengths = format!("{}:{}:", prompt.len(), model.len());
        let full = format!("{lengths}{prompt}:{model}:{temperature}:{max_tokens}");
        Self {
            name: format!("{prefix}{}", hex::encode(&short[..8])),
            id: Sha256::digest(full).into(),
        }
    }

    /// The entry as it is stored.
    pub(crate) fn seal(&self, entry: &Entry) -> Vec<u8> {
        let sealed = Sealed { fingerprint: hex::encode(&self.id), entry: entry.clone() };
        serde_json::to_vec(&sealed).unwrap_or_default()
    }

    /// The entry that is stored, if it answers this very question.
    pub(crate) fn open(&self, stored: &[u8]) -> Option<Entry> {
        let sealed: Sealed = serde_json::from_slice(stored).ok()?;
        (sealed.fingerprint == hex::encode(&self.id)).then_some(sealed.entry)
    }
}

impl Entry {
    pub(crate) fn new(response: String, question: &Question, took: Duration) -> Self {
        let metadata = Metadata {
            model: question.model.clone(),
            temperature: question.temperature,
            max_tokens: question.max_tokens,
            timestamp: clock::unix_ms(),
            response_time: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        Self { response, metadata }
    }

    /// Since the model answered, in ms.
    pub(crate) fn age_ms(&self) -> u64 {
        clock::unix_ms().saturating_sub(self.metadata.timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(prompt: &str, model: &str) -> Question {
        let (prompt, model) = (prompt.to_owned(), model.to_owned());
        Question { prompt, model, temperature: 0.7, max_tokens: 2048 }
    }

    #[test]
    fn the_key_is_the_one_that_other_services_compute() {
        // printf '%s' 'hi:llama2:7b:0.7:2048' | sha256sum | cut -c1-16
        let key = Key::of(&question("hi", "llama2:7b"), "cache:llm:response:");
        assert_eq!(key.name, "cache:llm:response:07060103d5581cd1");
    }

    #[test]
    fn questions_that_share_a_key_do_not_share_a_response() {
        let (one, other) = (question("hi", "llama2:7b"), question("hi:llama2", "7b"));
        let (key, same) = (Key::of(&one, ""), Key::of(&other, ""));
        assert_eq!(key.name, same.name);
        let stored = key.seal(&Entry::new("yes".to_owned(), &one, Duration::ZERO));
        assert!(key.open(&stored).is_some());
        assert!(same.open(&stored).is_none());
    }
}
