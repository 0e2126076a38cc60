//! Presence in Redis.

use std::time::Duration;

use crate::redis::{Failure, Invocation, Link, Lua, Repeat, Script, lua};

static APPLY: Lua = lua!("lua/common.lua", "lua/settle.lua", "lua/apply.lua");
static LAPSED: Lua = lua!("lua/common.lua", "lua/settle.lua", "lua/lapsed.lua");
static MISSED: Lua = lua!("lua/common.lua", "lua/settle.lua", "lua/missed.lua");
static LIST: Lua = lua!("lua/common.lua", "lua/list.lua");
static SOCKETS: Lua = lua!("lua/common.lua", "lua/sockets.lua");

/// The hash tag is the same for all keys: a script lists users and counts sockets in one step.
const BASE: &str = "presence:{all}:";
/// The most users that one script settles.
const USERS: usize = 100;

/// A socket of a user begins or goes on, or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) here: bool,
    pub(super) user: String,
    pub(super) socket: String,
}

/// A user who is online, with the message that said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Online {
    pub(super) user: String,
    pub(super) seq: u64,
    /// The socket by which the user came online.
    pub(super) origin: String,
}

pub(super) struct Store {
    pub(super) link: Link,
    base: String,
    /// Whose status changes is said here.
    pub(super) channel: String,
    ttl: u64,
}

impl Store {
    pub(super) fn new(link: &Link, ttl: Duration) -> Self {
        let base = link.key(BASE);
        let (link, channel) = (link.pinned(&base), format!("{base}status"));
        Self { link, base, channel, ttl: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX) }
    }

    fn script(&self, script: &Script) -> Invocation {
        script.on_slot_of(&self.base)
    }

    /// Applies changes in order, in one step. Applying them again changes nothing. Gives the time
    /// until the next user is given up, unless renewed; nothing where nobody is online.
    pub(super) async fn apply(&self, changes: &[Change]) -> Result<Option<Duration>, Failure> {
        let mut script = self.script(&APPLY).arg(&self.channel).arg(self.ttl);
        for change in changes {
            let sign = if change.here { "+" } else { "-" };
            script = script.arg(sign).arg(&change.user).arg(&change.socket);
        }
        self.rest(&script).await
    }

    /// Has users whose sockets are all given up said to be offline, some of them where there are
    /// many. Gives the time until the next one is given up.
    pub(super) async fn lapsed(&self) -> Result<Option<Duration>, Failure> {
        self.rest(&self.script(&LAPSED).arg(&self.channel)).await
    }

    async fn rest(&self, script: &Invocation) -> Result<Option<Duration>, Failure> {
        let rest: i64 = self.link.run(script, Repeat::Safe).await?.value;
        Ok(u64::try_from(rest).ok().map(Duration::from_millis))
    }

    /// Settles users who were known to be online and are not listed. Gives those who are offline,
    /// each with the number with which that is to be said.
    pub(super) async fn missed(&self, users: &[String]) -> Result<Vec<(String, u64)>, Failure> {
        let mut gone = Vec::new();
        for users in users.chunks(USERS) {
            let script = self.script(&MISSED).arg(&self.channel).arg(users);
            let some: Vec<(String, u64)> = self.link.run(&script, Repeat::Safe).await?.value;
            gone.extend(some);
        }
        Ok(gone)
    }

    /// Who is online.
    pub(super) async fn online(&self) -> Result<Vec<Online>, Failure> {
        let script = self.script(&LIST);
        let rows: Vec<(String, String)> = self.link.run(&script, Repeat::Safe).await?.value;
        let online = rows.into_iter().map(|(user, told)| {
            let (seq, origin) = told.split_once(' ').unwrap_or((&told, ""));
            Online { user, seq: seq.parse().unwrap_or(0), origin: origin.to_owned() }
        });
        Ok(online.collect())
    }

    /// How many sockets a user has.
    pub(super) async fn sockets(&self, user: &str) -> Result<u64, Failure> {
        Ok(self.link.run(&self.script(&SOCKETS).arg(user), Repeat::Safe).await?.value)
    }
}
