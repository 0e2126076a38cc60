//! Who is connected, told to everybody, and no ghosts.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::server::{Server, eventually};
use crate::topology::{Place, on_each_topology};

on_each_topology! {
    a_user_is_online_until_the_last_socket_is_gone_and_everybody_hears_it_once,
    whoever_comes_online_is_told_of_others_alone,
    who_says_to_be_somebody_else_is_not_who_it_was,
    what_is_no_frame_is_answered_and_the_socket_lives,
    a_dead_instance_leaves_no_ghost_past_the_time_to_live,
    everybody_of_a_dead_instance_goes_offline_and_is_announced_on_coming_back,
    users_whose_time_is_up_are_gone_long_before_anybody_looks,
    whoever_is_missed_is_offline_in_redis_too,
    whoever_redis_takes_for_online_by_mistake_is_announced_all_the_same,
    presence_comes_back_by_itself_after_redis_forgot_it,
    a_socket_that_answers_no_ping_is_closed,
    a_frame_that_is_too_long_ends_the_socket_before_it_is_read,
    a_stopping_instance_says_goodbye_and_takes_its_users_offline,
}

/// The database of the sessions role.
const SESSIONS: u8 = 2;

/// A client's WebSocket.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn open(server: &Server) -> Self {
        let url = format!("ws://{}/ws", server.address);
        Self(tokio_tungstenite::connect_async(url).await.expect("a WebSocket").0)
    }

    /// Connects and comes online.
    pub(crate) async fn online(server: &Server, user: &str) -> Self {
        let mut socket = Self::open(server).await;
        socket.say(user).await;
        socket
    }

    async fn say(&mut self, user: &str) {
        let ack = self.acknowledged(user).await;
        assert_eq!(ack["ok"], true, "{ack}");
    }

    /// Says to be `user`, and gives what is answered.
    pub(crate) async fn acknowledged(&mut self, user: &str) -> Value {
        let frame = json!({ "event": "user:online", "data": { "userId": user }, "id": 7 });
        self.send(&frame.to_string()).await;
        let ack = self.next_event("ack").await;
        assert_eq!((&ack["id"], &ack["data"]["userId"]), (&json!(7), &json!(user)), "{ack}");
        assert!(ack["data"]["instance"].as_str().is_some_and(|id| !id.is_empty()), "{ack}");
        ack["data"].clone()
    }

    async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("it is sent");
    }

    async fn next_event(&mut self, name: &str) -> Value {
        let next = async {
            loop {
                let message = self.0.next().await.expect("a message").expect("a good one");
                let Message::Text(text) = message else { continue };
                let event: Value = serde_json::from_str(&text).expect("JSON");
                if event["event"] == name {
                    return event;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), next).await.expect("an event in 10 s")
    }

    /// The next status as user, status and number.
    pub(crate) async fn status(&mut self) -> (String, String, u64) {
        let data = self.next_event("user:status").await["data"].clone();
        let text = |field: &str| data[field].as_str().unwrap_or_default().to_owned();
        (text("userId"), text("status"), data["seq"].as_u64().expect("a number"))
    }

    /// Another user comes online, and both are shown, without anything done to this socket.
    pub(crate) async fn hears_of(&mut self, server: &Server, another: &str) {
        let _socket = Self::online(server, another).await;
        while self.status().await.0 != another {}
        eventually("both are shown", || async { server.read("/api/presence").await["count"] == 2 })
            .await;
    }

    async fn close(mut self) {
        self.0.close(None).await.expect("it closes");
    }
}

/// Comes online and goes offline again.
pub(crate) async fn visit(server: &Server, user: &str) {
    let (mut watcher, socket) = (Socket::open(server).await, Socket::online(server, user).await);
    socket.close().await;
    while watcher.status().await.1 != "offline" {}
}

async fn sockets(server: &Server, user: &str) -> Value {
    server.read(&format!("/api/presence/{user}")).await["sockets"].clone()
}

