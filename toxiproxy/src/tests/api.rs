//! The API: statuses, messages, defaults, and that what is refused changes nothing.

use serde_json::{Value, json};

use super::*;
use crate::client::{Error, Stream};

/// Sends a call and gives its status and its body.
async fn call(client: &Client, method: &str, path: &str, body: &str) -> (u16, String) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
    let url = format!("{}{path}", client.base());
    let request = reqwest::Client::new().request(method, url).body(body.to_owned());
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

async fn refused(client: &Client, method: &str, path: &str, body: &str) -> (u16, String) {
    let (status, answer) = call(client, method, path, body).await;
    let parsed: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(parsed["status"], status);
    (status, parsed["error"].as_str().expect("a message").to_owned())
}

#[tokio::test]
async fn a_proxy_is_created_shown_and_deleted() {
    let (client, _task) = server(Options::default()).await;
    let body = r#"{"name":"redis","listen":"localhost:0","upstream":"localhost:6379"}"#;
    let (status, created) = call(&client, "POST", "/proxies", body).await;
    let created: Value = serde_json::from_str(&created).expect("JSON");
    assert_eq!(status, 201);
    assert!(created["listen"].as_str().expect("resolved").starts_with("127.0.0.1:"));
    assert_eq!(created["enabled"], true);
    assert_eq!(created["toxics"], json!([]));
    assert_eq!(client.proxies().await.expect("listed").len(), 1);
    client.delete("redis").await.expect("deleted");
    assert_eq!(client.proxy("redis").await.expect_err("gone").status(), Some(404));
}

