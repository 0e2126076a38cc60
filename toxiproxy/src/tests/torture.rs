//! Many connections at work while the toxics never stand still: no byte is lost, none is swapped,
//! and nothing is left behind.

use rand::Rng;
use serde_json::json;
use tokio::task::JoinSet;

use super::*;
use crate::client::{Stream, ToxicUpdate};
use crate::random::generator;

const CONNECTIONS: u64 = 200;
const BYTES: usize = 1 << 20;
const CHANGES: u32 = 1000;

/// The toxics that lose nothing, harsh enough to hold data whenever they are changed.
fn toxic(number: u32) -> NewToxic {
    let toxic = match number % 5 {
        0 => NewToxic::latency(Duration::from_millis(8), Duration::from_millis(5)),
        1 => NewToxic::new("bandwidth").attribute("rate", 20_000),
        2 => NewToxic::new("slicer").attribute("average_size", 3000).attribute("delay", 20),
        3 => NewToxic::new("slow_close").attribute("delay", 5),
        _ => NewToxic::new("noop").toxicity(0.5),
    };
    let stream = if number.is_multiple_of(2) { Stream::Upstream } else { Stream::Downstream };
    toxic.on(stream).named(format!("t{number}"))
}

/// Echoes a stream of its own, in both directions at once, and compares every byte.
async fn echo(listen: SocketAddr, number: u64) {
    let mut sent = vec![0_u8; BYTES];
    generator(number, "torture").fill(&mut sent[..]);
    let (mut read, mut write) =
        TcpStream::connect(listen).await.expect("the proxy accepts").into_split();
    let copy = sent.clone();
    let writer = async move {
        for chunk in copy.chunks(10_000) {
            write.write_all(chunk).await.expect("the proxy takes the bytes");
        }
        write.shutdown().await.expect("closed for writing");
    };
    let mut answer = Vec::with_capacity(BYTES);
    let reader = async { read.read_to_end(&mut answer).await.expect("the echo ends") };
    tokio::join!(writer, reader);
    assert!(answer == sent, "connection {number} got {} other bytes", answer.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_byte_is_lost_while_toxics_come_change_and_go() {
    let rig = echo_rig().await;
    let mut echoes = JoinSet::new();
    for number in 0..CONNECTIONS {
        echoes.spawn(echo(rig.listen, number));
    }
    let mut random = generator(1, "changes");
    let mut present: Vec<u32> = Vec::new();
    for number in 0..CHANGES {
        let choice = random.random_range(0..3);
        if choice == 0 || present.is_empty() {
            rig.add(toxic(number)).await;
            present.push(number);
        } else {
            let place = random.random_range(0..present.len());
            let name = format!("t{}", present[place]);
            if choice == 1 && present.len() < 4 {
                let attributes = json!({"latency": 2, "rate": 50_000, "average_size": 500});
                let attributes = attributes.as_object().expect("an object").clone();
                let update = ToxicUpdate { toxicity: Some(0.8), attributes };
                rig.client.update_toxic("p", &name, &update).await.expect("updated");
            } else {
                rig.client.remove_toxic("p", &name).await.expect("removed");
                present.swap_remove(place);
            }
        }
    }
    rig.client.reset().await.expect("reset");
    let all = async { while echoes.join_next().await.transpose().expect("an echo").is_some() {} };
    timeout(Duration::from_secs(120), all).await.expect("every echo ends");
    let bytes = CONNECTIONS * BYTES as u64;
    let mut traffic = rig.client.traffic("p").await.expect("told");
    // The clients have seen their ends; the proxy sees the last of theirs a moment later.
    while traffic.live > 0 {
        tokio::task::yield_now().await;
        traffic = rig.client.traffic("p").await.expect("told");
    }
    assert_eq!(traffic.accepted, CONNECTIONS);
    for flow in [traffic.upstream, traffic.downstream] {
        assert_eq!((flow.received_bytes, flow.sent_bytes), (bytes, bytes));
    }
}
