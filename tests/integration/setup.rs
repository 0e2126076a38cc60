//! scripts/setup on machines that lack something. A machine is a folder of programs: real tools,
//! and stand-ins that say a version or write down how they were called.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use redrill_tests::workspace_root;
use tempfile::TempDir;

/// What the script may expect of any machine.
const TOOLS: &[&str] =
    &["cat", "chmod", "dirname", "head", "mktemp", "rm", "sed", "sort", "tail", "tee", "touch"];

struct Machine {
    folder: TempDir,
}

impl Machine {
    /// A user without root and sudo, with a compiler, Rust of any age, and no Redis.
    fn without_redis() -> Self {
        let machine = Self { folder: TempDir::new().expect("a temporary folder") };
        let path = std::env::var_os("PATH").expect("a PATH");
        for tool in TOOLS {
            let real = std::env::split_paths(&path).map(|folder| folder.join(tool));
            let real = real.into_iter().find(|file| file.exists()).expect(tool);
            symlink(real, machine.program(tool)).expect("a link");
        }
        machine.has("id", "echo 1000").has("cc", "").has("cargo", "echo cargo 1.100.0")
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds a program that runs these lines.
    fn has(self, name: &str, lines: &str) -> Self {
        fs::write(self.program(name), format!("#!/bin/sh\n{lines}\n")).expect("a program");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.program(name), executable).expect("a mode");
        self
    }

    /// Adds a package manager that anyone may call through sudo. What it is asked for is written
    /// down; `install` is the request that brings Redis, unless it comes before `refresh`.
    fn has_manager(self, manager: &str, install: &str, refresh: &str) -> Self {
        let folder = self.folder.path().display().to_string();
        let sudo = format!(
            "echo \"$*\" >> {folder}/calls
             case \"$*\" in
               '-n true' | service* | systemctl* | update-rc.d* | tee* | chmod* | rm*) ;;
               '{refresh}') touch {folder}/fresh ;;
               *'{install}') cat {folder}/fresh &&
                  printf '#!/bin/sh\\necho Redis server v=7.2.4' > {folder}/redis-server &&
                  chmod 755 {folder}/redis-server ;;
               *) exit 1 ;;
             esac"
        );
        let direct = format!("exec {folder}/sudo {manager} \"$@\"");
        self.has("sudo", &sudo).has(manager, &direct)
    }

    fn set_up(&self) -> Output {
        Command::new(workspace_root().join("scripts/setup"))
            .env_clear()
            .env("PATH", self.folder.path())
            .env("SETUP_ROOT", self.folder.path().join("root"))
            .stdin(Stdio::null())
            .output()
            .expect("scripts/setup runs")
    }

    /// The requests that changed packages or services, in order.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.program("calls")).unwrap_or_default();
        calls.lines().filter(|call| *call != "-n true").map(str::to_owned).collect()
    }
}

/// What a machine without Redis is told, having been refused.
fn refusal(machine: &Machine) -> String {
    let output = machine.set_up();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn nothing_is_said_or_called_when_all_is_there() {
    let machine = Machine::without_redis()
        .has_manager("apt-get", "install", "update")
        .has("redis-server", "echo Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0");
    let output = machine.set_up();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success() && output.stdout.is_empty() && machine.calls().is_empty());
}

#[test]
fn valkey_will_do() {
    let machine = Machine::without_redis().has("valkey-server", "echo Valkey server v=8.0.1 sha=0");
    let output = machine.set_up();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_manager_installs_redis_with_a_fresh_index_when_it_must() {
    let managers = [
        ("dnf", "dnf install -y redis", "dnf makecache --refresh"),
        ("dnf", "dnf install -y valkey", "dnf makecache --refresh"),
        ("apk", "apk add redis", "apk update"),
        ("pacman", "pacman -S --noconfirm --needed valkey", "pacman -Sy"),
        ("brew", "brew install redis", "brew update"),
    ];
    for (manager, install, refresh) in managers {
        let machine = Machine::without_redis().has_manager(manager, install, refresh);
        let output = machine.set_up();
        assert!(output.status.success(), "{manager}: {}", String::from_utf8_lossy(&output.stderr));
        let calls = machine.calls();
        assert!(calls.iter().any(|call| call == refresh), "{manager}: {calls:?}");
        assert_eq!(calls.last().map(String::as_str), Some(install));
    }
}

#[test]
fn a_fresh_index_is_not_refreshed() {
    let machine = Machine::without_redis().has_manager("apk", "apk add redis", "apk update");
    fs::write(machine.program("fresh"), "").expect("a file");
    assert!(machine.set_up().status.success());
    assert_eq!(machine.calls(), ["apk add redis"]);
}

#[test]
fn debians_service_is_neither_started_nor_left_enabled() {
    let machine = Machine::without_redis().has_manager("apt-get", "redis-server", "apt-get update");
    let machine = machine.has("systemctl", "");
    fs::write(machine.program("fresh"), "").expect("a file");
    let output = machine.set_up();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = machine.calls();
    let position = |wanted: &str| {
        calls.iter().position(|call| call.starts_with(wanted)).ok_or_else(|| calls.join("\n"))
    };
    let order =
        ["tee", "env DEBIAN", "service redis-server stop", "systemctl disable redis-server"]
            .map(position);
    assert!(order.is_sorted() && order[3].is_ok(), "{order:?}");
    let policy = machine.program("root/usr/sbin/policy-rc.d");
    assert_eq!(calls.last(), Some(&format!("rm -f {}", policy.display())));
}

#[test]
fn a_service_of_that_name_that_was_there_is_left_alone() {
    let machine = Machine::without_redis()
        .has_manager("apt-get", "redis-server", "apt-get update")
        .has("systemctl", "");
    let units = machine.program("root/etc/systemd/system");
    fs::create_dir_all(&units).expect("a folder");
    fs::write(units.join("redis-server.service"), "[Service]").expect("a unit");
    assert!(machine.set_up().status.success());
    let calls = machine.calls();
    assert!(calls.iter().all(|call| call.contains("apt-get")), "{calls:?}");
}

#[test]
fn what_cannot_be_done_is_said_with_the_way_out() {
    let stranger = Machine::without_redis();
    let said = refusal(&stranger);
    assert!(said.contains("redis is missing, and there is none of apt, dnf"), "{said}");
    assert!(said.contains("install Redis 7 or later"), "{said}");

    let guest = Machine::without_redis().has("apt-get", "exit 99");
    let said = refusal(&guest);
    assert!(said.contains("redis is missing, and only root can install it with apt"), "{said}");

    let broken = Machine::without_redis().has("brew", "echo no such formula; exit 1");
    let said = refusal(&broken);
    assert!(said.contains("brew failed: no such formula"), "{said}");
}

#[test]
fn what_is_too_old_is_named_with_what_is_needed() {
    let old_redis =
        Machine::without_redis().has("redis-server", "echo Redis server v=6.0.16 sha=0");
    let said = refusal(&old_redis);
    assert!(said.contains("redis-server is Redis 6.0.16: too old for a drill"), "{said}");

    let old_rust = Machine::without_redis()
        .has("redis-server", "echo Redis server v=10.0.0 sha=0")
        .has("cargo", "echo 'cargo 1.9.0 (x 2016-01-01)'");
    let said = refusal(&old_rust);
    assert!(said.contains("cargo is 1.9: too old for this workspace"), "{said}");
}
