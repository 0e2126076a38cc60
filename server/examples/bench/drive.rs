//! The load: connections that each ask, wait for the whole answer, and ask again.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::clock;
use crate::routes::Request;

/// Before this much time has passed nothing is counted.
pub(crate) const WARM_UP: Duration = Duration::from_millis(200);

/// Numbers no two requests alike.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What was answered in a time.
pub(crate) struct Served {
    pub(crate) count: u64,
    pub(crate) time: Duration,
}

impl Served {
    pub(crate) fn per_second(&self) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let count = self.count as f64;
        count / self.time.as_secs_f64()
    }

    /// `cpu` a request, in µs.
    pub(crate) fn each(&self, cpu: Duration) -> f64 {
        1e6 * cpu.as_secs_f64() / (self.per_second() * self.time.as_secs_f64()).max(1.0)
    }
}

/// An answer as it came.
pub(crate) struct Answer<'a>(&'a [u8]);

impl Answer<'_> {
    pub(crate) fn status(&self) -> &str {
        self.0.get(9..12).and_then(|code| std::str::from_utf8(code).ok()).unwrap_or("nothing")
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.status().starts_with('2')
    }

    fn split(&self) -> (String, &[u8]) {
        let end = head_end(self.0).unwrap_or(self.0.len());
        (String::from_utf8_lossy(&self.0[..end]).into_owned(), &self.0[end..])
    }

    pub(crate) fn body(&self) -> String {
        String::from_utf8_lossy(self.split().1).into_owned()
    }

    pub(crate) fn body_length(&self) -> usize {
        self.split().1.len()
    }

    pub(crate) fn header(&self, name: &str) -> String {
        let (head, _) = self.split();
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default().to_owned()
    }

    /// A text in the body's object.
    pub(crate) fn field(&self, name: &str) -> String {
        let body: Value = serde_json::from_slice(self.split().1).unwrap_or_default();
        body[name].as_str().unwrap_or_default().to_owned()
    }
}

/// A connection that is asked one thing at a time.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    pub(crate) async fn ask(&mut self, request: &Request) -> Result<Answer<'_>> {
        self.send(&request.bytes).await
    }

    /// Asks what nobody has asked before, where the request has a place for that.
    pub(crate) async fn ask_anew(
        &mut self,
        request: &Request,
        number: usize,
    ) -> Result<Answer<'_>> {
        self.send(&anew(request, request.of_connection(number))).await
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(bytes).await?;
        self.buffer.clear();
        let mut whole = usize::MAX;
        while self.buffer.len() < whole {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the connection was closed");
            if whole == usize::MAX {
                whole = whole_length(&self.buffer).unwrap_or(usize::MAX);
            }
        }
        Ok(Answer(&self.buffer))
    }
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    Some(bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4)
}

/// The length of an answer, once its head is there.
fn whole_length(bytes: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length: ";
    let end = head_end(bytes)?;
    let at = bytes[..end].windows(NAME.len()).position(|name| name == NAME)?;
    let digits = bytes[at + NAME.len()..end].iter().take_while(|byte| byte.is_ascii_digit());
    Some(end + digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0')))
}

/// Asks over `connections` for `length` and counts; `cpu` is read at both ends of the count.
pub(crate) async fn drive(
    address: SocketAddr,
    request: &Request,
    connections: usize,
    length: Duration,
    cpu: impl Fn() -> Result<Duration>,
) -> Result<(Served, Duration)> {
    let (answered, ended) = (AtomicU64::new(0), AtomicBool::new(false));
    let load = (0..connections).map(|number| ask(address, request, number, &answered, &ended));
    let count = async {
        tokio::time::sleep(WARM_UP).await;
        let (since, before, spent) = (clock::now(), answered.load(Ordering::Relaxed), cpu()?);
        tokio::time::sleep(length).await;
        let time = since.elapsed();
        let (count, spent) = (answered.load(Ordering::Relaxed) - before, cpu()? - spent);
        ended.store(true, Ordering::Relaxed);
        anyhow::Ok((Served { count, time }, spent))
    };
    let (_, counted) = tokio::try_join!(futures_util::future::try_join_all(load), count)?;
    Ok(counted)
}

async fn ask(
    address: SocketAddr,
    request: &Request,
    number: usize,
    answered: &AtomicU64,
    ended: &AtomicBool,
) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    let mut bytes = request.of_connection(number);
    while !ended.load(Ordering::Relaxed) {
        bytes = anew(request, bytes);
        let answer = connection.send(&bytes).await?;
        ensure!(answer.succeeded(), "a request was answered {}", answer.status());
        answered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// The request's bytes with a new number in them.
fn anew(request: &Request, mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(at) = request.of_request {
        let number = format!("{:08}", NEXT.fetch_add(1, Ordering::Relaxed) % 100_000_000);
        bytes[at..at + number.len()].copy_from_slice(number.as_bytes());
    }
    bytes
}
