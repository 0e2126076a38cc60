//! A command whose answer was lost is sent again as often as the setting says.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::redis::Node;
use crate::server::{Server, eventually, header};
use crate::upstream::Upstream;

/// Nothing but the requests reaches Redis, and no time-out comes before what is tested.
const QUIET: &[&str] = &[
    "--queue-llm-concurrency",
    "0",
    "--queue-email-concurrency",
    "0",
    "--redis-enable-metrics",
    "false",
    "--redis-command-timeout",
    "60000",
];

/// A command that waits at the node, which takes none that writes until it is told to go on.
async fn one_waits(node: &Node) {
    eventually("a command waits", || async {
        let info = node.ask("INFO clients").unwrap_or_default();
        info.contains("blocked_clients:1\r")
    })
    .await;
}

/// Begins a login, ends `kills` connections while its command waits, and lets what is left go on.
async fn login(retries: &str, kills: u32) -> (u16, String) {
    let node = Node::start();
    let flags = [QUIET, &["--redis-max-retries", retries]].concat();
    let server = Server::on(&node, &flags).await;
    assert_eq!(server.post("/api/session/login", json!({ "userId": "a" })).await.status(), 200);
    node.ask("CLIENT PAUSE 600000 WRITE").expect("the node answers");
    let login = server.post("/api/session/login", json!({ "userId": "ada" }));
    let faults = async {
        for _ in 0..kills {
            one_waits(&node).await;
            node.ask("CLIENT KILL TYPE normal").expect("the node answers");
        }
        node.ask("CLIENT UNPAUSE").expect("the node answers");
    };
    let (answer, ()) = tokio::join!(login, faults);
    (answer.status().as_u16(), header(&answer, "x-outcome").to_owned())
}

#[tokio::test]
async fn a_login_is_sent_again_three_times_and_not_a_fourth() {
    assert_eq!(login("3", 3).await, (200, String::new()));
    assert_eq!(login("3", 4).await, (503, "unknown".to_owned()));
}

#[tokio::test]
async fn without_retries_the_first_loss_is_told() {
    assert_eq!(login("0", 1).await, (503, "unknown".to_owned()));
}

/// What becomes of the answers on the way from a node.
#[derive(Clone, Copy)]
struct Way {
    swallows: bool,
    /// A connection of an earlier round has ended.
    round: u32,
}

/// Passes connections on to a node, and the node's answers or not.
struct Relay {
    port: u16,
    way: Arc<watch::Sender<Way>>,
}

impl Relay {
    async fn start(node: &Node) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let way = Arc::new(watch::channel(Way { swallows: false, round: 0 }).0);
        let (target, told) = (node.port, Arc::clone(&way));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, target, told.subscribe()));
            }
        });
        Self { port, way }
    }

    /// Answers vanish from now on.
    fn swallow(&self) {
        self.way.send_modify(|way| way.swallows = true);
    }

    /// Connections end; those that are made now serve.
    fn end(&self) {
        self.way.send_modify(|way| *way = Way { swallows: false, round: way.round + 1 });
    }
}

async fn has_ended(rounds: &mut watch::Receiver<Way>, round: u32) {
    let _ = rounds.wait_for(|way| way.round != round).await;
}

async fn pass(mut client: TcpStream, target: u16, told: watch::Receiver<Way>) {
    let Ok(mut node) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    let (mut asked, mut answered) = ([0; 4096], [0; 4096]);
    let (mut rounds, round) = (told.clone(), told.borrow().round);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => match read {
                Ok(length) if length > 0 => node.write_all(&asked[..length]).await.expect("taken"),
                _ => return,
            },
            read = node.read(&mut answered) => match read {
                Ok(length) if length > 0 => {
                    let passes = !told.borrow().swallows;
                    if passes {
                        client.write_all(&answered[..length]).await.expect("taken");
                    }
                }
                _ => return,
            },
            () = has_ended(&mut rounds, round) => return,
        }
    }
}

#[tokio::test]
async fn a_job_that_is_sent_again_after_it_has_run_and_was_trimmed_does_not_run_again() {
    let node = Node::start();
    let mails = Upstream::start(0, Duration::ZERO).await;
    let worker = ["--queue-email-keep-completed", "0", "--queue-email-concurrency", "1"];
    let worker = [&worker[..], &["--mail-upstream-url", &mails.url]].concat();
    let working = Server::on(&node, &worker).await;
    let relay = Relay::start(&node).await;
    let port = relay.port.to_string();
    let flags = [QUIET, &["--redis-host", "127.0.0.1", "--redis-port", &port]].concat();
    let submitting = Server::start(&flags).await;
    let job = |to: &str| {
        let data = json!({ "to": to });
        json!({ "queue": "email-notifications", "name": "send-email", "data": data })
    };
    // Loads the script: one that the node does not know it would only refuse.
    assert_eq!(submitting.post("/api/jobs", job("none")).await.status(), 202);
    relay.swallow();
    let submitted = submitting.post("/api/jobs", job("first"));
    let fault = async {
        eventually("the job has run and is trimmed", || async {
            let stats = &working.read("/api/queues/stats").await["email-notifications"];
            mails.calls().len() == 2 && stats["active"] == 0 && stats["completed"] == 0
        })
        .await;
        relay.end();
    };
    let (answer, ()) = tokio::join!(submitted, fault);
    assert_eq!(answer.status(), 202, "sent again, it is taken for the one that it is");
    let id = crate::server::body(answer).await["id"].clone();
    // Jobs run in the order of their submission: the first one would be again before this.
    assert_eq!(working.post("/api/jobs", job("second")).await.status(), 202);
    eventually("the second one has run", || async {
        mails.calls().iter().any(|call| call.body["to"] == "second")
    })
    .await;
    let ran: Vec<String> = mails.calls().into_iter().map(|call| call.job).collect();
    assert_eq!((ran.len(), ran[1].as_str()), (3, id.as_str().expect("an id")), "{ran:?}");
}
