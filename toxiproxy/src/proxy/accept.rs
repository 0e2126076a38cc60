//! Accepting connections and dialling for each, apart, so that a slow dial delays no other.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::connection::{Connection, has_news};
use super::link::reset_on_drop;
use super::live::{Live, Registered};
use crate::clock;
use crate::cut::Mode;

/// How long an upstream may take to accept.
const DIAL_WITHIN: Duration = Duration::from_secs(30);
/// The pause after a failed accept: it fails for want of file descriptors, which come back.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// How often an upstream that refused is tried again.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// How long it may take to accept then; it is tried again.
const TRY_FOR: Duration = Duration::from_secs(1);

/// A running listener.
pub(super) struct Acceptor(JoinHandle<()>);

impl Acceptor {
    /// Accepts in a task of its own.
    pub(super) fn spawn(listener: TcpListener, upstream: String, live: Arc<Live>) -> Acceptor {
        Acceptor(tokio::spawn(accept(listener, Arc::from(upstream), live)))
    }

    /// Closes the listener; when this returns, connecting is refused.
    pub(super) async fn stop(self) {
        self.0.abort();
        // The only outcome is that of the abort.
        let _ = self.0.await;
    }
}

async fn accept(mut listener: TcpListener, upstream: Arc<str>, live: Arc<Live>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, peer)) => {
                    let registered = live.register();
                    tokio::spawn(carry(client, peer.ip(), Arc::clone(&upstream), registered));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a client");
                    sleep(ACCEPT_AGAIN_AFTER).await;
                }
            },
            () = live.upstream_refused.notified() => {
                listener = match listener.local_addr() {
                    // Otherwise the refusal is of before it was to refuse no more.
                    Ok(address) if live.manners().refuse => {
                        drop(listener);
                        listen_with(&upstream, address, &live).await
                    }
                    _ => listener,
                };
            }
        }
    }
}

/// Refuses connections as the upstream does, until the upstream takes them again or the proxy is to
/// refuse no more.
async fn listen_with(upstream: &str, address: SocketAddr, live: &Live) -> TcpListener {
    loop {
        sleep(TRY_AGAIN_AFTER).await;
        let is_to_refuse = live.manners().refuse;
        if is_to_refuse && !accepts(upstream).await {
            continue;
        }
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => tracing::warn!(%address, %error, "cannot listen again"),
        }
    }
}

async fn accepts(upstream: &str) -> bool {
    matches!(timeout(TRY_FOR, TcpStream::connect(upstream)).await, Ok(Ok(_)))
}

/// A connection from its acceptance to its end.
async fn carry(client: TcpStream, peer: IpAddr, upstream: Arc<str>, mut registered: Registered) {
    let Some(server) = reach(&client, peer, &upstream, &mut registered).await else { return };
    if let Ok(source) = server.local_addr() {
        // It is reached once.
        let _ = registered.control.source.set(source);
    }
    // Latency is the toxic's business, not Nagle's. A dead socket refuses the option.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    Connection::new(&registered, peer, client, server).run().await;
}

/// The connection to the upstream, once the peer is not cut off; none if it ended before.
async fn reach(
    client: &TcpStream,
    peer: IpAddr,
    upstream: &str,
    registered: &mut Registered,
) -> Option<TcpStream> {
    let mut frozen = None;
    let dial_at = clock::now() + registered.live.manners().accept_delay;
    loop {
        let cut = registered.settings.cut.mode_for(peer);
        let lossy = frozen == Some(Mode::Drop) && cut.is_none() && has_news(client);
        if lossy || cut == Some(Mode::Reset) {
            // A dead socket refuses the option.
            let _ = reset_on_drop(client);
            return None;
        }
        frozen = cut;
        tokio::select! {
            biased;
            notice = registered.control.notice() => {
                if notice.closing {
                    return None;
                }
                registered.settings = Arc::clone(&notice.settings);
            }
            dialled = timeout_at(dial_at + DIAL_WITHIN, dial(upstream, dial_at)),
                if cut.is_none() =>
            {
                return match dialled {
                    Ok(Ok(server)) => Some(server),
                    Ok(Err(error)) => {
                        match error.kind() {
                            io::ErrorKind::ConnectionRefused => refuse(client, &registered.live),
                            // Accepted, and reset before that was seen here. Only a dead socket
                            // refuses the option.
                            io::ErrorKind::ConnectionReset => drop(reset_on_drop(client)),
                            _ => {}
                        }
                        unreachable(upstream, &error)
                    }
                    Err(_) => unreachable(upstream, &io::ErrorKind::TimedOut.into()),
                };
            }
        }
    }
}

/// Where the proxy is to refuse what its upstream refuses: this client is reset, because it is too
/// late to refuse it, and those after it are refused.
fn refuse(client: &TcpStream, live: &Live) {
    if live.manners().refuse {
        // A dead socket refuses the option.
        let _ = reset_on_drop(client);
        live.upstream_refused.notify_one();
    }
}

async fn dial(upstream: &str, at: Instant) -> io::Result<TcpStream> {
    sleep_until(at).await;
    TcpStream::connect(upstream).await
}

fn unreachable(upstream: &str, error: &io::Error) -> Option<TcpStream> {
    tracing::info!(upstream, %error, "unable to open a connection to the upstream");
    None
}
