//! The processes of a benchmark: each on its core, measured through `/proc`, ended with it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::drive::{Connection, Served, drive};
use crate::monitor;
use crate::routes::Request;
use crate::{OTHER_CORE, SERVER_CORE};

/// Redis and the server, running.
pub(crate) struct Machine {
    pub(crate) server: Child,
    pub(crate) port: u16,
    _redis: Killed,
    _folder: TempDir,
}

/// A process that listens.
pub(crate) struct Child {
    process: Killed,
    pub(crate) address: SocketAddr,
}

/// Ends with its owner.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn on_core(core: &str, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core, program]);
    command
}

fn own_program() -> Result<String> {
    let program = std::env::current_exe()?;
    Ok(program.to_str().context("the path of this program is not text")?.to_owned())
}

impl Machine {
    /// The server starts with these flags beside those that say where Redis is.
    pub(crate) async fn start(flags: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let redis = on_core(OTHER_CORE, "redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start redis-server; it and taskset must be on PATH")?;
        let redis = Killed(redis);
        let place = ["serve", "--port=0", "--redis-host=127.0.0.1"];
        let server = Child::start(&[&place[..], flags].concat(), port)?;
        let machine = Self { server, port, _redis: redis, _folder: folder };
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let mut connection = Connection::open(machine.server.address).await?;
            if connection.ask(&Request::get("/health")).await?.succeeded() {
                return Ok(machine);
            }
        }
        anyhow::bail!("the server has no Redis after 10 s");
    }

    /// Sends an inline command and gives the answer as it comes.
    pub(crate) fn ask(&self, command: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// A number of a section of `INFO`.
    pub(crate) fn info(&self, section: &str, field: &str) -> Result<u64> {
        let info = self.ask(&format!("INFO {section}"))?;
        let line = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(line.with_context(|| format!("no {field}"))?.trim().parse()?)
    }

    /// How many keys a database has.
    pub(crate) fn keys(&self, database: &str) -> Result<u64> {
        let info = self.ask("INFO keyspace")?;
        let line =
            info.lines().find_map(|line| line.strip_prefix(database)?.strip_prefix(":keys="));
        let count = line.and_then(|line| line.split(',').next()).unwrap_or("0");
        Ok(count.parse()?)
    }

    /// Empties Redis.
    pub(crate) fn flush(&self) {
        // What cannot be emptied shows in the next command.
        let _ = self.ask("FLUSHALL");
    }
}

/// Nothing but the requests: no jobs are run, no limit is reached.
pub(crate) const QUIET: &[&str] = &[
    "--queue-llm-concurrency=0",
    "--queue-email-concurrency=0",
    "--rate-limit-max-requests=1000000",
    "--rate-limit-llm-max-requests=1000000",
    "--rate-limit-burst-max-requests=1000000",
];

impl Child {
    fn start(arguments: &[&str], port: u16) -> Result<Self> {
        let process = on_core(SERVER_CORE, &own_program()?)
            .args(arguments)
            .env("REDIS_PORT", port.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start taskset")?;
        let mut process = Killed(process);
        let out = process.0.stdout.take().context("its output is a pipe")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("it said {line:?}"))?;
        Ok(Self { process, address })
    }

    pub(crate) fn bare_axum(length: usize) -> Result<Self> {
        Self::start(&["bare-axum", &length.to_string()], 0)
    }

    /// Drives it and gives what was answered and what CPU time that took.
    pub(crate) async fn driven(
        &self,
        request: &Request,
        connections: usize,
        length: Duration,
    ) -> Result<(Served, Duration)> {
        let cpu = || cpu(self.process.0.id());
        drive(self.address, request, connections, length, cpu).await
    }

    /// Resident memory in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.context("no VmRSS")?.parse::<u64>()? * 1024)
    }
}

/// µs of CPU that redis-rs takes for the commands, on the server's core.
pub(crate) async fn bare_redis(
    port: u16,
    commands: &[monitor::Command],
    tasks: usize,
    length: Duration,
) -> Result<f64> {
    let seconds = length.as_secs_f64().to_string();
    let mut child = on_core(SERVER_CORE, &own_program()?)
        .args(["bare-redis", &port.to_string(), &tasks.to_string(), &seconds])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let input = child.stdin.take().context("its input is a pipe")?;
    serde_json::to_writer(input, commands)?;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
    ensure!(output.status.success(), "the bare client failed");
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// CPU time of all threads of a process so far.
pub(crate) fn cpu(process: u32) -> Result<Duration> {
    let mut total = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let schedstat = std::fs::read_to_string(task?.path().join("schedstat"))?;
        total += schedstat.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(total))
}
