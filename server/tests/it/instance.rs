//! Instances as processes of their own, which can be killed.

use std::process::{Child, Command, Stdio};

use crate::server::{Server, settings};

/// Where such a process finds its settings, a line each.
const FLAGS: &str = "REDRILL_TEST_INSTANCE";

/// What the process runs; without its settings, as among the tests, it does nothing.
#[tokio::test]
async fn serve() {
    let Ok(flags) = std::env::var(FLAGS) else { return };
    let flags: Vec<&str> = flags.lines().collect();
    let settings = settings(&flags).expect("the settings are right");
    let forever = std::future::pending();
    redrill_server::run(settings, |_| {}, forever).await.expect("the server runs");
}

/// An instance that can be killed.
pub(crate) struct Instance {
    child: Child,
    pub(crate) server: Server,
}

impl Instance {
    /// This very program, made to run nothing but [`serve`].
    pub(crate) async fn start(flags: &[String]) -> Self {
        let port = crate::redis::free_port();
        let own = ["--port".to_owned(), port.to_string()];
        let flags = [flags, &own].concat().join("\n");
        let child = Command::new(std::env::current_exe().expect("this program has a path"))
            .args(["--exact", "instance::serve"])
            .env(FLAGS, flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this program can be started again");
        Self { child, server: Server::elsewhere(port).await }
    }

    /// Stops the process in its tracks, or lets it go on.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(done.is_ok_and(|status| status.success()), "kill -{name} {id}");
    }

    /// As SIGKILL does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
