//! Passwords and TLS: each role, on each topology, with certificates that are made here.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::json;
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::redis::{Group, Node};
use crate::server::{Redis, Server, eventually, settings};

const USER: &str = "app";
const PASSWORD: &str = "the nodes' secret";
const SENTINELS_PASSWORD: &str = "the Sentinels' secret";

/// A certificate authority, a certificate that it signed, and a user with a password.
pub(crate) struct Security {
    folder: TempDir,
}

impl Security {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = || KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::new([]).expect("no names");
        // A certificate whose issuer has its own name is taken for one that signed itself.
        authority.distinguished_name.push(DnType::CommonName, "the authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(authority, key()).expect("a signature");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let (params, own) = (CertificateParams::new(names).expect("good names"), key());
        let certificate = params.signed_by(&own, &issuer).expect("a signature");
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).expect("it is written");
        };
        write("ca.pem", issuer.pem());
        write("own.pem", certificate.pem());
        write("own.key", own.serialize_pem());
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A node's or Sentinel's settings; it demands a certificate of its clients.
    pub(crate) fn config(&self, tls_port: u16, sentinel: bool) -> String {
        let [ca, own, key] = ["ca.pem", "own.pem", "own.key"].map(|name| self.path(name));
        let (ca, own, key) = (ca.display(), own.display(), key.display());
        let tls = format!(
            "tls-port {tls_port}\ntls-ca-cert-file {ca}\ntls-cert-file {own}\n\
             tls-key-file {key}\ntls-auth-clients yes\ntls-replication yes\n"
        );
        let login = match sentinel {
            true => format!(
                "requirepass \"{SENTINELS_PASSWORD}\"\n\
                 sentinel sentinel-pass \"{SENTINELS_PASSWORD}\"\n"
            ),
            false => format!(
                "user default off\nuser {USER} on \">{PASSWORD}\" ~* &* +@all\n\
                 masteruser {USER}\nmasterauth \"{PASSWORD}\"\ntls-cluster yes\n"
            ),
        };
        format!("{tls}{login}")
    }

    /// How Sentinels log in to nodes.
    pub(crate) fn of_master(&self) -> String {
        format!("sentinel auth-user mymaster {USER}\nsentinel auth-pass mymaster \"{PASSWORD}\"\n")
    }

    /// What logs a test in, by an inline command, to a node or a Sentinel: one of them is right.
    pub(crate) fn greeting(&self) -> String {
        format!("AUTH {USER} \"{PASSWORD}\"\r\nAUTH \"{SENTINELS_PASSWORD}\"\r\n")
    }

    fn flags(&self) -> Vec<String> {
        let file = |name| self.path(name).display().to_string();
        let (ca, own, key) = (file("ca.pem"), file("own.pem"), file("own.key"));
        let tls = ["--redis-tls", "true", "--redis-tls-ca", &ca, "--redis-tls-cert", &own];
        let login = ["--redis-username", USER, "--redis-password", PASSWORD];
        let rest = ["--redis-tls-key", &key, "--redis-sentinel-password", SENTINELS_PASSWORD];
        [&tls[..], &login, &rest].concat().into_iter().map(ToOwned::to_owned).collect()
    }
}

/// Every capability serves over what is encrypted and locked.
async fn all_is_well(redis: &impl Redis, security: &Security) {
    let flags = security.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let server = Server::on(redis, &flags).await;
    let login = server.post("/api/session/login", json!({ "userId": "ada" })).await;
    assert_eq!(login.status(), 200);
    assert_eq!(server.get("/api/limited").await.status(), 200);
    let cached = server.post("/api/llm/generate", json!({ "prompt": "hi" })).await;
    assert!(cached.headers().get("x-degraded").is_none());
    server.submit("email-notifications", "send-email", json!({ "to": "a" }), json!({})).await;
    eventually("the job is done", || async {
        server.read("/api/queues/stats").await["email-notifications"]["completed"] == 1
    })
    .await;
    let _socket = crate::presence::Socket::online(&server, "ada").await;
    assert_eq!(server.read("/api/presence").await["count"], 1);
}

#[tokio::test]
async fn one_node_is_reached_by_tls_with_a_password() {
    let security = Security::new();
    all_is_well(&Node::guarded(Some(&security), "", &[]), &security).await;
}

#[tokio::test]
async fn sentinels_are_reached_by_tls_with_a_password_of_their_own() {
    let security = Security::new();
    all_is_well(&Group::guarded(Some(&security), 600_000), &security).await;
}

#[tokio::test]
async fn a_cluster_is_reached_by_tls_with_a_password() {
    let security = Security::new();
    all_is_well(&Cluster::guarded(Some(&security), 0, 600_000), &security).await;
}

/// Whether an instance with these flags instead is connected after a second.
async fn connects(node: &Node, security: &Security, instead: &[(&str, &str)]) -> bool {
    let mut flags = [node.flags(), security.flags()].concat();
    for (flag, value) in instead {
        let place = flags.iter().position(|known| known == flag).expect("it is set");
        flags[place + 1] = (*value).to_owned();
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let server = Server::unconnected(&flags).await;
    for _ in 0..50 {
        if server.get("/ready").await.status() == 200 {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn nobody_connects_to_a_server_that_is_not_trusted_or_with_a_wrong_password() {
    let (security, another) = (Security::new(), Security::new());
    let node = Node::guarded(Some(&security), "", &[]);
    let stranger = another.path("ca.pem").display().to_string();
    assert!(connects(&node, &security, &[]).await);
    assert!(!connects(&node, &security, &[("--redis-tls-ca", &stranger)]).await);
    assert!(!connects(&node, &security, &[("--redis-password", "guessed")]).await);
    assert!(!connects(&node, &security, &[("--redis-tls", "false")]).await);
}

#[test]
fn files_that_are_no_certificates_are_named() {
    let missing = Path::new("/nowhere/ca.pem").display().to_string();
    let flags = ["--redis-tls", "true", "--redis-tls-ca", &missing, "--redis-tls-cert", "one.pem"];
    let message = settings(&flags).expect_err("there are no such files");
    assert!(message.contains("/nowhere/ca.pem"), "{message}");
    assert!(message.contains("REDIS_TLS_KEY must be set too"), "{message}");
}
