//! Seeing whether a fault acts: one PING on a connection of its own, and what becomes of it.

use crate::environment::Login;
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
/// The harness's own source address.
pub(super) const HARNESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// A silence that is long enough to be one.
pub(super) const SILENCE: Duration = Duration::from_millis(150);

/// What is sent, and when its answer is whole.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    /// What proofs call it.
    pub(super) what: String,
    /// The bytes that are sent.
    pub(super) request: Vec<u8>,
    /// What the whole answer is.
    pub(super) answer: Answer,
    /// Who asks.
    pub(super) login: Option<Login>,
}

/// What a whole answer is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// So many bytes.
    Bytes(usize),
    /// So many lines.
    Lines(usize),
    /// Whatever comes until the connection is closed.
    ToTheEnd,
}

impl Probe {
    /// A PING. Any answer will do: an error reply (LOADING) shows that the link works, too.
    pub(super) fn ping() -> Self {
        let answer = Answer::Bytes(1);
        Self { what: "a PING".to_owned(), request: b"PING\r\n".to_vec(), answer, login: None }
    }

    /// A command with an answer of one line.
    pub(super) fn line(words: &[&str]) -> Self {
        let what = format!("a {}", words.first().copied().unwrap_or_default());
        Self { what, request: command(words), answer: Answer::Lines(1), login: None }
    }

    /// The same, by somebody.
    pub(super) fn by(self, login: Option<Login>) -> Self {
        Self { login, ..self }
    }

    /// A PING that carries so many bytes, and brings them back.
    pub(super) fn ping_of(bytes: usize) -> Self {
        Self {
            what: format!("a PING of {bytes} bytes"),
            request: command(&["PING", &"x".repeat(bytes)]),
            answer: Answer::Bytes(bytes),
            login: None,
        }
    }
}

/// A command as clients send it.
pub(super) fn command(words: &[&str]) -> Vec<u8> {
    let words = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    let words: Vec<String> = words.collect();
    format!("*{}\r\n{}", words.len(), words.concat()).into_bytes()
}

/// What became of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The whole answer, after this time.
    Answer(Duration),
    /// Nobody listens.
    Refused,
    /// The connection was closed or reset.
    Closed,
    /// No whole answer within this time.
    Silence(Duration),
}

impl Seen {
    /// Whether there was an answer.
    pub(super) fn is_answer(self) -> bool {
        matches!(self, Self::Answer(_))
    }

    /// As a sentence on what was sent.
    pub(super) fn of(self, what: &str) -> String {
        match self {
            Self::Answer(after) => format!("{what} was answered after {} ms", after.as_millis()),
            Self::Refused => "a connection was refused".to_owned(),
            Self::Closed => "a connection was closed without an answer".to_owned(),
            Self::Silence(within) => {
                format!("{what} was not answered within {} ms", within.as_millis())
            }
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.of("a PING"))
    }
}

/// Sends a PING to `address` from `source`, and waits.
pub(super) async fn ping(source: IpAddr, address: SocketAddr, within: Duration) -> Seen {
    send(source, address, &Probe::ping(), within).await.0
}

/// A PING from the harness's own address.
pub(super) async fn ping_from_harness(address: SocketAddr, within: Duration) -> Seen {
    ping(HARNESS, address, within).await
}

/// Sends a probe to `address` from `source`, and waits; with what came of its answer.
pub(super) async fn send(
    source: IpAddr,
    address: SocketAddr,
    probe: &Probe,
    within: Duration,
) -> (Seen, String) {
    let began = instant_now();
    let mut answer = Vec::new();
    let seen = match timeout(within, exchange(source, address, probe, &mut answer)).await {
        Ok(Ok(true)) => Seen::Answer(began.elapsed()),
        Err(_) => Seen::Silence(within),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Seen::Refused,
        Ok(Ok(false) | Err(_)) => Seen::Closed,
    };
    (seen, String::from_utf8_lossy(&answer).into_owned())
}

/// A connection from `source`, logged in.
pub(super) async fn open(
    source: IpAddr,
    address: SocketAddr,
    login: Option<&Login>,
) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // From an address of the loopback nobody is reached elsewhere.
    if address.is_ipv4() && address.ip().is_loopback() {
        socket.bind((source, 0).into())?;
    }
    let mut stream: TcpStream = socket.connect(address).await?;
    if let Some(login) = login {
        let password = login.password().map_err(io::Error::other)?;
        let words = ["AUTH"].into_iter().chain(login.username.as_deref()).chain([&*password]);
        stream.write_all(&command(&words.collect::<Vec<_>>())).await?;
        while stream.read_u8().await? != b'\n' {}
    }
    Ok(stream)
}

/// Whether the whole answer came before the connection was closed.
async fn exchange(
    source: IpAddr,
    address: SocketAddr,
    probe: &Probe,
    answer: &mut Vec<u8>,
) -> io::Result<bool> {
    let mut stream = open(source, address, probe.login.as_ref()).await?;
    let (mut from, mut to) = stream.split();
    // A large request and its answer are on the way at once.
    let sent = async {
        to.write_all(&probe.request).await?;
        std::future::pending::<io::Result<bool>>().await
    };
    let read = async {
        loop {
            let is_over = from.read_buf(answer).await? == 0;
            if is_over || probe.answer.is_whole(answer) {
                return Ok(is_over == matches!(probe.answer, Answer::ToTheEnd));
            }
        }
    };
    tokio::select! {
        done = sent => done,
        done = read => done,
    }
}

impl Answer {
    fn is_whole(self, answer: &[u8]) -> bool {
        match self {
            Self::Bytes(count) => answer.len() >= count,
            Self::Lines(count) => answer.iter().filter(|byte| **byte == b'\n').count() >= count,
            Self::ToTheEnd => false,
        }
    }
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
