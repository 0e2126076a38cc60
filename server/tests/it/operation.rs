//! How an instance is started and stopped: its manual, its settings, its end.

use std::time::Duration;

use clap::{Args as _, Command};
use redrill_server::Args;
use serde_json::json;

use crate::server::{Server, body, eventually, header};
use crate::topology::{Place, on_each_topology};
use crate::upstream::Upstream;

on_each_topology! {
    a_stop_lets_requests_finish_and_takes_no_more,
    cookies_are_secure_in_production_alone,
    statistics_of_the_cache_are_cached_for_all_instances_unless_that_is_turned_off,
    what_the_description_forbids_is_refused,
}

#[test]
fn every_setting_is_explained_under_a_heading_and_has_a_variable() {
    let command = Args::augment_args(Command::new("serve"));
    let settings: Vec<_> = command.get_arguments().collect();
    assert!(settings.len() > 50, "there are {}", settings.len());
    for setting in settings {
        let name = setting.get_id().as_str();
        assert!(setting.get_help().is_some(), "{name} is not explained");
        assert!(setting.get_help_heading().is_some(), "{name} has no heading");
        let variable = setting.get_env().and_then(|name| name.to_str()).unwrap_or_default();
        assert_eq!(variable, name.to_uppercase(), "flag and variable are called alike");
        let help = setting.get_help().map(ToString::to_string).unwrap_or_default();
        let unit = match name {
            _ if name.ends_with("_ms")
                || name.ends_with("_timeout")
                || name.ends_with("_delay") =>
            {
                " ms"
            }
            _ if name.ends_with("_seconds") => " s",
            _ => "",
        };
        assert!(help.contains(unit), "{name} has no unit: {help}");
    }
}

#[test]
fn the_variables_of_the_readme_exist() {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("\n## The reference server\n").expect("a section");
    let (section, _) = section.split_once("\n## ").expect("another section");
    let words = section.split(|c: char| !c.is_ascii_uppercase() && c != '_');
    let named: Vec<&str> = words.filter(|word| word.contains('_')).collect();
    assert!(named.len() >= 10, "{named:?}");
    let command = Args::augment_args(Command::new("serve"));
    let known: Vec<_> = command.get_arguments().filter_map(|it| it.get_env()?.to_str()).collect();
    for name in named {
        assert!(known.contains(&name), "{name} is no setting");
    }
}

async fn a_stop_lets_requests_finish_and_takes_no_more(place: Place) {
    let model = Upstream::start(0, Duration::from_millis(600)).await;
    let server = Server::on(&place, &["--llm-upstream-url", &model.url]).await;
    let address = server.address;
    let asked = tokio::spawn({
        let url = format!("http://{address}/api/llm/generate");
        let question = json!({ "prompt": "a" });
        async move { reqwest::Client::new().post(url).json(&question).send().await }
    });
    eventually("the model is asked", || async { model.calls().len() == 1 }).await;
    server.stop().await;
    let answer =
        asked.await.expect("no panic").expect("an answer, though the server was told to end");
    assert_eq!(answer.status(), 200);
    assert_eq!(body(answer).await["response"], "a!");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

async fn cookies_are_secure_in_production_alone(place: Place) {
    for (environment, secure) in [("production", true), ("development", false), ("test", false)] {
        let server = Server::on(&place, &["--node-env", environment]).await;
        let login = server.post("/api/session/login", json!({ "userId": "ada" })).await;
        let cookie = header(&login, "set-cookie").to_owned();
        for part in ["prompt-card-session=", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
            assert!(cookie.contains(part), "{part} is not in {cookie}");
        }
        assert_eq!(cookie.contains("; Secure"), secure, "{environment}: {cookie}");
        let read = server.request(reqwest::Method::GET, "/api/session").header("cookie", &cookie);
        assert!(cookie.ends_with("; Max-Age=86400"), "{cookie}");
        assert_eq!(header(&read.send().await.expect("an answer"), "set-cookie"), cookie, "renewed");
    }
}

async fn statistics_of_the_cache_are_cached_for_all_instances_unless_that_is_turned_off(
    place: Place,
) {
    let kept = ["--cache-api-ttl-seconds", "60"];
    let (one, other) = (Server::on(&place, &kept).await, Server::on(&place, &kept).await);
    let fresh = Server::on(&place, &["--cache-api-responses", "false"]).await;
    let ask = async |server: &Server| {
        let answer = server.get("/api/cache/stats").await;
        let found = header(&answer, "x-cache").to_owned();
        (found, body(answer).await["totalKeys"].clone())
    };
    assert_eq!(ask(&one).await, ("MISS".to_owned(), json!(0)));
    one.post("/api/llm/generate", json!({ "prompt": "a" })).await;
    assert_eq!(ask(&other).await, ("HIT".to_owned(), json!(0)), "as it was a moment ago");
    assert_eq!(ask(&fresh).await, ("MISS".to_owned(), json!(1)));
    let cleared = one.request(reqwest::Method::DELETE, "/api/cache").send().await;
    assert_eq!(body(cleared.expect("an answer")).await, json!({ "deleted": 1 }));
    assert_eq!(ask(&other).await, ("MISS".to_owned(), json!(0)), "clearing clears answers too");
}

async fn what_the_description_forbids_is_refused(place: Place) {
    let server = Server::on(&place, &[]).await;
    let many = vec!["a"; 17];
    for (prompts, models, field) in [
        (json!(many), json!([]), "prompts"),
        (json!(["a"]), json!(many), "models"),
        (json!([""]), json!([]), "prompts"),
    ] {
        let warm = json!({ "prompts": prompts, "models": models });
        let answer = server.post("/api/cache/warm", warm).await;
        assert_eq!(answer.status(), 400);
        assert_eq!(body(answer).await["field"], field);
    }
    let (longest, longer) = ("\u{e9}".repeat(256), "a".repeat(257));
    assert_eq!(server.get(&format!("/api/presence/{longest}")).await.status(), 200);
    assert_eq!(server.get(&format!("/api/presence/{longer}")).await.status(), 400);
}
