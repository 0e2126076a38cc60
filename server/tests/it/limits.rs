//! Limits hold exactly, over all instances, and say so.

use reqwest::Method;

use crate::redis::Node;
use crate::server::{Server, body, header};

async fn hit(server: &Server, user: &str) -> reqwest::Response {
    let request = server.request(Method::GET, "/api/limited").header("x-user-id", user);
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn a_window_admits_its_limit_over_all_instances_and_no_more() {
    let node = Node::start();
    let flags = ["--rate-limit-max-requests", "10", "--rate-limit-window-ms", "3600000"];
    let (one, other) = (Server::on(&node, &flags).await, Server::on(&node, &flags).await);
    let hits = (0..30).map(|number| hit(if number % 2 == 0 { &one } else { &other }, "ada"));
    let answers = futures_util::future::join_all(hits).await;
    assert_eq!(answers.iter().filter(|answer| answer.status() == 200).count(), 10);
    let mut counts: Vec<u32> = answers
        .iter()
        .map(|answer| header(answer, "x-ratelimit-count").parse().expect("a count"))
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=30).collect::<Vec<_>>(), "each hit is counted once");
    assert_eq!(hit(&one, "bob").await.status(), 200, "another user has a limit of his own");
    let refused = hit(&one, "ada").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "ratelimit-limit"), "10");
    assert_eq!(header(&refused, "ratelimit-remaining"), "0");
    assert_eq!(header(&refused, "ratelimit-policy"), "10;w=3600");
    let retry_after = header(&refused, "retry-after").to_owned();
    assert_eq!(header(&refused, "ratelimit-reset"), retry_after);
    assert_eq!(body(refused).await["retryAfter"].to_string(), retry_after);
}

#[tokio::test]
async fn the_next_window_begins_at_its_time_by_redis_clock() {
    let node = Node::start();
    let flags = ["--rate-limit-max-requests", "1", "--rate-limit-window-ms", "400"];
    let server = Server::on(&node, &flags).await;
    let mut windows = Vec::new();
    for _ in 0..60 {
        let answer = hit(&server, "ada").await;
        if answer.status() == 200 {
            windows.push(header(&answer, "x-ratelimit-window").parse::<u64>().expect("an id"));
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(windows.len() >= 3, "1.2 s hold three windows of 0.4 s: {windows:?}");
    assert!(windows.windows(2).all(|pair| pair[0] < pair[1]), "one each: {windows:?}");
}