async fn a_user_is_online_until_the_last_socket_is_gone_and_everybody_hears_it_once(place: Place) {
    let (one, other) = (Server::on(&place, &[]).await, Server::on(&place, &[]).await);
    let mut watcher = Socket::online(&other, "watcher").await;
    let first = Socket::online(&one, "ada").await;
    let second = Socket::online(&other, "ada").await;
    let (user, status, online) = watcher.status().await;
    assert_eq!((user.as_str(), status.as_str()), ("ada", "online"));
    assert_eq!(sockets(&one, "ada").await, 2);
    first.close().await;
    eventually("one tab is left", || async { sockets(&other, "ada").await == 1 }).await;
    assert_eq!(one.read("/api/presence").await["count"], 2);
    second.close().await;
    let (user, status, offline) = watcher.status().await;
    assert_eq!((user.as_str(), status.as_str()), ("ada", "offline"), "once, and only at the end");
    assert!(offline > online, "{offline} after {online}");
    let expected = json!({ "userId": "ada", "online": false, "sockets": 0 });
    assert_eq!(one.read("/api/presence/ada").await, expected);
    assert_eq!(one.read("/api/presence").await, json!({ "users": ["watcher"], "count": 1 }));
}

async fn whoever_comes_online_is_told_of_others_alone(place: Place) {
    let server = Server::on(&place, &[]).await;
    let mut ada = Socket::online(&server, "ada").await;
    let mut bob = Socket::online(&server, "bob").await;
    let _eve = Socket::online(&server, "eve").await;
    let told = [ada.status().await.0, ada.status().await.0, bob.status().await.0];
    assert_eq!(told, ["bob", "eve", "eve"]);
}

async fn who_says_to_be_somebody_else_is_not_who_it_was(place: Place) {
    let (one, other) = (Server::on(&place, &[]).await, Server::on(&place, &[]).await);
    let mut watcher = Socket::online(&other, "watcher").await;
    let mut socket = Socket::online(&one, "ada").await;
    for user in ["bob", "ada"] {
        socket.say(user).await;
    }
    let mut heard = Vec::new();
    for _ in 0..5 {
        heard.push(watcher.status().await);
    }
    let told: Vec<_> = heard.iter().map(|(user, is, _)| (user.as_str(), is.as_str())).collect();
    let expected =
        [("ada", "online"), ("ada", "offline"), ("bob", "online"), ("bob", "offline"), told[0]];
    assert_eq!(told, expected);
    let of_ada: Vec<u64> =
        heard.iter().filter(|(user, ..)| user == "ada").map(|(.., seq)| *seq).collect();
    assert!(of_ada.is_sorted_by(|one, next| one < next), "a user's numbers rise: {of_ada:?}");
    assert_eq!(sockets(&other, "ada").await, 1);
    assert_eq!(sockets(&other, "bob").await, 0);
}

