//! Is the service well, and how has it fared?

use serde_json::json;

use crate::server::{Server, body};
use crate::topology::{Place, on_each_topology};

on_each_topology! {
    health_and_metrics_tell_of_every_role,
}

async fn health_and_metrics_tell_of_every_role(place: Place) {
    let server = Server::on(&place, &["--instance-id", "one"]).await;
    let health = body(server.get("/health").await).await;
    assert_eq!(health["redis"], json!({ "main": true, "cache": true, "sessions": true }));
    assert_eq!((&health["status"], &health["instance"]), (&json!("ok"), &json!("one")));
    assert!(health["uptime"].as_f64().is_some_and(|seconds| seconds > 0.0));
    assert_eq!(server.get("/ready").await.status(), 200);
    assert_eq!(server.get("/api/limited").await.status(), 200);
    let metrics = server.get("/metrics").await.text().await.expect("text");
    for series in [
        "http_request_duration_seconds_count{method=\"GET\",route=\"/api/limited\"",
        "redis_command_duration_seconds_count{role=\"main\",outcome=\"ok\"}",
        "redis_connections_total{role=\"cache\"}",
        "redis_up{role=\"sessions\"} 1",
    ] {
        assert!(metrics.contains(series), "{series} is not in\n{metrics}");
    }
}
