//! A Redis with Sentinels behind a proxy that a test starts by hand: what somebody else runs.

use crate::environment::{eventually, tell};
use crate::faults::{HARNESS, SECOND};
use redrill::environment::RedisBinary;
use redrill_tests::redrill;
use redrill_toxiproxy::client::{Client, NewProxy, Proxy};
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// Who asks, where a password is set.
pub(crate) const PASSWORD: &str = "correct-horse";
/// The variable in which the harness is told.
pub(crate) const VARIABLE: &str = "REDRILL_TEST_PASSWORD";

/// A master, two replicas and three Sentinels; they end with this.
pub(crate) struct ByHand {
    pub(crate) folder: TempDir,
    pub(crate) client: Client,
    pub(crate) nodes: Vec<SocketAddr>,
    pub(crate) sentinels: Vec<SocketAddr>,
    api: SocketAddr,
    has_password: bool,
    processes: Vec<Child>,
}

/// What must be the same before and after.
pub(crate) type State = (BTreeMap<String, Proxy>, Vec<BTreeMap<String, String>>);

/// An address that a listener can lose and take again; see `ports.rs` of the environment, whose
/// addresses are others.
fn free() -> SocketAddr {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let given = std::process::id().wrapping_mul(97) + GIVEN.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 10_000 + (given % 9_000) as u16));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

impl ByHand {
    /// Starts everything and waits until the Sentinels agree.
    pub(crate) async fn start(has_password: bool) -> Self {
        let api = free();
        let mut all = Self {
            folder: tempfile::tempdir().unwrap(),
            client: Client::new(api),
            nodes: (0..3).map(|_| free()).collect(),
            sentinels: (0..3).map(|_| free()).collect(),
            api,
            has_password,
            processes: Vec::new(),
        };
        let port = api.port().to_string();
        let proxy = ["toxiproxy", "--host", "127.0.0.1", "--port", &port];
        all.spawn(redrill().to_owned(), &proxy.map(str::to_owned));
        let serves = async || all.client.proxies().await.is_ok();
        eventually("the proxy's API", 10 * SECOND, serves).await;
        let announced = all.create("redis", &all.nodes).await;
        let watched = all.create("watcher", &all.sentinels).await;
        for index in 0..3 {
            all.start_node(index, &announced);
        }
        let replicas = async || {
            all.ask(all.nodes[0], "INFO replication").await.matches("state=online").count() == 2
        };
        eventually("two replicas", 20 * SECOND, replicas).await;
        for (index, own) in watched.into_iter().enumerate() {
            all.start_sentinel(index, announced[0], own);
        }
        let agree = async || {
            let mut agreeing = 0;
            for sentinel in &all.sentinels {
                let quorum = tell(HARNESS, *sentinel, "SENTINEL CKQUORUM mymaster", SECOND).await;
                agreeing += usize::from(quorum.unwrap_or_default().contains("3 usable"));
            }
            agreeing == 3
        };
        eventually("Sentinels that agree", 20 * SECOND, agree).await;
        all
    }

    async fn create(&self, kind: &str, upstreams: &[SocketAddr]) -> Vec<SocketAddr> {
        let mut announced = Vec::new();
        for (index, upstream) in upstreams.iter().enumerate() {
            let listen = free();
            let proxy = NewProxy::new(format!("{kind} {index}"), &listen, upstream);
            self.client.create(&proxy).await.unwrap();
            announced.push(listen);
        }
        announced
    }

    fn start_node(&mut self, index: usize, announced: &[SocketAddr]) {
        let (direct, own) = (self.nodes[index], announced[index]);
        let mut text = format!(
            "port {}\nbind 127.0.0.1\nreplica-announce-ip 127.0.0.1\nreplica-announce-port {}\n\
             repl-diskless-sync-delay 0\nsave \"\"\n",
            direct.port(),
            own.port()
        );
        if index > 0 {
            text += &format!("replicaof 127.0.0.1 {}\n", announced[0].port());
        }
        if self.has_password {
            text += &format!("requirepass {PASSWORD}\nmasterauth {PASSWORD}\n");
        }
        self.start_redis(&format!("node-{index}"), &text, false);
    }

