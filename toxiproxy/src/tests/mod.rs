//! Tests on real sockets. A lower bound proves that a fault acted, an upper bound that it did no
//! more; the upper bounds leave room for a busy machine.

mod api;
mod changelog;
mod cut;
mod links;
mod races;
mod redis;
mod relay;
mod scope;
mod shaping;
mod torture;
mod toxics;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{Client, NewProxy, NewToxic};
use crate::random::fresh_seed;
use crate::{Options, clock, serve};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough to be told from promptness on a busy machine, short enough to wait for.
const DELAY: Duration = Duration::from_millis(300);
/// What a busy machine may add: less than one more delay, so that a fault that acts twice is seen.
const SLACK: Duration = Duration::from_millis(290);

/// A server with a proxy `p` before an upstream.
struct Rig {
    client: Client,
    listen: SocketAddr,
    upstream: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// A server on a free port.
async fn server(options: Options) -> (Client, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let served = serve(listener, options, std::future::pending());
    let task = tokio::spawn(async { served.await.expect("the server serves") });
    (Client::new(address), task)
}

/// A listener on a port outside the range from which connections take theirs, so that it can be
/// given up and taken again.
async fn lasting_listener() -> TcpListener {
    let start = fresh_seed() % 12_000;
    for number in 0..12_000 {
        let port = 20_000 + u16::try_from((start + number) % 12_000).expect("a small number");
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return listener;
        }
    }
    panic!("every port from 20000 to 31999 is taken");
}

/// A proxy before a server that echoes.
async fn echo_rig() -> Rig {
    let listener = lasting_listener().await;
    let upstream = listener.local_addr().expect("its address");
    let echo = tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = socket.into_split();
                // A reset is one of the ways in which a test ends a connection.
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    rig(upstream, echo).await
}

/// A proxy before an upstream whose connections the test takes itself.
async fn manual_rig() -> (Rig, TcpListener) {
    let listener = lasting_listener().await;
    let upstream = listener.local_addr().expect("its address");
    (rig(upstream, tokio::spawn(async {})).await, listener)
}

async fn rig(upstream: SocketAddr, task: JoinHandle<()>) -> Rig {
    let (client, served) = server(Options { seed: Some(1), ..Options::default() }).await;
    let listen = lasting_listener().await.local_addr().expect("its address");
    let created = client.create(&NewProxy::new("p", &listen, &upstream)).await;
    let listen = created.expect("the proxy is created").listen.parse().expect("an address");
    Rig { client, listen, upstream, tasks: vec![served, task] }
}

impl Rig {
    async fn dial(&self) -> TcpStream {
        let socket = TcpStream::connect(self.listen).await.expect("the proxy accepts");
        socket.set_nodelay(true).expect("the option is taken");
        socket
    }

    /// A connection from 127.0.0.`last`.
    async fn dial_from(&self, last: u8) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::new(peer(last), 0).into()).expect("the address is ours");
        socket.connect(&self.listen.into()).expect("the proxy accepts");
        socket.set_nonblocking(true).expect("the option is taken");
        TcpStream::from_std(socket.into()).expect("a socket of the runtime")
    }

    async fn add(&self, toxic: NewToxic) {
        self.client.add_toxic("p", &toxic).await.expect("the toxic is added");
    }
}

fn peer(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

/// Sends and waits for as many bytes; the time that took.
async fn round_trip(socket: &mut TcpStream, data: &[u8]) -> Duration {
    let began = clock::now();
    socket.write_all(data).await.expect("the proxy takes the bytes");
    let mut answer = vec![0; data.len()];
    read_exact(socket, &mut answer).await;
    assert_eq!(answer, data, "the echo must be what was sent");
    began.elapsed()
}

async fn read_exact(socket: &mut TcpStream, buffer: &mut [u8]) {
    let read = timeout(PATIENCE, socket.read_exact(buffer)).await;
    read.expect("an answer in time").expect("a whole answer");
}

/// What the next read gives; the connection must not stay silent.
async fn next_read(socket: &mut TcpStream) -> io::Result<usize> {
    let mut buffer = [0; 1024];
    timeout(PATIENCE, socket.read(&mut buffer)).await.expect("something is heard in time")
}

/// Asserts that nothing is heard for a while.
async fn assert_silent(socket: &mut TcpStream) {
    let mut buffer = [0; 16];
    let heard = timeout(DELAY, socket.read(&mut buffer)).await;
    assert!(heard.is_err(), "nothing may be heard, but {heard:?} was");
}

/// Which of the connections have got anything, once all had the time to.
async fn heard(sockets: &[TcpStream]) -> Vec<bool> {
    tokio::time::sleep(DELAY).await;
    sockets.iter().map(|socket| matches!(socket.try_read(&mut [0; 1]), Ok(1))).collect()
}

fn assert_about(took: Duration, wanted: Duration) {
    assert!(took >= wanted, "took {took:?}, less than {wanted:?}");
    assert!(took <= wanted + SLACK, "took {took:?}, much more than {wanted:?}");
}

fn is_reset<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::ConnectionReset)
}
