//! Seeing whether a fault acts: one PING on a connection of its own, and what becomes of it.

use redrill_history::clock::instant_now;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long a healthy process may take to answer on a busy machine.
pub(super) const HEALTHY: Duration = Duration::from_secs(5);
/// A silence that is long enough to be one.
pub(super) const SILENCE: Duration = Duration::from_millis(150);

/// What became of a PING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// An answer, after this time.
    Answer(Duration),
    /// Nobody listens.
    Refused,
    /// The connection was closed or reset.
    Closed,
    /// Nothing within this time.
    Silence(Duration),
}

impl Seen {
    /// Whether there was an answer.
    pub(super) fn is_answer(self) -> bool {
        matches!(self, Self::Answer(_))
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(after) => write!(f, "a PING was answered after {} ms", after.as_millis()),
            Self::Refused => f.write_str("a connection was refused"),
            Self::Closed => f.write_str("a connection was closed without an answer"),
            Self::Silence(within) => {
                write!(f, "a PING was not answered within {} ms", within.as_millis())
            }
        }
    }
}

/// Sends a PING to `address` from `source`, and waits.
pub(super) async fn ping(source: IpAddr, address: SocketAddr, within: Duration) -> Seen {
    let began = instant_now();
    match timeout(within, exchange(source, address)).await {
        Ok(Ok(true)) => Seen::Answer(began.elapsed()),
        Err(_) => Seen::Silence(within),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Seen::Refused,
        Ok(Ok(false) | Err(_)) => Seen::Closed,
    }
}

/// A PING from the harness's own address.
pub(super) async fn ping_from_harness(address: SocketAddr, within: Duration) -> Seen {
    ping(Ipv4Addr::LOCALHOST.into(), address, within).await
}

/// Whether an answer came before the connection was closed. Any answer will do: an error reply
/// (LOADING) shows that the link works, too.
async fn exchange(source: IpAddr, address: SocketAddr) -> io::Result<bool> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    let mut stream: TcpStream = socket.connect(address).await?;
    stream.write_all(b"PING\r\n").await?;
    let mut byte = [0];
    Ok(stream.read(&mut byte).await? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn answer_silence_close_and_refusal_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let silence = Duration::from_millis(20);
        assert_eq!(ping_from_harness(address, silence).await, Seen::Silence(silence));
        let serve = async {
            // The first connection is the silent one of above.
            drop(listener.accept().await.unwrap());
            drop(listener.accept().await.unwrap());
            let (mut answering, peer) = listener.accept().await.unwrap();
            answering.write_all(b"+PONG\r\n").await.unwrap();
            drop(listener);
            peer.ip()
        };
        let probe = async {
            let closed = ping_from_harness(address, HEALTHY).await;
            (closed, ping([127, 0, 0, 1].into(), address, HEALTHY).await)
        };
        let (peer, (closed, answered)) = tokio::join!(serve, probe);
        assert_eq!(peer, IpAddr::from([127, 0, 0, 1]));
        assert_eq!(closed, Seen::Closed);
        assert!(answered.is_answer());
        assert_eq!(ping_from_harness(address, HEALTHY).await, Seen::Refused);
    }
}