#[tokio::test]
async fn wrong_proxies_are_refused_in_upstreams_words() {
    let rig = echo_rig().await;
    let taken = format!(r#"{{"name":"q","listen":"{}","upstream":"x:1"}}"#, rig.listen);
    let in_use = format!("listen tcp {}: bind: address already in use", rig.listen);
    let missing_port = "listen tcp: address 1: missing port in address";
    let cases = [
        ("", 400, "bad request body: EOF"),
        (r#"{"upstream":"x:1"}"#, 400, "missing required field: name"),
        (r#"{"name":"q"}"#, 400, "missing required field: upstream"),
        (r#"{"name":"p","upstream":"x:1"}"#, 409, "proxy already exists"),
        (taken.as_str(), 500, in_use.as_str()),
        (r#"{"name":"q","listen":"1","upstream":"x:1"}"#, 500, missing_port),
    ];
    for (body, status, message) in cases {
        let told = refused(&rig.client, "POST", "/proxies", body).await;
        assert_eq!(told, (status, message.to_owned()), "{body}");
    }
    assert_eq!(rig.client.proxies().await.expect("listed").len(), 1);
}

#[tokio::test]
async fn toxics_have_upstreams_defaults_and_refusals() {
    let rig = echo_rig().await;
    let path = "/proxies/p/toxics";
    let (status, added) = call(&rig.client, "POST", path, r#"{"type":"latency"}"#).await;
    assert_eq!(status, 200);
    let added: Value = serde_json::from_str(&added).expect("JSON");
    let wanted = json!({"attributes": {"latency": 0, "jitter": 0}, "name": "latency_downstream",
        "type": "latency", "stream": "downstream", "toxicity": 1});
    assert_eq!(added, wanted);
    let invalid_stream = "stream was invalid, can be either upstream or downstream";
    let cases = [
        (r#"{"type":"latency"}"#, 409, "toxic already exists"),
        (r#"{"type":"latency","stream":""}"#, 400, invalid_stream),
        (r#"{"type":"lag"}"#, 400, "invalid toxic type"),
    ];
    for (body, status, message) in cases {
        let told = refused(&rig.client, "POST", path, body).await;
        assert_eq!(told, (status, message.to_owned()), "{body}");
    }
    let wrong = [
        r#"{"type":"latency","name":"a","attributes":{"latency":"1"}}"#,
        r#"{"type":"latency","name":"b","attributes":{"latency":1.5}}"#,
        r#"{"type":"latency","name":"c","attributes":{"latency":-1}}"#,
        r#"{"type":"latency","name":"d","attributes":{"jitter":4611686018427387904}}"#,
        r#"{"type":"latency","name":"e","toxicity":1.5}"#,
    ];
    for body in wrong {
        assert_eq!(refused(&rig.client, "POST", path, body).await.0, 400, "{body}");
    }
    assert_eq!(rig.client.toxics("p").await.expect("listed").len(), 1);
    let missing = refused(&rig.client, "DELETE", "/proxies/p/toxics/x", "").await;
    assert_eq!(missing, (404, "toxic not found".to_owned()));
}

#[tokio::test]
async fn an_update_merges_and_a_wrong_one_changes_nothing() {
    let rig = echo_rig().await;
    let latency = NewToxic::latency(DELAY, Duration::from_millis(5)).on(Stream::Upstream);
    rig.add(latency.named("l")).await;
    let path = "/proxies/p/toxics/l";
    let (status, _) = call(&rig.client, "PATCH", path, r#"{"attributes":{"latency":7}}"#).await;
    assert_eq!(status, 200);
    let wrong = r#"{"toxicity":0.5,"attributes":{"latency":8,"jitter":-1}}"#;
    assert_eq!(refused(&rig.client, "POST", path, wrong).await.0, 400);
    let toxic = rig.client.toxic("p", "l").await.expect("told");
    assert_eq!(toxic.attributes["latency"], 7);
    assert_eq!(toxic.attributes["jitter"], 5);
    assert_eq!(toxic.toxicity, 1.0);
}

#[tokio::test]
async fn populate_keeps_what_is_the_same_and_stops_at_the_first_refusal() {
    let rig = echo_rig().await;
    rig.add(NewToxic::latency(DELAY, Duration::ZERO)).await;
    let same = NewProxy::new("p", &rig.listen, &rig.upstream);
    let mut toxic = NewProxy::new("t", "127.0.0.1:0", &rig.upstream);
    toxic.toxics = vec![NewToxic::timeout(DELAY)];
    let done = rig.client.populate(&[same, toxic.clone()]).await.expect("populated");
    assert_eq!(done[0].toxics[0].name, "latency_downstream");
    assert_eq!(done[1].toxics[0].name, "timeout_downstream");
    let missing = r#"[{"name":"x","upstream":"y:1"},{"name":"z"}]"#;
    let told = refused(&rig.client, "POST", "/populate", missing).await;
    assert_eq!(told, (400, "missing required field: upstream at proxy 2".to_owned()));
    assert_eq!(rig.client.proxies().await.expect("listed").len(), 2, "nothing is created");
}

#[tokio::test]
async fn a_reset_starts_every_proxy_and_clears_it() {
    let rig = echo_rig().await;
    rig.add(NewToxic::timeout(Duration::ZERO)).await;
    rig.client.set_enabled("p", false).await.expect("disabled");
    rig.client.reset().await.expect("reset");
    let proxy = rig.client.proxy("p").await.expect("told");
    assert!(proxy.enabled && proxy.toxics.is_empty());
    round_trip(&mut rig.dial().await, b"alive").await;
}

#[tokio::test]
async fn the_client_names_the_call_that_failed() {
    let rig = echo_rig().await;
    let error = rig.client.toxic("p", "a/b ?").await.expect_err("no such toxic");
    let told = "GET /proxies/p/toxics/a%2Fb%20%3F: the proxy refused with 404: toxic not found";
    assert_eq!(error.to_string(), told);
    let nobody = Client::with_base("http://127.0.0.1:1");
    let error = nobody.version().await.expect_err("nobody listens");
    assert!(matches!(error, Error::Unreachable { .. }));
}

#[tokio::test]
async fn browsers_and_unknown_paths_are_refused() {
    let (client, _task) = server(Options::default()).await;
    assert_eq!(client.version().await.expect("told"), "2.12.0");
    let browser = reqwest::Client::builder().user_agent("Mozilla/5.0").build().expect("a client");
    let answer = browser.get(format!("{}/version", client.base())).send().await.expect("an answer");
    assert_eq!(answer.status(), 403);
    assert_eq!(call(&client, "GET", "/nowhere", "").await.0, 404);
    assert_eq!(call(&client, "PUT", "/proxies", "").await.0, 405);
}

/// Each of these ends upstream's process.
#[tokio::test]
async fn attributes_that_make_no_sense_are_refused() {
    let rig = echo_rig().await;
    let wrong = [
        r#"{"type":"bandwidth","attributes":{"rate":-1}}"#,
        r#"{"type":"slicer"}"#,
        r#"{"type":"slicer","attributes":{"average_size":10,"size_variation":11}}"#,
        r#"{"type":"packet_loss","attributes":{"loss_rate":1.5}}"#,
    ];
    for body in wrong {
        assert_eq!(refused(&rig.client, "POST", "/proxies/p/toxics", body).await.0, 400, "{body}");
    }
    rig.add(NewToxic::new("slicer").attribute("average_size", 10)).await;
    let update = r#"{"attributes":{"size_variation":11}}"#;
    let path = "/proxies/p/toxics/slicer_downstream";
    assert_eq!(refused(&rig.client, "PATCH", path, update).await.0, 400);
    round_trip(&mut rig.dial().await, b"alive").await;
}

#[tokio::test]
async fn traffic_is_counted_while_connections_live() {
    let options = Options { proxy_metrics: true, runtime_metrics: true, ..Options::default() };
    let (client, _task) = server(options).await;
    let echo = echo_rig().await;
    let proxy = NewProxy::new("p", "127.0.0.1:0", &echo.listen);
    let listen = client.create(&proxy).await.expect("created").listen;
    let mut socket = TcpStream::connect(&listen).await.expect("accepted");
    round_trip(&mut socket, &[1; 1234]).await;
    let (_, traffic) = call(&client, "GET", "/proxies/p/traffic", "").await;
    let traffic: Value = serde_json::from_str(&traffic).expect("JSON");
    let flow = json!({"received_bytes": 1234, "sent_bytes": 1234});
    let wanted = json!({
        "live": 1, "accepted": 1, "relayed": 0, "not_resp": 0, "upstream": flow, "downstream": flow
    });
    assert_eq!(traffic, wanted);
    let (_, page) = call(&client, "GET", "/metrics", "").await;
    let upstream = echo.listen;
    let line = format!(
        "toxiproxy_proxy_received_bytes_total{{direction=\"upstream\",listener=\"{listen}\",\
         proxy=\"p\",upstream=\"{upstream}\"}} 1234\n"
    );
    assert!(page.contains(&line), "{page}");
    assert!(page.contains("toxiproxy_runtime_alive_tasks "), "{page}");
}

#[tokio::test]
async fn the_upstream_knows_connections_by_the_sources_that_are_told() {
    let upstream = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let (client, _task) = server(Options::default()).await;
    let leads_to = upstream.local_addr().expect("bound");
    let proxy = NewProxy::new("p", "127.0.0.1:0", &leads_to);
    let listen = client.create(&proxy).await.expect("created").listen;
    assert_eq!(client.sources("p").await.expect("told"), []);
    let socket = TcpStream::connect(&listen).await.expect("accepted");
    let (accepted, peer) = upstream.accept().await.expect("dialled");
    // The proxy has connected before it knows.
    let becomes = async |is_empty: bool| {
        let reached =
            async { while client.sources("p").await.expect("told").is_empty() != is_empty {} };
        tokio::time::timeout(Duration::from_secs(20), reached).await.expect("it becomes so");
    };
    becomes(false).await;
    assert_eq!(client.sources("p").await.expect("told"), [peer]);
    // It lives until both sides have closed.
    drop((socket, accepted));
    becomes(true).await;
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let (client, _task) = server(Options::default()).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = reqwest::get(format!("{}/version", client.base())).await.expect("an answer");
        let id = answer.headers().get("X-Toxiproxy-Request-Id").expect("an id").clone();
        assert_eq!(id.len(), 20);
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
}

/// Only the port is the same as the one that the proxy holds itself.
#[tokio::test]
async fn a_move_to_an_address_in_use_changes_nothing_and_closes_nothing() {
    let rig = echo_rig().await;
    let port = rig.listen.port();
    let taken = TcpListener::bind(("127.0.0.2", port)).await.expect("nobody listens there");
    let mut live = rig.dial().await;
    round_trip(&mut live, b"before").await;
    let moved = format!(r#"{{"listen":"127.0.0.2:{port}","refuse":true}}"#);
    let in_use = format!("listen tcp 127.0.0.2:{port}: bind: address already in use");
    let told = refused(&rig.client, "PATCH", "/proxies/p", &moved).await;
    assert_eq!(told, (500, in_use.clone()));
    let other = NewProxy::new("p", &format!("127.0.0.2:{port}"), &rig.upstream);
    let told = rig.client.populate(&[other]).await.expect_err("in use");
    assert_eq!(told.status(), Some(500), "{told}");
    let everywhere = format!(r#"{{"listen":"0.0.0.0:{port}"}}"#);
    let proxy = rig.client.proxy("p").await.expect("told");
    assert_eq!((proxy.listen, proxy.enabled, proxy.refuse), (rig.listen.to_string(), true, false));
    round_trip(&mut live, b"still").await;
    // That it is in the way itself cannot be told from others; it comes back where it was.
    assert_eq!(refused(&rig.client, "PATCH", "/proxies/p", &everywhere).await.0, 500);
    let proxy = rig.client.proxy("p").await.expect("told");
    assert_eq!((proxy.listen, proxy.enabled), (rig.listen.to_string(), true));
    round_trip(&mut rig.dial().await, b"back").await;
    drop(taken);
    let (status, _) = call(&rig.client, "PATCH", "/proxies/p", &moved).await;
    assert_eq!(status, 200);
    let proxy = rig.client.proxy("p").await.expect("told");
    assert_eq!((proxy.listen, proxy.refuse), (format!("127.0.0.2:{port}"), true));
}
