//! The toxics that shape the stream: bandwidth, slow_close, slicer, limit_data, packet_loss, noop.

use super::*;
use crate::client::Stream;

fn bandwidth(rate: u64) -> NewToxic {
    NewToxic::new("bandwidth").attribute("rate", rate).on(Stream::Upstream)
}

fn limit(bytes: u64) -> NewToxic {
    NewToxic::new("limit_data").attribute("bytes", bytes)
}

#[tokio::test]
async fn bandwidth_holds_its_rate_and_loses_nothing() {
    let (rig, upstream) = manual_rig().await;
    rig.add(bandwidth(1000)).await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    let sent: Vec<u8> = (0..400_000_u32).map(|number| (number % 251) as u8).collect();
    let began = clock::now();
    client.write_all(&sent[..150_000]).await.expect("sent");
    let rest = sent[150_000..].to_vec();
    let writer = tokio::spawn(async move {
        client.write_all(&rest).await.expect("sent");
        client
    });
    let mut all = vec![0; sent.len()];
    read_exact(&mut server, &mut all).await;
    assert_about(began.elapsed(), Duration::from_millis(400));
    assert!(all == sent, "the bytes must be what was sent");
    drop(writer.await.expect("the writer ends"));
}

/// testcontainers cuts a connection in this way, and expects the data back.
#[tokio::test]
async fn a_bandwidth_of_nothing_stops_the_data_and_keeps_it() {
    let rig = echo_rig().await;
    let mut socket = rig.dial().await;
    rig.add(bandwidth(0)).await;
    socket.write_all(b"kept").await.expect("sent");
    assert_silent(&mut socket).await;
    rig.client.remove_toxic("p", "bandwidth_upstream").await.expect("removed");
    let mut kept = [0; 4];
    read_exact(&mut socket, &mut kept).await;
    assert_eq!(&kept, b"kept");
}

#[tokio::test]
async fn slow_close_delays_the_close_and_not_the_data() {
    let (rig, upstream) = manual_rig().await;
    let slow_close = NewToxic::new("slow_close").attribute("delay", DELAY.as_millis() as u64);
    rig.add(slow_close).await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    let began = clock::now();
    server.write_all(b"last").await.expect("sent");
    drop(server);
    read_exact(&mut client, &mut [0; 4]).await;
    assert!(began.elapsed() < DELAY);
    assert_eq!(next_read(&mut client).await.expect("closed, not reset"), 0);
    assert_about(began.elapsed(), DELAY);
}

#[tokio::test]
async fn slicer_cuts_small_pieces_with_pauses_and_loses_nothing() {
    let (rig, upstream) = manual_rig().await;
    let slicer = NewToxic::new("slicer").attribute("average_size", 100);
    let slicer = slicer.attribute("size_variation", 50).attribute("delay", 10_000);
    rig.add(slicer).await;
    let mut client = rig.dial().await;
    let (mut server, _) = upstream.accept().await.expect("the proxy dials");
    let sent: Vec<u8> = (0..2000_u32).map(|number| (number % 251) as u8).collect();
    let began = clock::now();
    server.write_all(&sent).await.expect("sent");
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    let mut largest = 0;
    while all.len() < sent.len() {
        let read = timeout(PATIENCE, client.read(&mut piece)).await;
        let read = read.expect("in time").expect("bytes");
        largest = largest.max(read);
        all.extend_from_slice(&piece[..read]);
    }
    assert_eq!(all, sent);
    assert!(largest < 1000, "a read of {largest} bytes is not sliced");
    let (least, most) = (Duration::from_millis(100), Duration::from_millis(400) + SLACK);
    // Pieces of 50 to 150 bytes are 14 to 40, each with its pause of 10 ms.
    assert!((least..most).contains(&began.elapsed()), "pauses took {:?}", began.elapsed());
}

#[tokio::test]
async fn limit_data_lets_exactly_so_many_bytes_pass_and_closes() {
    let rig = echo_rig().await;
    rig.add(limit(100)).await;
    let mut socket = rig.dial().await;
    round_trip(&mut socket, &[1; 60]).await;
    socket.write_all(&[2; 60]).await.expect("sent");
    let mut rest = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut rest)).await.expect("in time");
    read.expect("closed, not reset");
    assert_eq!(rest, [2; 40]);
}

/// The count stays when the limit changes, and removing the toxic lets everything pass.
#[tokio::test]
async fn limit_data_counts_across_updates() {
    let rig = echo_rig().await;
    rig.add(limit(1000)).await;
    let mut socket = rig.dial().await;
    round_trip(&mut socket, &[1; 60]).await;
    let mut update = crate::client::ToxicUpdate::default();
    update.attributes.insert("bytes".into(), 100.into());
    rig.client.update_toxic("p", "limit_data_downstream", &update).await.expect("updated");
    round_trip(&mut socket, &[2; 30]).await;
    socket.write_all(&[3; 60]).await.expect("sent");
    let mut rest = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut rest)).await.expect("in time");
    read.expect("closed, not reset");
    assert_eq!(rest, [3; 10]);
    rig.client.remove_toxic("p", "limit_data_downstream").await.expect("removed");
    round_trip(&mut rig.dial().await, &[4; 5000]).await;
}

#[tokio::test]
async fn packet_loss_drops_its_share_of_chunks_whole_and_in_order() {
    let rig = echo_rig().await;
    let loss = NewToxic::new("packet_loss").attribute("loss_rate", 0.5);
    rig.add(loss.on(Stream::Upstream)).await;
    let mut socket = rig.dial().await;
    let mut arrived = Vec::new();
    for number in 0..60_u8 {
        // One chunk at a time, so that it is known what a chunk is.
        socket.write_all(&[number; 8]).await.expect("sent");
        let mut chunk = [0; 8];
        if let Ok(read) = timeout(Duration::from_millis(25), socket.read_exact(&mut chunk)).await {
            read.expect("a whole chunk");
            assert!(chunk.iter().all(|byte| *byte == chunk[0]), "{chunk:?} is torn");
            arrived.push(chunk[0]);
        }
    }
    assert!((12..=48).contains(&arrived.len()), "{} of 60 arrived", arrived.len());
    assert!(arrived.is_sorted());
}

#[tokio::test]
async fn noop_changes_nothing() {
    let rig = echo_rig().await;
    rig.add(NewToxic::new("noop")).await;
    assert!(round_trip(&mut rig.dial().await, &[7; 30_000]).await < DELAY);
}

/// Upstream's dice come from a source that its seed does not reach.
#[tokio::test]
async fn one_seed_draws_alike() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let rig = echo_rig().await;
        rig.add(NewToxic::new("packet_loss").attribute("loss_rate", 0.5).toxicity(0.7)).await;
        let mut sockets = Vec::new();
        for _ in 0..24 {
            let mut socket = rig.dial().await;
            socket.write_all(b"?").await.expect("sent");
            sockets.push(socket);
        }
        runs.push(heard(&sockets).await);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&true) && runs[0].contains(&false));
}