    fn start_sentinel(&mut self, index: usize, master: SocketAddr, own: SocketAddr) {
        let (port, own, master) = (self.sentinels[index].port(), own.port(), master.port());
        let mut text = format!(
            "port {port}\nbind 127.0.0.1\nsentinel announce-ip 127.0.0.1\nsentinel announce-port \
             {own}\nsentinel monitor mymaster 127.0.0.1 {master} 2\nsentinel \
             down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 3000\n"
        );
        if self.has_password {
            text += &format!("sentinel auth-pass mymaster {PASSWORD}\n");
        }
        self.start_redis(&format!("sentinel-{index}"), &text, true);
    }

    fn start_redis(&mut self, name: &str, text: &str, is_sentinel: bool) {
        let folder = self.folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        let path = folder.join("redis.conf");
        fs::write(&path, format!("dir {}\n{text}", folder.display())).unwrap();
        let mut arguments = vec![path.display().to_string()];
        arguments.extend(is_sentinel.then(|| "--sentinel".to_owned()));
        let redis = RedisBinary::find(&env::var_os("PATH").unwrap()).unwrap();
        self.spawn(redis.path, &arguments);
    }

    fn spawn(&mut self, program: PathBuf, arguments: &[String]) {
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        self.processes.push(command.spawn().unwrap());
    }

    /// What a node answers.
    pub(crate) async fn ask(&self, node: SocketAddr, command: &str) -> String {
        let login = if self.has_password { format!("AUTH {PASSWORD}\r\n") } else { String::new() };
        let said = tell(HARNESS, node, &format!("{login}{command}"), 2 * SECOND).await;
        let said = said.unwrap_or_default();
        said.strip_prefix("+OK\r\n").filter(|_| self.has_password).unwrap_or(&said).to_owned()
    }

    /// The environment as a plan writes it.
    pub(crate) fn environment(&self) -> String {
        let list = |addresses: &[SocketAddr]| {
            let quoted: Vec<String> = addresses.iter().map(|one| format!("\"{one}\"")).collect();
            quoted.join(", ")
        };
        let (nodes, sentinels, api) = (list(&self.nodes), list(&self.sentinels), self.api);
        let mut text = format!(
            "[environment]\nbackend = \"external\"\n[environment.external]\ntoxiproxy = \
             \"{api}\"\nnodes = [{nodes}]\nsentinels = [{sentinels}]\nproxy = \"redrill\"\n"
        );
        if self.has_password {
            text += &format!("password_variable = \"{VARIABLE}\"\n");
        }
        text
    }

    /// Proxies with their toxics, and every setting of every node but whom it follows, which a
    /// failover changes.
    pub(crate) async fn state(&self) -> State {
        let mut settings = Vec::new();
        for node in &self.nodes {
            let said = self.ask(*node, "CONFIG GET *").await;
            // Each word has its length on the line before it.
            let words: Vec<&str> = said.split("\r\n").skip(2).step_by(2).collect();
            let pairs = words.chunks_exact(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned()));
            let mut pairs: BTreeMap<String, String> = pairs.collect();
            assert!(pairs.len() > 50, "{said}");
            pairs.retain(|name, _| !["replicaof", "slaveof"].contains(&name.as_str()));
            settings.push(pairs);
        }
        (self.client.proxies().await.unwrap(), settings)
    }

    /// What is not as it was before.
    pub(crate) async fn changed(&self, before: &State) -> Vec<String> {
        let (proxies, settings) = self.state().await;
        let proxies = before.0.iter().filter_map(|(name, was)| {
            let is = proxies.get(name);
            (is != Some(was)).then(|| format!("{name} was {was:?} and is {is:?}"))
        });
        let settings = before.1.iter().zip(&settings).enumerate().flat_map(|(index, (was, is))| {
            let others = was.iter().filter(|(name, value)| is.get(*name) != Some(value));
            others.map(move |(name, was)| {
                format!("{name} of node {index} was {was} and is {:?}", is.get(name))
            })
        });
        proxies.chain(settings).collect()
    }

    /// Whether no node holds a key.
    pub(crate) async fn is_empty(&self) -> bool {
        self.are_empty(&self.nodes).await
    }

    /// Whether none of these nodes holds a key.
    pub(crate) async fn are_empty(&self, nodes: &[SocketAddr]) -> bool {
        let mut held = String::new();
        for node in nodes {
            held += &self.ask(*node, "INFO keyspace").await;
        }
        held.contains("Keyspace") && !held.contains("keys=")
    }

    /// Ends the last node, for good.
    pub(crate) async fn lose_a_node(&self) {
        let last = self.nodes[self.nodes.len() - 1];
        // It answers by going.
        let _ = tell(HARNESS, last, "SHUTDOWN NOSAVE", SECOND).await;
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
