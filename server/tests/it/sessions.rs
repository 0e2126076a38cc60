//! Sessions: nothing is lost, nothing leaks, and what has ended stays ended.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::clock;
use crate::server::{Server, body, header};
use crate::topology::{Place, on_each_topology};

on_each_topology! {
    a_session_says_whose_it_is_since_when_and_what_is_in_it,
    concurrent_writes_of_different_keys_all_survive,
    a_logout_is_final_even_against_writes_under_way,
    each_login_has_a_new_id_and_ends_the_session_before_it,
    a_session_lives_as_long_as_it_is_used_and_its_cookie_is_as_it_must_be,
    a_forged_cookie_is_no_session_and_a_visitor_leaves_nothing_behind,
    a_session_that_is_full_takes_no_more_and_keeps_what_it_has,
}

struct Visitor<'a> {
    server: &'a Server,
    cookie: String,
}

impl<'a> Visitor<'a> {
    async fn login(server: &'a Server, user: &str) -> Self {
        let response = server.post("/api/session/login", json!({ "userId": user })).await;
        assert_eq!(response.status(), 200);
        Self { server, cookie: cookie(&response) }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Response {
        let request = self.server.request(method, path).header("cookie", &self.cookie).json(body);
        request.send().await.expect("an answer")
    }

    async fn set(&self, key: &str, value: u32) -> u16 {
        let body = json!({ "key": key, "value": value });
        self.send(Method::PUT, "/api/session/data", &body).await.status().as_u16()
    }

    async fn session(&self) -> Response {
        self.send(Method::GET, "/api/session", &json!({})).await
    }
}

/// How many sessions there are.
async fn keys(place: &Place) -> usize {
    place.keys(2).await.iter().filter(|key| key.starts_with("sess:")).count()
}

fn cookie(response: &Response) -> String {
    header(response, "set-cookie").split(';').next().unwrap_or_default().to_owned()
}

async fn a_session_says_whose_it_is_since_when_and_what_is_in_it(place: Place) {
    let server = Server::on(&place, &[]).await;
    let before = clock::unix_ms();
    let login = server.post("/api/session/login", json!({ "userId": "ada" })).await;
    let visitor = Visitor { server: &server, cookie: cookie(&login) };
    let begun = body(login).await;
    let created = begun["createdAt"].as_u64().expect("ms since the epoch");
    assert!((before..=clock::unix_ms()).contains(&created), "{before} {created}");
    assert_eq!(begun, json!({ "userId": "ada", "data": {}, "createdAt": created }));
    let value = json!({ "deep": [1, null, "\u{e9}"] });
    let set = json!({ "key": "a key", "value": value });
    let written = body(visitor.send(Method::PUT, "/api/session/data", &set).await).await;
    assert_eq!(written, json!({ "userId": "ada", "data": { "a key": value } }));
    let read = body(visitor.session().await).await;
    let expected = json!({ "userId": "ada", "data": { "a key": value }, "createdAt": created });
    assert_eq!(read, expected);
}

async fn concurrent_writes_of_different_keys_all_survive(place: Place) {
    let (one, other) = (Server::on(&place, &[]).await, Server::on(&place, &[]).await);
    let visitor = Visitor::login(&one, "ada").await;
    let elsewhere = Visitor { server: &other, cookie: visitor.cookie.clone() };
    let writes = (0..40).map(|number| {
        let (visitor, elsewhere) = (&visitor, &elsewhere);
        async move {
            let through = if number % 2 == 0 { visitor } else { elsewhere };
            through.set(&format!("k{number}"), number).await
        }
    });
    assert!(futures_util::future::join_all(writes).await.iter().all(|status| *status == 200));
    let session = body(elsewhere.session().await).await;
    assert_eq!(session["userId"], "ada");
    assert_eq!(session["data"].as_object().map(serde_json::Map::len), Some(40));
    assert_eq!(session["data"]["k7"], 7);
}

async fn a_logout_is_final_even_against_writes_under_way(place: Place) {
    let (one, other) = (Server::on(&place, &[]).await, Server::on(&place, &[]).await);
    let visitor = Visitor::login(&one, "ada").await;
    let elsewhere = Visitor { server: &other, cookie: visitor.cookie.clone() };
    let writes = (0..50).map(|number| elsewhere.set("k", number));
    let nothing = json!({});
    let logout = visitor.send(Method::POST, "/api/session/logout", &nothing);
    let (_, logout) = tokio::join!(futures_util::future::join_all(writes), logout);
    assert_eq!(body(logout).await, json!({ "ok": true }));
    assert_eq!(visitor.session().await.status(), 401);
    assert_eq!(elsewhere.session().await.status(), 401);
    assert_eq!(elsewhere.set("k", 1).await, 401);
    assert_eq!(keys(&place).await, 0, "a write that came too late left nothing");
}

async fn each_login_has_a_new_id_and_ends_the_session_before_it(place: Place) {
    let (server, other) = (Server::on(&place, &[]).await, Server::on(&place, &[]).await);
    let before = Visitor::login(&server, "ada").await;
    let login = before.send(Method::POST, "/api/session/login", &json!({ "userId": "bob" })).await;
    let after = Visitor { server: &server, cookie: cookie(&login) };
    assert_ne!(before.cookie, after.cookie);
    let elsewhere = Visitor { server: &other, cookie: before.cookie.clone() };
    assert_eq!(before.session().await.status(), 401);
    assert_eq!(elsewhere.session().await.status(), 401);
    assert_eq!(body(after.session().await).await["userId"], "bob");
}

async fn a_session_lives_as_long_as_it_is_used_and_its_cookie_is_as_it_must_be(place: Place) {
    let flags = ["--session-ttl-seconds", "0.6", "--node-env", "production"];
    let server = Server::on(&place, &flags).await;
    let visitor = Visitor::login(&server, "ada").await;
    for _ in 0..4 {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let response = visitor.session().await;
        assert_eq!(response.status(), 200, "each use renews it");
        let set = header(&response, "set-cookie");
        for part in ["prompt-card-session=", "HttpOnly", "SameSite=Strict", "Secure", "Max-Age=1"] {
            assert!(set.contains(part), "{part} is not in {set}");
        }
    }
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!(visitor.session().await.status(), 401);
}

async fn a_forged_cookie_is_no_session_and_a_visitor_leaves_nothing_behind(place: Place) {
    let server = Server::on(&place, &[]).await;
    let visitor = Visitor::login(&server, "ada").await;
    let name = "prompt-card-session=";
    let value = visitor.cookie.strip_prefix(name).expect("the cookie");
    let mut forged = value.to_owned().into_bytes();
    let last = forged.len() - 1;
    forged[last] = if forged[last] == b'0' { b'1' } else { b'0' };
    let forged = String::from_utf8(forged).expect("still text");
    let stranger = Visitor { server: &server, cookie: format!("{name}{forged}") };
    let answer = stranger.session().await;
    assert_eq!(answer.status(), 401);
    assert_eq!(header(&answer, "set-cookie"), "");
    assert_eq!(server.get("/api/session").await.status(), 401);
    assert_eq!(keys(&place).await, 1);
}

async fn a_session_that_is_full_takes_no_more_and_keeps_what_it_has(place: Place) {
    let server =
        Server::on(&place, &["--session-max-keys", "3", "--session-max-bytes", "100"]).await;
    let visitor = Visitor::login(&server, "ada").await;
    let refused = async |key: &str, value: Value, field: &str, setting: &str| {
        let body = json!({ "key": key, "value": value });
        let answer = visitor.send(Method::PUT, "/api/session/data", &body).await;
        assert_eq!(answer.status(), 409, "{key}");
        let told = crate::server::body(answer).await;
        assert_eq!(told["field"], field);
        assert!(told["error"].as_str().is_some_and(|error| error.contains(setting)), "{told}");
    };
    let writes = (0..10).map(|number| {
        let visitor = &visitor;
        async move { visitor.set(&format!("k{number}"), number).await }
    });
    let statuses = futures_util::future::join_all(writes).await;
    let taken = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(taken, 3, "as many as there may be: {statuses:?}");
    refused("another", json!(1), "key", "SESSION_MAX_KEYS").await;
    let before = body(visitor.session().await).await["data"].clone();
    let there = before.as_object().and_then(|data| data.keys().next()).expect("a key").clone();
    // Three keys of two bytes, two values of one, and this one with its quotes: one too many.
    refused(&there, json!("a".repeat(91)), "value", "SESSION_MAX_BYTES").await;
    assert_eq!(body(visitor.session().await).await["data"], before);
    let body = json!({ "key": there, "value": "a".repeat(90) });
    let fits = visitor.send(Method::PUT, "/api/session/data", &body).await;
    assert_eq!(fits.status(), 200);
    assert_eq!(visitor.set(&there, 5).await, 200, "what is there may be replaced");
}
