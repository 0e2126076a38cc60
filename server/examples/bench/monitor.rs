//! The Redis commands of a request, as `MONITOR` shows them.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::drive::Connection;
use crate::process::Machine;
use crate::routes::Request;

/// A command, with the database in which it was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Command {
    pub(crate) database: u32,
    pub(crate) words: Vec<String>,
}

/// Asks a few times; the fewest commands that were seen are the request's own, since the server
/// also sends some on its own account.
pub(crate) async fn commands(machine: &Machine, request: &Request) -> Result<Vec<Command>> {
    let mut connection = Connection::open(machine.server.address).await?;
    let mut fewest: Option<Vec<Command>> = None;
    for _ in 0..5 {
        let mut monitor = BufReader::new(TcpStream::connect(("127.0.0.1", machine.port)).await?);
        monitor.write_all(b"MONITOR\r\n").await?;
        let mut line = String::new();
        monitor.read_line(&mut line).await?;
        connection.ask_anew(request, 0).await?;
        machine.ask("ECHO the-end").context("Redis does not answer")?;
        let mut seen = Vec::new();
        loop {
            line.clear();
            monitor.read_line(&mut line).await?;
            match parse(&line) {
                Some(command) if command.words.iter().any(|word| word == "the-end") => break,
                Some(command) => seen.push(command),
                None => {}
            }
        }
        if fewest.as_ref().is_none_or(|fewest| seen.len() < fewest.len()) {
            fewest = Some(seen);
        }
    }
    Ok(fewest.unwrap_or_default())
}

/// Reads `+1339518083.107412 [0 127.0.0.1:60866] "get" "key"`; nothing of what scripts call.
fn parse(line: &str) -> Option<Command> {
    let (_, rest) = line.split_once('[')?;
    let (place, words) = rest.split_once("] ")?;
    let (database, client) = place.split_once(' ')?;
    if client == "lua" {
        return None;
    }
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = words.chars();
    while let Some(character) = characters.next() {
        match (&mut word, character) {
            (None, '"') => word = Some(String::new()),
            (None, _) => {}
            (Some(_), '"') => found.extend(word.take()),
            (Some(text), '\\') => text.push(characters.next()?),
            (Some(text), character) => text.push(character),
        }
    }
    Some(Command { database: database.parse().ok()?, words: found })
}
