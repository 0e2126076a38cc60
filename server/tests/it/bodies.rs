//! A body that nobody reads is bounded like any other, and a connection outlives it.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::server::Server;

const MIB: usize = 1024 * 1024;

/// A connection on which requests are written by hand.
struct Raw(BufReader<TcpStream>);

impl Raw {
    async fn to(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address).await.expect("the server listens");
        Self(BufReader::new(stream))
    }

    /// Sends a request and gives the status of its answer, if there is one.
    async fn send(&mut self, head: &str, body: &[u8]) -> Option<u16> {
        let head = format!("{head}\r\nhost: a\r\n\r\n");
        self.0.write_all(&[head.as_bytes(), body].concat()).await.ok()?;
        self.answer().await
    }

    async fn answer(&mut self) -> Option<u16> {
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await.ok()?;
            let line = line.trim_end().to_lowercase();
            if let Some(text) = line.strip_prefix("http/1.1 ") {
                status = text.get(..3)?.parse().ok();
            } else if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.parse().ok()?;
            } else if line.is_empty() {
                break;
            }
        }
        self.0.read_exact(&mut vec![0; length]).await.ok()?;
        status
    }
}

/// In chunks, whose total is not told before.
fn chunked(length: usize) -> Vec<u8> {
    let chunk = [b"10000\r\n", &[b'a'; 0x1_0000][..], b"\r\n"].concat();
    [chunk.repeat(length / 0x1_0000), b"0\r\n\r\n".to_vec()].concat()
}

#[tokio::test]
async fn bodies_that_nobody_reads_are_bounded_and_the_connection_goes_on() {
    const CHUNKED: &str = "transfer-encoding: chunked";
    let server = Server::unconnected(&[]).await;
    let mut raw = Raw::to(&server).await;
    for (route, good) in [("GET /openapi.json", 200), ("POST /openapi.json", 405), ("GET /a", 404)]
    {
        let told = |length: usize| format!("{route} HTTP/1.1\r\ncontent-length: {length}");
        let untold = format!("{route} HTTP/1.1\r\n{CHUNKED}");
        for (status, length) in [(good, MIB), (413, 2 * MIB)] {
            let what = format!("{route} with {length} bytes");
            let answer = raw.send(&told(length), &vec![b'a'; length]).await;
            assert_eq!(answer, Some(status), "{what}");
            assert_eq!(raw.send(&untold, &chunked(length)).await, Some(status), "{what}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_sent_is_not_waited_for() {
    let server = Server::unconnected(&[]).await;
    let large = "content-length: 2000000\r\nexpect: 100-continue";
    for (head, status) in [("transfer-encoding: chunked", 200), (large, 413)] {
        let mut raw = Raw::to(&server).await;
        let head = format!("GET /openapi.json HTTP/1.1\r\n{head}");
        let answer = tokio::time::timeout(Duration::from_secs(20), raw.send(&head, b"")).await;
        assert_eq!(answer, Ok(Some(status)), "{head}");
    }
}