async fn what_is_no_frame_is_answered_and_the_socket_lives(place: Place) {
    let server = Server::on(&place, &[]).await;
    let mut socket = Socket::open(&server).await;
    let long = json!({ "event": "user:online", "data": { "userId": "a".repeat(257) }, "id": "x" });
    for (frame, id) in [
        ("{", json!(null)),
        (r#"{"event":"user:away","data":{},"id":1}"#, json!(1)),
        (r#"{"event":"user:online","id":[2]}"#, json!([2])),
        (r#"{"event":"user:online","data":{"userId":7},"id":3}"#, json!(3)),
        (r#"{"event":"user:online","data":{"userId":""},"id":4}"#, json!(4)),
        (&long.to_string(), json!("x")),
    ] {
        socket.send(frame).await;
        let error = socket.next_event("error").await;
        assert_eq!(error["id"], id, "{frame}");
        assert!(error["data"]["error"].as_str().is_some_and(|it| !it.is_empty()), "{error}");
    }
    assert_eq!(server.read("/api/presence").await["count"], 0);
    // As long as a user may be who logs in: in characters.
    socket.say(&"\u{e9}".repeat(256)).await;
    assert_eq!(server.read("/api/presence").await["count"], 1);
}

async fn a_dead_instance_leaves_no_ghost_past_the_time_to_live(place: Place) {
    let ttl = ["--presence-ttl-seconds", "0.6"];
    let server = Server::on(&place, &ttl).await;
    let mut watcher = Socket::online(&server, "watcher").await;
    // What an instance that was killed leaves behind: a socket that nobody renews.
    let script = "local t=redis.call('TIME') \
         local at=t[1]*1000+math.floor(t[2]/1000)+900 \
         redis.call('ZADD',KEYS[1]..'user:ghost',at,'dead:1') \
         redis.call('ZADD',KEYS[1]..'online',at,'ghost') \
         redis.call('HSET',KEYS[1]..'told','ghost','1')";
    let base = format!("{}presence:{{all}}:", place.prefix);
    place.ask::<()>(SESSIONS, redis::cmd("EVAL").arg(script).arg(1).arg(base)).await;
    let (user, status, _) = watcher.status().await;
    if status == "online" {
        assert_eq!(user, "ghost");
        let (user, status, _) = watcher.status().await;
        assert_eq!((user.as_str(), status.as_str()), ("ghost", "offline"));
    } else {
        panic!("{user} was never online here");
    }
    assert_eq!(server.read("/api/presence").await["users"], json!(["watcher"]));
}

/// Plants users `ghost1` to `ghost<users>` of a dead instance, whose time is up in so many ms;
/// gives what the keys of presence begin with.
async fn plant(place: &Place, users: usize, rest_ms: u64) -> String {
    let script = "local t=redis.call('TIME') \
         local at=t[1]*1000+math.floor(t[2]/1000)+ARGV[2] \
         for i=1,tonumber(ARGV[1]) do local u='ghost'..i \
         redis.call('ZADD',KEYS[1]..'user:'..u,at,'dead:'..i) \
         redis.call('ZADD',KEYS[1]..'online',at,u) \
         redis.call('HSET',KEYS[1]..'told',u,'1 dead:'..i) end";
    let base = format!("{}presence:{{all}}:", place.prefix);
    let plant = redis::cmd("EVAL").arg(script).arg(1).arg(&base).arg(users).arg(rest_ms).to_owned();
    place.ask::<()>(SESSIONS, &plant).await;
    base
}

/// An instance looks who is online every 30 s here, and renews its sockets every 20 s.
async fn users_whose_time_is_up_are_gone_long_before_anybody_looks(place: Place) {
    const USERS: usize = 250;
    let server = Server::on(&place, &["--presence-ttl-seconds", "60"]).await;
    let base = plant(&place, USERS, 1000).await;
    let _first = Socket::online(&server, "first").await;
    let left = redis::cmd("ZCARD").arg(format!("{base}online")).to_owned();
    eventually("they are gone", || async { place.ask::<u64>(SESSIONS, &left).await == 1 }).await;
    let told: u64 = place.ask(SESSIONS, redis::cmd("HLEN").arg(format!("{base}told"))).await;
    assert_eq!(told, 1);
}

/// As after a failover that has forgotten who is online, but not who was said to be.
async fn whoever_is_missed_is_offline_in_redis_too(place: Place) {
    let server = Server::on(&place, &["--presence-ttl-seconds", "2"]).await;
    let mut watcher = Socket::open(&server).await;
    let base = plant(&place, 1, 60_000).await;
    assert_eq!(watcher.status().await.1, "online");
    place.ask::<()>(SESSIONS, redis::cmd("DEL").arg(format!("{base}user:ghost1"))).await;
    place.ask::<()>(SESSIONS, redis::cmd("ZREM").arg(format!("{base}online")).arg("ghost1")).await;
    let (user, status, _) = watcher.status().await;
    assert_eq!((user.as_str(), status.as_str()), ("ghost1", "offline"));
    let told = redis::cmd("HEXISTS").arg(format!("{base}told")).arg("ghost1").to_owned();
    assert!(!place.ask::<bool>(SESSIONS, &told).await);
}

async fn everybody_of_a_dead_instance_goes_offline_and_is_announced_on_coming_back(place: Place) {
    const USERS: usize = 1000;
    let server = Server::on(&place, &["--presence-ttl-seconds", "3"]).await;
    let mut watcher = Socket::online(&server, "watcher").await;
    let base = plant(&place, USERS, 6000).await;
    let mut there = BTreeSet::new();
    let (mut came, mut last) = (0, String::new());
    while came < USERS || !there.is_empty() {
        let (user, status, _) = watcher.status().await;
        if status == "online" {
            assert!(there.insert(user), "once");
            came += 1;
        } else {
            assert!(there.remove(&user), "once, and after it was online");
            last = user;
        }
    }
    let told: u64 = place.ask(SESSIONS, redis::cmd("HLEN").arg(format!("{base}told"))).await;
    assert_eq!(told, 1, "Redis has said so too");
    for user in [last.as_str(), "ghost1", "ghost500", "ghost999"] {
        let back = Socket::online(&server, user).await;
        let (who, status, _) = watcher.status().await;
        assert_eq!((who.as_str(), status.as_str()), (user, "online"));
        back.close().await;
        assert_eq!(watcher.status().await.1, "offline");
    }
}

/// As after a failover that has forgotten how the user went.
async fn whoever_redis_takes_for_online_by_mistake_is_announced_all_the_same(place: Place) {
    let server = Server::on(&place, &[]).await;
    let mut watcher = Socket::open(&server).await;
    for _ in 0..2 {
        let ada = Socket::online(&server, "ada").await;
        assert_eq!(watcher.status().await.1, "online");
        ada.close().await;
        assert_eq!(watcher.status().await.1, "offline");
        let told = format!("{}presence:{{all}}:told", place.prefix);
        let mistake = redis::cmd("HSET").arg(told).arg("ada").arg("1 gone:1").to_owned();
        place.ask::<()>(SESSIONS, &mistake).await;
    }
}

async fn presence_comes_back_by_itself_after_redis_forgot_it(place: Place) {
    let server = Server::on(&place, &["--presence-ttl-seconds", "0.9"]).await;
    let _socket = Socket::online(&server, "ada").await;
    place.forget(SESSIONS).await;
    eventually("a heartbeat came", || async { sockets(&server, "ada").await == 1 }).await;
}

async fn a_socket_that_answers_no_ping_is_closed(place: Place) {
    let server = Server::on(&place, &["--presence-ping-seconds", "0.2"]).await;
    let mut lively = Socket::online(&server, "lively").await;
    let silent = Socket::online(&server, "silent").await;
    // A client that never reads never answers a ping.
    let (user, status, _) = lively.status().await;
    assert_eq!((user.as_str(), status.as_str()), ("silent", "online"));
    let (user, status, _) = lively.status().await;
    assert_eq!((user.as_str(), status.as_str()), ("silent", "offline"));
    drop(silent);
    assert_eq!(sockets(&server, "lively").await, 1);
}

async fn a_frame_that_is_too_long_ends_the_socket_before_it_is_read(place: Place) {
    let server = Server::on(&place, &[]).await;
    for (length, is_closed) in [(16 * 1024, false), (16 * 1024 + 1, true), (1 << 24, true)] {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        let upgrade = "GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(upgrade.as_bytes()).await.expect("it is sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer"));
        }
        // A masked text, and how long it is to be. Nothing of it follows.
        stream.write_all(&[0x81, 0x80 | 127]).await.expect("it is sent");
        stream.write_all(&u64::to_be_bytes(length)).await.expect("it is sent");
        stream.write_all(&[0; 4]).await.expect("it is sent");
        if is_closed {
            let end = tokio::time::timeout(Duration::from_secs(10), stream.read_u8()).await;
            assert!(end.is_ok_and(|end| end.is_err()), "{length} bytes are waited for");
        } else {
            stream.write_all(&[b'{'; 16 * 1024]).await.expect("it is sent");
            let answer = stream.read_u8().await.expect("the socket lives");
            assert_eq!(answer, 0x81, "a text says that it is no frame");
        }
    }
}

async fn a_stopping_instance_says_goodbye_and_takes_its_users_offline(place: Place) {
    let (staying, stopping) = (Server::on(&place, &[]).await, Server::on(&place, &[]).await);
    let mut watcher = Socket::online(&staying, "watcher").await;
    let mut leaving = Socket::online(&stopping, "ada").await;
    assert_eq!(watcher.status().await.1, "online");
    let goodbye = async {
        while let Some(Ok(message)) = leaving.0.next().await {
            if let Message::Close(Some(frame)) = message {
                return u16::from(frame.code);
            }
        }
        0
    };
    let ((), code) = tokio::join!(stopping.stop(), goodbye);
    assert_eq!(code, 1001, "going away");
    let (user, status, _) = watcher.status().await;
    assert_eq!((user.as_str(), status.as_str()), ("ada", "offline"));
}
