//! Which commands a redis toxic acts on, and what it does to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rand::Rng;
use rand::rngs::SmallRng;

use super::command::Command;
use crate::random;
use crate::toxic::Toxic;
use crate::toxics::redis as attributes;

/// What happens to a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// It, and all behind it, waits.
    Delay(Duration),
    /// It is not executed and answered with this error.
    Error(Bytes),
    /// It vanishes, and all behind it.
    Drop,
    /// It is executed and its reply vanishes, and all replies behind it.
    LoseReply,
    /// The connection closes instead of executing it.
    CloseBefore,
    /// It is executed and the connection closes instead of the reply.
    CloseAfter,
}

/// A redis toxic on one connection.
pub(super) struct Rule {
    /// The toxic's identity and version.
    of: (u64, u64),
    /// Whether the toxic acts on this connection.
    acts: bool,
    names: Vec<String>,
    key_pattern: Vec<u8>,
    share: f64,
    action: Action,
    acted: Arc<AtomicU64>,
    random: SmallRng,
}

impl Rule {
    /// The rule of a toxic on the connection with this seed. The next version of a rule that acted
    /// keeps the place among the `first`.
    pub(super) fn new(toxic: &Toxic, connection_seed: u64, before: Option<&Rule>) -> Rule {
        let values = &toxic.attributes;
        let mut random = random::generator(connection_seed, (toxic.dice(), toxic.version));
        let names = values.text(&attributes::COMMANDS);
        let words = names.split([',', ' ']).filter(|name| !name.is_empty());
        let has_place = || match before {
            Some(before) => before.acts || toxic.scope.has_places_for_all(),
            None => toxic.scope.take_place(1),
        };
        Rule {
            of: (toxic.id, toxic.version),
            acts: random.random::<f64>() < toxic.toxicity && has_place(),
            names: words.map(str::to_ascii_uppercase).collect(),
            key_pattern: values.text(&attributes::KEYS).as_bytes().to_vec(),
            share: values.share(&attributes::SHARE),
            action: attributes::action(values),
            acted: Arc::clone(&toxic.acted),
            random,
        }
    }

    /// Whether it is the rule of this toxic, in this version.
    pub(super) fn is_of(&self, toxic: &Toxic) -> bool {
        self.of == (toxic.id, toxic.version)
    }

    /// Whether it is the rule of this toxic, in some version.
    pub(super) fn was_of(&self, toxic: &Toxic) -> bool {
        self.of.0 == toxic.id
    }

    /// What it does to this command, if it acts on it: the dice are thrown last.
    pub(super) fn act_on(&mut self, name: &str, command: &Command) -> Option<Action> {
        let named = self.names.is_empty() || self.names.iter().any(|wanted| wanted == name);
        let keyed = || {
            let keys = command.keys();
            keys.iter().any(|key| glob(&self.key_pattern, key))
        };
        let meant = self.acts && named && (self.key_pattern.is_empty() || keyed());
        (meant && self.random.random::<f64>() < self.share).then(|| {
            self.acted.fetch_add(1, Ordering::Relaxed);
            self.action.clone()
        })
    }

    /// Whether it names this command, rather than meaning all.
    pub(super) fn names(&self, name: &str) -> bool {
        self.names.iter().any(|wanted| wanted == name)
    }
}

/// Whether a text matches a pattern in which `*` stands for any bytes and `?` for any one.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_globs() {
        for (pattern, text, matches) in [
            ("session:*", "session:7", true),
            ("session:*", "job:7", false),
            ("*:7", "a:b:7", true),
            ("*:7", "a:b:77", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "aXbYbZc", true),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), matches, "{pattern} {text}");
        }
    }
}
