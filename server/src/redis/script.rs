//! Lua scripts: one atomic step on the server, sent by hash and, where unknown, in full.

use redis::{Cmd, ToRedisArgs};
use std::sync::LazyLock;

/// A script and its SHA-1 digest.
pub(crate) struct Script(redis::Script, String);

impl Script {
    pub(crate) fn new(source: &str) -> Self {
        Self(redis::Script::new(source), source.to_owned())
    }

    /// The script with its keys and arguments.
    pub(crate) fn with(&self, keys: &[&str]) -> Invocation {
        let build = |name: &str, body: &str| {
            let mut cmd = redis::cmd(name);
            cmd.arg(body).arg(keys.len()).arg(keys);
            cmd
        };
        Invocation { by_hash: build("EVALSHA", self.0.get_hash()), whole: build("EVAL", &self.1) }
    }
}

impl Script {
    /// The script for keys that it computes itself, all of which begin with `base` and so live in
    /// one slot. Two keys that never exist are named: while that slot moves to another node, Redis
    /// then answers TRYAGAIN and neither node runs the script on a part of the data.
    pub(crate) fn on_slot_of(&self, base: &str) -> Invocation {
        self.with(&[base, &format!("{base}all")])
    }
}

/// A script that is compiled in: `static X: Lua = lua(|| Script::new(include_str!("x.lua")))`.
pub(crate) type Lua = LazyLock<Script>;

/// A call of a script in both of its forms.
pub(crate) struct Invocation {
    pub(crate) by_hash: Cmd,
    pub(crate) whole: Cmd,
}

impl Invocation {
    /// Adds an argument.
    pub(crate) fn arg(mut self, value: impl ToRedisArgs + Copy) -> Self {
        self.by_hash.arg(value);
        self.whole.arg(value);
        self
    }
}
