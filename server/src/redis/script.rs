//! Lua scripts: one atomic step on the server, sent by hash and, where unknown, in full.

use std::sync::{Arc, LazyLock};

use redis::{Arg, Cmd, ToRedisArgs};

/// A script and its source.
pub(crate) struct Script(redis::Script, Arc<str>);

impl Script {
    pub(crate) fn new(source: &str) -> Self {
        Self(redis::Script::new(source), source.into())
    }

    /// The script with its keys and arguments.
    pub(crate) fn with(&self, keys: &[&str]) -> Invocation {
        let mut by_hash = redis::cmd("EVALSHA");
        by_hash.arg(self.0.get_hash()).arg(keys.len()).arg(keys);
        Invocation { by_hash, source: Arc::clone(&self.1) }
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

/// A script that is compiled in; see [`lua`].
pub(crate) type Lua = LazyLock<Script>;

/// A script of one file or several, one after the other, by their paths from the caller's file:
/// `static X: Lua = lua!("lua/common.lua", "lua/x.lua")`.
macro_rules! lua {
    ($($file:literal),+) => {
        $crate::redis::Lua::new(|| $crate::redis::Script::new(concat!($(include_str!($file)),+)))
    };
}
pub(crate) use lua;

/// A call of a script.
pub(crate) struct Invocation {
    pub(crate) by_hash: Cmd,
    source: Arc<str>,
}

impl Invocation {
    /// Adds an argument.
    pub(crate) fn arg(mut self, value: impl ToRedisArgs) -> Self {
        self.by_hash.arg(value);
        self
    }

    /// The same call with the script in full: made where it is needed, since a script is longer
    /// than all of its arguments.
    pub(crate) fn whole(&self) -> Cmd {
        let mut whole = redis::cmd("EVAL");
        whole.arg(&*self.source);
        for argument in self.by_hash.args_iter().skip(2) {
            if let Arg::Simple(bytes) = argument {
                whole.arg(bytes);
            }
        }
        whole
    }
}
