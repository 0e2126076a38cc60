//! Asks a node for everything that the checks examine. Nothing is changed, and no question holds
//! the node up.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};

use super::Depth;
use super::node::{Keys, Node, Slow};
use super::places::Place;
use crate::clock;
use crate::redis::{Login, bare};
use crate::settings::Settings;

/// Entries of the slow log that are read.
const ENTRIES: u32 = 128;
/// Keys that are asked for at once.
const PAGE: u32 = 500;

/// All facts of a node. Each answer has its own time to come in: a node is silent when it gives
/// none, not when there is much to ask it.
///
/// # Errors
/// It cannot be reached, refuses the login, or is silent; in words.
pub(super) async fn node(settings: &Settings, place: &Place, depth: Depth) -> Result<Node, String> {
    let patience = place.dialer.timeout + settings.redis.command_timeout;
    ask(settings, place, patience, depth).await.map_err(|error| in_words(&error))
}

fn in_words(error: &RedisError) -> String {
    if error.is_timeout() { "it is silent".to_owned() } else { error.to_string() }
}

/// A connection on which no answer is waited for any longer than `patience`.
async fn connect(
    place: &Place,
    login: &Login,
    patience: Duration,
) -> Result<MultiplexedConnection, RedisError> {
    let (mut connection, _driver) = bare(&place.dialer, &place.address, login).await?;
    connection.set_response_timeout(patience);
    Ok(connection)
}

async fn ask(
    settings: &Settings,
    place: &Place,
    patience: Duration,
    depth: Depth,
) -> Result<Node, RedisError> {
    let connection = &mut connect(place, &place.login, patience).await?;
    let info: String = redis::cmd("INFO").query_async(connection).await?;
    let (seconds, _): (u64, u64) = redis::cmd("TIME").query_async(connection).await?;
    let mut keys = Keys { complete: true, ..Keys::default() };
    for database in &place.databases {
        let login = Login { database: *database, ..place.login.clone() };
        let walked = match connect(place, &login, patience).await {
            Ok(connection) => walk(connection, depth, &mut keys).await,
            Err(error) => Err(error),
        };
        if let Err(error) = walked {
            keys.failed = Some(in_words(&error));
        }
    }
    let wanted = settings.queues.replicas.filter(|_| place.roles.contains(&"main"));
    Ok(Node {
        address: place.address.to_string(),
        roles: place.roles.clone(),
        replicas_wanted: wanted.unwrap_or(0),
        pings: pings(connection, depth.pings).await?,
        info,
        config: redis::cmd("CONFIG").arg("GET").arg("*").query_async(connection).await.ok(),
        slow: slow(connection, seconds).await.ok(),
        keys,
    })
}

async fn pings(
    connection: &mut MultiplexedConnection,
    count: u32,
) -> Result<Vec<Duration>, RedisError> {
    let mut all = Vec::new();
    for _ in 0..count.max(1) {
        let started = clock::now();
        redis::cmd("PING").query_async::<Value>(connection).await?;
        all.push(started.elapsed());
    }
    all.sort();
    Ok(all)
}

/// `now` in seconds, by the node's clock. Arguments may be secret: only the first one is kept.
async fn slow(connection: &mut MultiplexedConnection, now: u64) -> Result<Vec<Slow>, RedisError> {
    type Entry = (u64, u64, u64, Vec<String>, Value, Value);
    let mut get = redis::cmd("SLOWLOG");
    get.arg("GET").arg(ENTRIES);
    let entries: Vec<Entry> = get.query_async(connection).await?;
    let entries = entries.into_iter().map(|(_, at, micros, words, ..)| Slow {
        age: Duration::from_secs(now.saturating_sub(at)),
        took: Duration::from_micros(micros),
        command: words.into_iter().take(2).collect::<Vec<_>>().join(" "),
    });
    Ok(entries.collect())
}

/// Looks at the keys of a database, some at a time, until all, enough, or the time has passed.
async fn walk(
    mut connection: MultiplexedConnection,
    depth: Depth,
    keys: &mut Keys,
) -> Result<(), RedisError> {
    let until = clock::now() + depth.scan;
    let (mut cursor, mut seen) = ("0".to_owned(), 0_u64);
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(&cursor).arg("COUNT").arg(PAGE);
        let (next, page): (String, Vec<Vec<u8>>) = scan.query_async(&mut connection).await?;
        let mut sizes = redis::pipe();
        for key in &page {
            sizes.cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(5);
        }
        let sizes: Vec<Option<u64>> = match page.is_empty() {
            true => Vec::new(),
            false => sizes.query_async(&mut connection).await?,
        };
        for (key, size) in page.iter().zip(sizes) {
            let size = size.unwrap_or(0);
            if keys.largest.as_ref().is_none_or(|(_, largest)| size > *largest) {
                keys.largest = Some((String::from_utf8_lossy(key).into_owned(), size));
            }
        }
        seen += page.len() as u64;
        cursor = next;
        let enough = seen >= u64::from(depth.keys) || clock::now() >= until;
        if cursor == "0" || enough {
            keys.complete &= cursor == "0";
            keys.seen += seen;
            return Ok(());
        }
    }
}
