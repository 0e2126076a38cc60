//! Limits hold exactly, over all instances, and say so.

use std::time::Duration;

use reqwest::Method;

use crate::clock;
use crate::server::{Server, body, header};
use crate::topology::{Place, on_each_topology};

on_each_topology! {
    a_window_admits_its_limit_over_all_instances_and_no_more,
    the_next_window_begins_at_its_time_by_redis_clock,
    a_sliding_window_never_admits_more_than_its_limit_in_any_span,
    gcra_admits_a_burst_of_the_limit_and_then_its_rate,
    another_algorithm_begins_anew,
    draft_8_names_the_policy,
    each_route_has_a_policy_of_its_own,
    scripts_that_are_flushed_are_sent_again_and_nothing_is_counted_twice,
}

async fn hit(server: &Server, user: &str) -> reqwest::Response {
    let request = server.request(Method::GET, "/api/limited").header("x-user-id", user);
    request.send().await.expect("an answer")
}

async fn a_window_admits_its_limit_over_all_instances_and_no_more(place: Place) {
    let flags = ["--rate-limit-max-requests", "10", "--rate-limit-window-ms", "3600000"];
    let (one, other) = (Server::on(&place, &flags).await, Server::on(&place, &flags).await);
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

async fn the_next_window_begins_at_its_time_by_redis_clock(place: Place) {
    let flags = ["--rate-limit-max-requests", "1", "--rate-limit-window-ms", "400"];
    let server = Server::on(&place, &flags).await;
    let mut windows = Vec::new();
    for _ in 0..60 {
        let answer = hit(&server, "ada").await;
        if answer.status() == 200 {
            windows.push(header(&answer, "x-ratelimit-window").parse::<u64>().expect("an id"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(windows.len() >= 3, "1.2 s hold three windows of 0.4 s: {windows:?}");
    assert!(windows.windows(2).all(|pair| pair[0] < pair[1]), "one each: {windows:?}");
}

/// When 200s were answered, in ms since the first request, for hits as fast as they go.
async fn admissions(server: &Server, total: Duration) -> Vec<u128> {
    let started = clock::now();
    let mut admitted = Vec::new();
    while started.elapsed() < total {
        let sent = started.elapsed();
        if hit(server, "ada").await.status() == 200 {
            admitted.push(sent.as_millis());
        }
    }
    admitted
}

async fn a_sliding_window_never_admits_more_than_its_limit_in_any_span(place: Place) {
    let window = ["--rate-limit-max-requests", "5", "--rate-limit-window-ms", "300"];
    let flags = [&window[..], &["--rate-limit-algorithm", "sliding-window"]].concat();
    let server = Server::on(&place, &flags).await;
    let admitted = admissions(&server, Duration::from_millis(1000)).await;
    assert!(admitted.len() >= 10, "5 in each 300 ms: {admitted:?}");
    // From the sending of one to the sending of the sixth after it passes a window, save what the
    // way to Redis took.
    assert!(admitted.windows(6).all(|six| six[5] - six[0] >= 270), "{admitted:?}");
}

async fn gcra_admits_a_burst_of_the_limit_and_then_its_rate(place: Place) {
    let window = ["--rate-limit-max-requests", "7", "--rate-limit-window-ms", "700"];
    let flags = [&window[..], &["--rate-limit-algorithm", "gcra"]].concat();
    let server = Server::on(&place, &flags).await;
    let burst = futures_util::future::join_all((0..7).map(|_| hit(&server, "bob"))).await;
    assert!(burst.iter().all(|answer| answer.status() == 200), "the bucket holds the limit");
    let admitted = admissions(&server, Duration::from_millis(1050)).await;
    // A machine that stalls sends less, never more.
    assert!((12..=18).contains(&admitted.len()), "7, then one each 100 ms: {admitted:?}");
}

async fn another_algorithm_begins_anew(place: Place) {
    let algorithms = ["fixed-window", "sliding-window", "gcra"];
    let mut servers = Vec::new();
    for algorithm in algorithms {
        let flags = ["--rate-limit-algorithm", algorithm, "--rate-limit-window-ms", "3600000"];
        servers.push(Server::on(&place, &flags).await);
    }
    for _ in 0..2 {
        for (server, algorithm) in servers.iter().zip(algorithms) {
            assert_eq!(hit(server, "ada").await.status(), 200, "{algorithm}");
        }
    }
    for (server, algorithm) in servers.iter().zip(algorithms) {
        let answer = hit(server, "ada").await;
        assert_eq!(header(&answer, "x-ratelimit-count"), "3", "{algorithm} counts its own");
    }
}

async fn draft_8_names_the_policy(place: Place) {
    let flags = ["--rate-limit-headers", "draft-8", "--rate-limit-window-ms", "3600000"];
    let server = Server::on(&place, &flags).await;
    let answer = hit(&server, "ada").await;
    assert_eq!(header(&answer, "ratelimit-policy"), "\"general\";q=100;w=3600");
    assert!(header(&answer, "ratelimit").starts_with("\"general\";r=99;t="));
    assert_eq!(header(&answer, "ratelimit-limit"), "");
}

async fn each_route_has_a_policy_of_its_own(place: Place) {
    let server = Server::on(&place, &[]).await;
    for (path, limit, window) in [("", 100, 60), ("/llm", 10, 60), ("/burst", 5, 1)] {
        let request = server.request(Method::GET, &format!("/api/limited{path}"));
        let answer = request.header("x-user-id", "ada").send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "ratelimit-policy"), format!("{limit};w={window}"));
        assert_eq!(header(&answer, "ratelimit-limit"), limit.to_string());
        assert_eq!(header(&answer, "ratelimit-remaining"), (limit - 1).to_string());
        let reset = header(&answer, "ratelimit-reset").parse().expect("seconds");
        assert!((1..=window).contains(&reset), "{reset} s");
        assert_eq!(header(&answer, "x-ratelimit-count"), "1", "{path} shares no counter");
    }
    let by_address = server.get("/api/limited").await;
    assert_eq!(header(&by_address, "x-ratelimit-count"), "1", "an address is not a user");
}

async fn scripts_that_are_flushed_are_sent_again_and_nothing_is_counted_twice(place: Place) {
    let server = Server::on(&place, &["--rate-limit-window-ms", "3600000"]).await;
    for round in 0..5 {
        for count in 1..=3 {
            let answer = hit(&server, "ada").await;
            let expected = (round * 3 + count).to_string();
            assert_eq!(header(&answer, "x-ratelimit-count"), expected);
        }
        place.tell_all(redis::cmd("SCRIPT").arg("FLUSH")).await;
    }
}
