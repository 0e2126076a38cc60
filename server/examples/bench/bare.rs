//! What is measured: the server, and the two limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use redrill_server::{Args, Settings};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::drive::WARM_UP;
use crate::monitor::Command;
use crate::process;

/// Says where the parent can reach this.
#[allow(clippy::print_stdout)]
fn say(text: &str) {
    println!("{text}");
}

/// The reference server, until the parent ends it.
pub(crate) async fn serve(args: &Args) -> Result<()> {
    let settings = Settings::try_from(args).map_err(|error| anyhow!(error))?;
    let ready = |address: SocketAddr| say(&address.to_string());
    Ok(redrill_server::run(settings, ready, std::future::pending()).await?)
}

/// One route that takes JSON, where there is any, and answers `length` bytes of JSON.
pub(crate) async fn axum(length: usize) -> Result<()> {
    let body: Arc<str> = format!("\"{}\"", "a".repeat(length.saturating_sub(2))).into();
    let answer = move |request: Request| {
        let body = Arc::clone(&body);
        async move {
            if request.headers().contains_key(CONTENT_TYPE) {
                use axum::extract::FromRequest as _;
                drop(Json::<Value>::from_request(request, &()).await);
            }
            ([(CONTENT_TYPE, "application/json")], body.as_bytes().to_vec())
        }
    };
    let router = Router::new().fallback(answer);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(&listener.local_addr()?.to_string());
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, router).await?)
}

/// Sends the commands on standard input for `length` and says how many µs of CPU a turn took.
pub(crate) async fn redis(port: u16, tasks: usize, length: Duration) -> Result<()> {
    let commands: Vec<Command> = serde_json::from_reader(std::io::stdin())?;
    let mut databases = std::collections::BTreeMap::new();
    for command in &commands {
        let url = format!("redis://127.0.0.1:{port}/{}", command.database);
        let connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
        databases.insert(command.database, connection);
    }
    let (commands, turns) = (Arc::new(commands), Arc::new(AtomicU64::new(0)));
    for _ in 0..tasks {
        let (commands, turns) = (Arc::clone(&commands), Arc::clone(&turns));
        let mut databases = databases.clone();
        tokio::spawn(async move {
            loop {
                for command in commands.iter() {
                    let mut words = command.words.iter();
                    let mut cmd = redis::cmd(words.next().map_or("", String::as_str));
                    for word in words {
                        cmd.arg(word);
                    }
                    let connection = databases.get_mut(&command.database);
                    let connection = connection.context("each database has a connection")?;
                    cmd.query_async::<redis::Value>(connection).await?;
                }
                turns.fetch_add(1, Ordering::Relaxed);
            }
            #[allow(unreachable_code, reason = "it names the type of the errors")]
            anyhow::Ok(())
        });
    }
    tokio::time::sleep(WARM_UP).await;
    let own = std::process::id();
    let (before, spent) = (turns.load(Ordering::Relaxed), process::cpu(own)?);
    tokio::time::sleep(length).await;
    let turns = turns.load(Ordering::Relaxed) - before;
    let spent = process::cpu(own)? - spent;
    anyhow::ensure!(turns > 0, "Redis answered nothing");
    #[allow(clippy::cast_precision_loss)]
    say(&(spent.as_secs_f64() * 1e6 / turns as f64).to_string());
    Ok(())
}
