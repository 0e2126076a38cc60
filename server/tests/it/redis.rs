//! Redis nodes and Sentinels for tests: on free ports, in a folder of their own, gone when dropped.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::clock;
use crate::security::Security;

/// A process of Redis, or of Valkey where there is no Redis.
pub(crate) struct Node {
    child: Child,
    /// Where tests ask; in clear text.
    pub(crate) port: u16,
    /// Where instances connect.
    pub(crate) public: u16,
    /// What logs a test in.
    greeting: String,
    folder: TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port outside the ephemeral range, so that nothing takes it between two starts of a node.
pub(crate) fn free_port() -> u16 {
    (0..1000)
        .map(|_| rand::random_range(20_000..32_000))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("one of a thousand ports is free")
}

/// What serves as Redis on this machine.
fn program() -> &'static str {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_here =
        |name: &&str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let found = ["redis-server", "valkey-server"].into_iter().find(is_here);
    found.expect("redis-server or valkey-server is on the PATH")
}

pub(crate) fn wait_for(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = clock::now() + Duration::from_secs(30);
    while !happened() {
        assert!(clock::now() < deadline, "waited 30 s in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn launch(config: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(program());
    let command = command.arg(config).args(arguments).stdout(Stdio::null());
    command.spawn().expect("it can be started")
}

impl Node {
    /// A node with default settings.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    pub(crate) fn with(config: &str) -> Self {
        Self::guarded(None, config, &[])
    }

    /// Starts on a free port, or on another one if somebody else was faster.
    pub(crate) fn guarded(security: Option<&Security>, config: &str, arguments: &[&str]) -> Self {
        loop {
            let mut node = match security {
                None => Self::spawn_on(free_port(), config, arguments),
                Some(security) => {
                    let tls = free_port();
                    let guards = security.config(tls, arguments == ["--sentinel"]);
                    let config = format!("{config}{guards}");
                    let mut node = Self::spawn_on(free_port(), &config, arguments);
                    (node.public, node.greeting) = (tls, security.greeting());
                    node
                }
            };
            let mut lives = true;
            wait_for("redis-server to answer", || {
                lives = matches!(node.child.try_wait(), Ok(None));
                !lives || node.ask("PING").is_some()
            });
            let id = format!("process_id:{}\r", node.child.id());
            if lives && node.ask("INFO server").is_some_and(|info| info.contains(&id)) {
                return node;
            }
        }
    }

    fn spawn_on(port: u16, config: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("redis.conf");
        let dir = folder.path().display();
        let common =
            format!("port {port}\nbind 127.0.0.1\nprotected-mode no\ndir {dir}\n{config}\n");
        std::fs::write(&path, common).expect("the node's configuration is written");
        let child = launch(&path, arguments);
        Self { child, port, public: port, greeting: String::new(), folder }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its `run_id`, new at each start.
    pub(crate) fn run_id(&self) -> String {
        let info = self.ask("INFO server").unwrap_or_default();
        let id = info.lines().find_map(|line| line.strip_prefix("run_id:"));
        id.unwrap_or_default().trim().to_owned()
    }

    /// Sends an inline command and gives the whole answer, if there is one within a second.
    pub(crate) fn ask(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
        stream.write_all(format!("{}{command}\r\n", self.greeting).as_bytes()).ok()?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        for _ in 0..=self.greeting.matches('\n').count() {
            line.clear();
            reader.read_line(&mut line).ok()?;
        }
        if let Some(length) = line.strip_prefix('$').and_then(|it| it.trim().parse::<usize>().ok())
        {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            return String::from_utf8(body).ok();
        }
        (!line.is_empty()).then_some(line)
    }

    /// Stops the process in its tracks, or lets it go on.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(done.is_ok_and(|status| status.success()), "kill -{name} {id}");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the node can be killed");
        self.child.wait().expect("the node ends");
    }

    /// Starts it again after it was killed, with what it has saved.
    pub(crate) fn rise(&mut self) {
        self.child = launch(&self.folder.path().join("redis.conf"), &[]);
        wait_for("redis-server to answer", || self.ask("PING").is_some());
    }
}

/// One master, two replicas, three Sentinels with quick timers.
pub(crate) struct Group {
    pub(crate) nodes: Vec<Node>,
    pub(crate) sentinels: Vec<Node>,
}

impl Group {
    /// Quick to fail over.
    pub(crate) fn start() -> Self {
        Self::with(500)
    }

    /// A master is taken for dead after so many ms.
    pub(crate) fn with(down_after: u32) -> Self {
        Self::guarded(None, down_after)
    }

    pub(crate) fn guarded(security: Option<&Security>, down_after: u32) -> Self {
        let quick = "repl-diskless-sync-delay 0\n";
        let master = Node::guarded(security, quick, &[]);
        let port = master.public;
        let replica = format!("replicaof 127.0.0.1 {port}\n{quick}");
        let replicas = [(); 2].map(|()| Node::guarded(security, &replica, &[]));
        let login = security.map(Security::of_master).unwrap_or_default();
        let config = format!(
            "sentinel monitor mymaster 127.0.0.1 {port} 2\n\
             sentinel down-after-milliseconds mymaster {down_after}\n\
             sentinel failover-timeout mymaster 3000\n{login}"
        );
        let sentinel = |_| Node::guarded(security, &config, &["--sentinel"]);
        let sentinels: Vec<Node> = (0..3).map(sentinel).collect();
        let group = Self { nodes: [master].into_iter().chain(replicas).collect(), sentinels };
        wait_for("the replicas", || {
            let info = group.nodes[0].ask("INFO replication").unwrap_or_default();
            info.matches("state=online").count() == 2
        });
        wait_for("the Sentinels to know each other", || {
            group.sentinels.iter().all(|sentinel| {
                let info = sentinel.ask("INFO sentinel").unwrap_or_default();
                info.contains("slaves=2,sentinels=3")
            })
        });
        group
    }

    pub(crate) fn addresses(&self) -> String {
        let address = |node: &Node| format!("127.0.0.1:{}", node.public);
        self.sentinels.iter().map(address).collect::<Vec<_>>().join(",")
    }

    /// The run id of the node at this place.
    pub(crate) fn run_id(&self, index: usize) -> String {
        self.nodes[index].run_id()
    }

    /// Which node says that it is master, the one at `except` left out.
    pub(crate) fn master_except(&self, except: usize) -> Option<usize> {
        (0..self.nodes.len()).filter(|index| *index != except).find(|index| {
            self.nodes[*index].ask("INFO replication").unwrap_or_default().contains("role:master")
        })
    }
}
